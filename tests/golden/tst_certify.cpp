#include "core/certificate/certificate.h"
#include "engine/certify/certify.h"
#include "engine/certify/certify_parts.h"
#include "engine/evaluate/scoring.h"
#include "engine/forward/registry.h"
#include "tests/support/test_model.h"

#include <fmt/format.h>

#include <QDir>
#include <QtTest>

using namespace ls;
using namespace ls::test;

/// The engine's check of itself: it passes on every family, and finds what is wrong where it is wrong.
class TestCertify : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase() { registerMethods(MethodRegistry::instance()); }
    void everyFamily_passes_data();
    void everyFamily_passes();
    void smolLm_passes_data();
    void smolLm_passes();
    void skippedBlock_isFoundWhereItIs();
    void foreignReference_fails();
    void badReference_isRefused_data();
    void badReference_isRefused();
    void cancel_endsIt();
};

static const QString kTiny = QStringLiteral(LAYERSCOPE_TEST_DATA "/golden/tiny/");

static std::shared_ptr<const Model> open(const std::string& path, const char* dtype = "float32")
{
    LoadOptions options;
    options.dtype = dtype;
    auto model = Model::open(path, options);
    if (!model)
        qFatal("%s", model.error().message.c_str());
    return model.value();
}

static ExperimentContext contextOf(std::shared_ptr<const Model> model, const QString& reference = {})
{
    ExperimentContext context{std::move(model)};
    if (!reference.isEmpty())
        context.params["reference"] = reference.toStdString();
    context.progress = [](const std::string&, double, double) {};
    context.checkpoint = [] { return true; };
    context.interrupted = [] { return false; };
    return context;
}

static Certificate certificateOf(const ExperimentContext& context)
{
    const auto json = runCertify(context);
    if (!json)
        qFatal("%s %s", json.error().message.c_str(), json.error().detail.c_str());
    return certificateFromJson(json.value()).value();
}

void TestCertify::everyFamily_passes_data()
{
    QTest::addColumn<QString>("family");
    QTest::addColumn<QString>("dtype");
    for (const QString& family : QDir(kTiny).entryList(QDir::Dirs | QDir::NoDotAndDotDot))
        for (const char* dtype : {"float32", "bfloat16"})
            QTest::newRow(qPrintable(family + QLatin1Char(' ') + QLatin1String(dtype)))
                << family << QString::fromUtf8(dtype);
}

void TestCertify::everyFamily_passes()
{
    QFETCH(QString, family);
    QFETCH(QString, dtype);
    const bool exact = dtype == QLatin1String("float32");
    const QString folder = kTiny + family;
    const auto model = open(folder.toStdString(), qPrintable(dtype));
    if (!exact && model->config().expertCount > 0) { // rounding may choose another expert
        QCOMPARE(runCertify(contextOf(model)).error().code, Errc::NotSupported);
        return;
    }
    const Certificate certificate = certificateOf(contextOf(model, exact ? folder : QString()));
    for (const CertificateCheck& check : certificate.checks)
        QVERIFY2(check.passed, fmt::format("{}: {:.2e} {}", check.name, check.value, check.detail).c_str());
    QVERIFY2(certificate.verdict == "pass", certificate.firstOver.c_str());
    QCOMPARE(int(certificate.sources.size()), exact ? 2 : 1);
    for (const CertificateSource& source : certificate.sources) {
        QVERIFY(source.sites.size() > 12);
        QVERIFY2(!exact || worstError(source) < 2e-5, fmt::format("{:.2e}", worstError(source)).c_str());
    }
    QVERIFY(certificate.checks.size() > (exact ? 20u : 6u)); // with the golden interventions
}

void TestCertify::smolLm_passes_data()
{
    QTest::addColumn<QString>("dtype");
    QTest::newRow("float32") << QStringLiteral("float32");
    QTest::newRow("bfloat16") << QStringLiteral("bfloat16");
    QTest::newRow("quantised") << QStringLiteral("quantised");
}

void TestCertify::smolLm_passes()
{
    QVERIFY2(!smolLmPath().empty(), kSmolLmMissing);
    QFETCH(QString, dtype);
    const Certificate certificate = certificateOf(contextOf(open(smolLmPath(), qPrintable(dtype))));
    QVERIFY2(certificate.verdict == "pass", certificate.firstOver.c_str());
    QCOMPARE(int(certificate.sources[0].sites.size()), 3 + 30 * 14); // all sites but the masked scores
    QCOMPARE(int(certificate.sources[0].prompts.size()), 3);
    qInfo("%s", summaryLine(certificate).c_str());
}

/// A first implementation that leaves out a branch: the block is named, the ones around it are not blamed.
void TestCertify::skippedBlock_isFoundWhereItIs()
{
    const ExperimentContext context = contextOf(open((kTiny + QStringLiteral("llama")).toStdString()));
    const MethodSet skip{{"layer_skip", {{"mlp", {2}}}}};
    const auto plan = planOf(context.model, skip);
    QVERIFY(plan.ok());
    certify::ExactFindings found;
    for (const certify::CertifyPrompt& prompt : certify::prompts(*context.model))
        QVERIFY(certify::compareWithExact(context, plan.value(), prompt, found).ok());
    QStringList over;
    for (const SiteError& site : found.sites.inOrder())
        if (site.error >= 1e-4)
            over << QString::fromStdString(site.site);
    QCOMPARE(over, (QStringList{QStringLiteral("blocks.2.mlp_out"), QStringLiteral("blocks.2.resid_post")}));
    QVERIFY(found.sites.accumulated({Site::ResidPost, 3}) > 1e-4); // the whole pass is wrong from there on
    QVERIFY(found.sites.accumulated({Site::Logits, -1}) > 1e-4);
}

void TestCertify::foreignReference_fails()
{
    const auto model = open((kTiny + QStringLiteral("llama")).toStdString());
    const Certificate certificate = certificateOf(contextOf(model, kTiny + QStringLiteral("qwen2")));
    QCOMPARE(certificate.verdict, std::string("fail"));
    QVERIFY(certificate.firstOver.starts_with("blocks.0."));
    QVERIFY(worstError(certificate.sources[1]) < 2e-5); // float64 is not to blame
}

void TestCertify::badReference_isRefused_data()
{
    QTest::addColumn<QString>("folder");
    QTest::addColumn<int>("code");
    QTest::newRow("no such folder") << QStringLiteral("/no/such/folder") << int(Errc::FileNotFound);
    QTest::newRow("a folder without values")
        << QStringLiteral(LAYERSCOPE_TEST_DATA "/golden/chat") << int(Errc::FileNotFound);
}

void TestCertify::badReference_isRefused()
{
    QFETCH(QString, folder);
    const auto result = runCertify(contextOf(open((kTiny + QStringLiteral("llama")).toStdString()), folder));
    QVERIFY(!result.ok());
    QTEST(int(result.error().code), "code");
    const auto rounded = runCertify(
        contextOf(open((kTiny + QStringLiteral("llama")).toStdString(), "bfloat16"), kTiny + QStringLiteral("llama")));
    QCOMPARE(rounded.error().code, Errc::InvalidParameter);
}

void TestCertify::cancel_endsIt()
{
    ExperimentContext context = contextOf(open((kTiny + QStringLiteral("llama")).toStdString()));
    int blocks = 0;
    context.progress = [&](const std::string&, double, double) { ++blocks; };
    context.interrupted = [&] { return blocks >= 2; };
    QCOMPARE(runCertify(context).error().code, Errc::Cancelled);
    QCOMPARE(blocks, 2);
}

QTEST_GUILESS_MAIN(TestCertify)
#include "tst_certify.moc"
