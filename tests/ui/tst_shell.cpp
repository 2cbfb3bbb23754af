#include "ui/client/engine_client.h"
#include "ui/panels/token_flow.h"
#include "ui/plots/plot.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"

#include <QSignalSpy>
#include <QTest>

#include <cmath>

using namespace ls;

class TestShell : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void textIsReadable_data();
    void textIsReadable();
    void clockDrawsOnceAndOnlyWhatIsVisible();
    void tokensDoNotMoveWhenOthersArrive();
    void clickSelectsTheToken();
    void aDeathHasAReason_data();
    void aDeathHasAReason();
    void numbersUseTheMinusSign();
    void tokenAxisNamesPunctuation_data();
    void tokenAxisNamesPunctuation();
};

static double luminance(const QColor& c)
{
    const auto f = [](double v) { return v <= 0.03928 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); };
    return 0.2126 * f(c.redF()) + 0.7152 * f(c.greenF()) + 0.0722 * f(c.blueF());
}

void TestShell::textIsReadable_data()
{
    QTest::addColumn<int>("mode");
    QTest::addColumn<int>("role");
    using theme::Role;
    for (const auto& [name, mode] : {std::pair{"light", theme::Mode::Light}, {"dark", theme::Mode::Dark}})
        for (const Role role : {Role::Text, Role::TextSecond, Role::TextThird, Role::Accent, Role::LaneA, Role::LaneB,
                                Role::LaneC, Role::LaneD, Role::Good, Role::Warning, Role::Error})
            QTest::addRow("%s, role %d has contrast 4.5 on a panel", name, int(role)) << int(mode) << int(role);
}

void TestShell::textIsReadable()
{
    QFETCH(int, mode);
    QFETCH(int, role);
    theme::setMode(theme::Mode(mode));
    const double a = luminance(theme::color(theme::Role(role)));
    const double b = luminance(theme::color(theme::Role::Panel));
    QVERIFY2((std::max(a, b) + 0.05) / (std::min(a, b) + 0.05) >= 4.5, "contrast is too low");
}

void TestShell::clockDrawsOnceAndOnlyWhatIsVisible()
{
    QWidget shown, hidden;
    shown.show();
    int drawn = 0, drawnHidden = 0;
    for (int i = 0; i < 5; ++i) {
        RepaintClock::instance().markDirty(&shown, [&] { ++drawn; });
        RepaintClock::instance().markDirty(&hidden, [&] { ++drawnHidden; });
    }
    QTRY_COMPARE(drawn, 1);
    QCOMPARE(drawnHidden, 0);
    hidden.show();
    QTRY_COMPARE(drawnHidden, 1);
}

static LaneData laneOf(int count)
{
    LaneData lane;
    for (int i = 0; i < count; ++i)
        lane.tokens.push_back({i, " word", "generated", -1.0F, 0.5F});
    return lane;
}

void TestShell::tokensDoNotMoveWhenOthersArrive()
{
    TokenFlow flow;
    flow.resize(300, 400);
    flow.show();
    LaneData lane = laneOf(20);
    flow.setLane(&lane);
    const QImage before = flow.viewport()->grab().toImage().copy(0, 0, 300, 26);
    lane.tokens.push_back({99, " new", "generated"});
    flow.append();
    QCOMPARE(flow.shown(), 21);
    QCOMPARE(flow.viewport()->grab().toImage().copy(0, 0, 300, 26), before);
}

void TestShell::clickSelectsTheToken()
{
    TokenFlow flow;
    flow.resize(300, 400);
    flow.show();
    const LaneData lane = laneOf(3);
    flow.setLane(&lane);
    QSignalSpy spy(&flow, &TokenFlow::selected);
    QTest::mouseClick(flow.viewport(), Qt::LeftButton, {}, QPoint(14, 16));
    QCOMPARE(spy.size(), 1);
    QCOMPARE(spy[0][0].toInt(), 0);
}

void TestShell::aDeathHasAReason_data()
{
    QTest::addColumn<QString>("program");
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("code");
    QTest::newRow("a missing program is named")
        << QStringLiteral("/nonexistent/engine") << QStringList{} << QStringLiteral("engine-missing");
    QTest::newRow("an exit code is told")
        << QStringLiteral("/bin/sh") << QStringList{QStringLiteral("-c"), QStringLiteral("exit 3")}
        << QStringLiteral("engine-died");
    QTest::newRow("a kill is told") << QStringLiteral("/bin/sh")
                                    << QStringList{QStringLiteral("-c"), QStringLiteral("kill -9 $$")}
                                    << QStringLiteral("engine-died");
    QTest::newRow("text instead of messages is refused")
        << QStringLiteral("/bin/sh")
        << QStringList{QStringLiteral("-c"), QStringLiteral("echo this is no engine at all; sleep 5")}
        << QStringLiteral("protocol-message");
}

void TestShell::aDeathHasAReason()
{
    QFETCH(QString, program);
    QFETCH(QStringList, arguments);
    QFETCH(QString, code);
    EngineClient client(program, arguments);
    Error reason;
    connect(&client, &EngineClient::died, this, [&](const Error& error) { reason = error; });
    client.start();
    QTRY_COMPARE(client.state(), EngineClient::State::Died);
    QTRY_VERIFY(!reason.message.empty());
    QCOMPARE(text::of(errcName(reason.code)), code);
    QVERIFY(!client.send(Cancel{1, 1}));
}

void TestShell::numbersUseTheMinusSign()
{
    QCOMPARE(text::number(-1.25, 2), QStringLiteral("−1.25"));
    QCOMPARE(text::number(-0.001, 2), QStringLiteral("0.00"));
    QCOMPARE(text::signedNumber(0.5, 1), QStringLiteral("+0.5"));
    QCOMPARE(text::number(std::nan(""), 2), QStringLiteral("—"));
    QCOMPARE(text::signedBytes(-25165824), QStringLiteral("−24.0 MiB"));
}

void TestShell::tokenAxisNamesPunctuation_data()
{
    QTest::addColumn<QStringList>("tokens");
    QTest::addColumn<double>("pixels");
    QTest::addColumn<QStringList>("labels"); // "column:label"
    const QStringList words{"The", " sky", ",", " it", " is", " blue", ".", "\u201d", " Yes"};
    QTest::newRow("all have room") << words << 20.0 << QStringList{"0:The",   "1: sky", "2:,",      "3: it", "4: is",
                                                                   "5: blue", "6:.",    "7:\u201d", "8: Yes"};
    QTest::newRow("every second has room: punctuation first, neighbours share")
        << words << 7.0 << QStringList{"0:The", "2:,", "4: is", "6:.\u201d", "8: Yes"};
    QTest::newRow("hardly any room") << words << 3.0 << QStringList{"2:,", "6:.\u201d"};
    QTest::newRow("no punctuation") << QStringList{"a", "b", "c", "d"} << 7.0 << QStringList{"0:a", "2:c"};
    QTest::newRow("no tokens") << QStringList{} << 7.0 << QStringList{};
}

void TestShell::tokenAxisNamesPunctuation()
{
    QFETCH(QStringList, tokens);
    QFETCH(double, pixels);
    QFETCH(QStringList, labels);
    QStringList found;
    for (const auto& [column, label] : columnLabels(tokens, pixels))
        found << QStringLiteral("%1:%2").arg(column).arg(label);
    QCOMPARE(found, labels);
}

QTEST_MAIN(TestShell)
#include "tst_shell.moc"
