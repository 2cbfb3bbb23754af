#include "core/process/engine_process.h"
#include "tests/support/test_model.h"

#include <QElapsedTimer>
#include <QTest>

#include <algorithm>
#include <chrono>

using namespace ls;

/// From Open on the wire to the first token of a chat message, in a fresh engine each time. Bar: 1.5 s on 2 cores with
/// a warm file cache, 1 s as quantised.
class TestFirstToken : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void firstToken_afterOpen_data();
    void firstToken_afterOpen();
};

void TestFirstToken::firstToken_afterOpen_data()
{
    QTest::addColumn<QString>("dtype");
    QTest::newRow("float32") << "float32";
    QTest::newRow("bfloat16") << "bfloat16";
    QTest::newRow("quantised") << "quantised";
}

void TestFirstToken::firstToken_afterOpen()
{
    QFETCH(QString, dtype);
    QVERIFY2(!test::smolLmPath().empty(), test::kSmolLmMissing);
    std::vector<qint64> opened, first;
    for (int run = 0; run < 6; ++run) {
        EngineOptions options;
        options.program = LAYERSCOPE_BIN_DIR "/layerscope-engine";
        auto engine = EngineProcess::start(options);
        QVERIFY(engine.ok());
        OpenModel open;
        open.requestId = engine.value()->nextRequestId();
        open.path = test::smolLmPath();
        open.dtype = dtype.toStdString();
        Generate generate;
        generate.prompt.messages.push_back({{"role", "user"}, {"content", "Name three rivers of Africa."}});
        generate.maxTokens = 1;
        QElapsedTimer clock;
        clock.start();
        QVERIFY(engine.value()->send(open).ok());
        qint64 openMs = 0, firstMs = 0;
        while (firstMs == 0) {
            const auto message = engine.value()->receive(std::chrono::seconds(60));
            QVERIFY(message.ok() && message.value());
            QVERIFY(!std::holds_alternative<Failed>(*message.value()));
            if (std::holds_alternative<ModelReady>(*message.value())) {
                openMs = clock.elapsed();
                generate.requestId = engine.value()->nextRequestId();
                QVERIFY(engine.value()->send(generate).ok());
            } else if (std::holds_alternative<Token>(*message.value())) {
                firstMs = clock.elapsed();
            }
        }
        if (run > 0) { // the first one warms the file cache
            opened.push_back(openMs);
            first.push_back(firstMs);
        }
    }
    std::sort(opened.begin(), opened.end());
    std::sort(first.begin(), first.end());
    const std::size_t middle = first.size() / 2;
    qInfo("%s: first token %lld ms after Open (median of %zu, %lld to %lld; bar %d); opened after %lld ms",
          qPrintable(dtype), static_cast<long long>(first[middle]), first.size(), static_cast<long long>(first.front()),
          static_cast<long long>(first.back()), dtype == QStringLiteral("quantised") ? 1000 : 1500,
          static_cast<long long>(opened[middle]));
    QVERIFY(first[middle] < 7500);
}

QTEST_GUILESS_MAIN(TestFirstToken)
#include "tst_first_token.moc"
