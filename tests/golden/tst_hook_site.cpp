#include "engine/model/config.h"
#include "engine/model/hook_site.h"
#include "engine/model/kv_cache.h"

#include <QtTest>

using namespace ls;

namespace {

ModelConfig blocks(int count)
{
    ModelConfig config;
    config.family = "test";
    config.blockCount = count;
    return config;
}

} // namespace

/// One name, one place: canonical names, aliases, globs.
class TestHookSite : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void name_meansOnePlace_data();
    void name_meansOnePlace();
    void name_survivesARoundTrip();
    void globs_expandInTheOrderOfThePass_data();
    void globs_expandInTheOrderOfThePass();
    void absentSites_areLeftOutByGlobsAndRefusedByName();
    void emptyLayer_hasNoKeys();
};

void TestHookSite::name_meansOnePlace_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("canonical"); // "-" = refused
    const auto row = [](const char* name, const char* canonical) {
        QTest::newRow(name) << QString::fromUtf8(name) << QString::fromUtf8(canonical);
    };
    row("blocks.7.resid_mid", "blocks.7.resid_mid");
    row("blocks.7.hook_resid_mid", "blocks.7.resid_mid");
    row("blocks.0.attn.hook_pattern", "blocks.0.attn.pattern");
    row("hook_embed", "embed");
    row("layers_output.3", "blocks.3.resid_post");
    row("logits", "logits");
    row("blocks.x.resid_mid", "-");
    row("blocks.3", "-");
    row("blocks.3.", "-");
    row("blocks.3.resid", "-");
    row("blocks.-1.resid_mid", "-");
    row("blocks.99999999999.resid_mid", "-");
    row("resid_post", "-");
    row("", "-");
}

void TestHookSite::name_meansOnePlace()
{
    QFETCH(QString, name);
    QFETCH(QString, canonical);
    const auto point = parseHookName(name.toStdString());
    QCOMPARE(point ? QString::fromStdString(hookName(point.value())) : QStringLiteral("-"), canonical);
    if (!point)
        QVERIFY(QString::fromStdString(point.error().hint).contains(QStringLiteral("Did you mean")));
}

void TestHookSite::name_survivesARoundTrip()
{
    const auto all = expandTaps({"*"}, blocks(3)).value();
    QCOMPARE(int(all.size()), 3 + 3 * 15);
    for (const HookPoint point : all)
        QCOMPARE(parseHookName(hookName(point)).value(), point);
}

void TestHookSite::globs_expandInTheOrderOfThePass_data()
{
    QTest::addColumn<QStringList>("patterns");
    QTest::addColumn<QString>("expected");
    QTest::newRow("one site of every block")
        << QStringList{QStringLiteral("blocks.*.resid_post")} << "blocks.0.resid_post blocks.1.resid_post";
    QTest::newRow("order and doubles do not matter")
        << QStringList{QStringLiteral("logits"), QStringLiteral("blocks.1.mlp_out"), QStringLiteral("embed"),
                       QStringLiteral("logits")}
        << "embed blocks.1.mlp_out logits";
    QTest::newRow("a block that is not there") << QStringList{QStringLiteral("blocks.2.mlp_out")} << "-";
    QTest::newRow("a glob without a match") << QStringList{QStringLiteral("blocks.*.nothing")} << "-";
    QTest::newRow("many stars end soon") << QStringList{QString(60, QLatin1Char('*')) + QStringLiteral("x") +
                                                        QString(60, QLatin1Char('*'))}
                                         << "-";
}

void TestHookSite::globs_expandInTheOrderOfThePass()
{
    QFETCH(QStringList, patterns);
    QFETCH(QString, expected);
    std::vector<std::string> list;
    for (const QString& pattern : patterns)
        list.push_back(pattern.toStdString());
    const auto points = expandTaps(list, blocks(2));
    QStringList names;
    for (const HookPoint point : points ? points.value() : std::vector<HookPoint>())
        names << QString::fromStdString(hookName(point));
    QCOMPARE(points ? names.join(QLatin1Char(' ')) : QStringLiteral("-"), expected);
}

void TestHookSite::absentSites_areLeftOutByGlobsAndRefusedByName()
{
    ModelConfig parallel = blocks(1), mixture = blocks(1);
    parallel.parallelResidual = true;
    mixture.expertCount = 4;
    QCOMPARE(int(expandTaps({"*"}, parallel).value().size()), 3 + 14);
    QCOMPARE(int(expandTaps({"*"}, mixture).value().size()), 3 + 13);
    QCOMPARE(expandTaps({"blocks.0.resid_mid"}, parallel).error().code, Errc::HookUnavailable);
    QCOMPARE(expandTaps({"blocks.0.mlp.act"}, mixture).error().code, Errc::HookUnavailable);
    QVERIFY(expandTaps({"blocks.0.resid_mid"}, mixture).ok());
}

void TestHookSite::emptyLayer_hasNoKeys()
{
    const KvCache cache(2, 3, 4, at::kFloat);
    QCOMPARE(cache.keys(1).size(1), 0);
    QCOMPARE(cache.bytes(), 0);
}

QTEST_GUILESS_MAIN(TestHookSite)
#include "tst_hook_site.moc"
