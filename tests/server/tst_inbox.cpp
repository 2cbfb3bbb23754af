#include "engine/server/inbox.h"

#include <QtTest>

using namespace ls;

/// When a Cancel may arrive: it always reaches its request, and never another one.
class TestInbox : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void init() { m_inbox = std::make_unique<Inbox>(); }

    void cancelOfAWaitingRequest_isOnItsItem()
    {
        push(1);
        push(2);
        cancel(2);
        QVERIFY(!m_inbox->wait()->cancelled);
        QVERIFY(m_inbox->wait()->cancelled);
    }

    void cancelBetweenTakingAndBeginning_reachesTheJob()
    {
        push(1);
        QVERIFY(!m_inbox->wait()->cancelled);
        cancel(1);
        Job job(1), other(2);
        m_inbox->begin(other);
        QVERIFY(!other.cancelled);
        m_inbox->begin(job);
        QVERIFY(job.cancelled);
    }

    void cancelOfARunningRequest_reachesTheJob()
    {
        Job job(1);
        m_inbox->begin(job);
        cancel(2);
        QVERIFY(!job.cancelled);
        cancel(1);
        QVERIFY(job.cancelled);
    }

    void cancelOfAFinishedRequest_isForgotten()
    {
        cancel(1);
        for (std::uint32_t id = 100; id < 200; ++id)
            cancel(id);
        Job job(300);
        m_inbox->begin(job);
        QVERIFY(!job.cancelled);
    }

    void closing_cancelsWhatRunsAndWhatWillRun()
    {
        Job job(1), later(2);
        m_inbox->begin(job);
        m_inbox->close();
        m_inbox->begin(later);
        QVERIFY(job.cancelled && later.cancelled);
        QVERIFY(!m_inbox->wait());
    }

private:
    void push(std::uint32_t id)
    {
        Generate generate;
        generate.requestId = id;
        m_inbox->push(generate);
    }
    void cancel(std::uint32_t target) { m_inbox->push(Cancel{1000, target}); }

    std::unique_ptr<Inbox> m_inbox;
};

QTEST_GUILESS_MAIN(TestInbox)
#include "tst_inbox.moc"
