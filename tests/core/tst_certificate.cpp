#include "core/certificate/certificate.h"

#include <QTemporaryDir>
#include <QtTest>

#include <limits>

using namespace ls;

/// A certificate's verdict, and its way to the disk and back.
class TestCertificate : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void verdict_followsTheBars_data();
    void verdict_followsTheBars();
    void firstOver_isTheFirstOfThePass();
    void failedCheck_failsTheCertificate();
    void checkThatWasNotMade_isNotCounted();
    void reference_isKeptWhenCheckedWithoutIt();
    void file_givesBackWhatWasStored();
    void badFile_isRefusedWithAHint_data();
    void badFile_isRefusedWithAHint();
};

static Certificate withErrors(const char* dtype, const std::vector<double>& errors)
{
    Certificate out;
    out.dtype = dtype;
    out.madeAt = "2026-01-31T12:00:00Z";
    CertificateSource source{"float64", "", {"prose"}, {}};
    for (std::size_t i = 0; i < errors.size(); ++i)
        source.sites.push_back({"blocks." + std::to_string(i) + ".resid_post", errors[i], errors[i], 1, "prose", 0});
    out.sources.push_back(source);
    judge(out);
    return out;
}

void TestCertificate::verdict_followsTheBars_data()
{
    QTest::addColumn<QString>("dtype");
    QTest::addColumn<QList<double>>("errors");
    QTest::addColumn<QString>("verdict");
    const auto row = [](const char* claim, const char* dtype, QList<double> errors, const char* verdict) {
        QTest::newRow(claim) << QString::fromUtf8(dtype) << std::move(errors) << QString::fromUtf8(verdict);
    };
    row("noise passes", "float32", {1e-6, 2e-5}, "pass");
    row("at the first bar", "float32", {5e-5}, "unusual");
    row("at the second bar", "float32", {1e-4}, "fail");
    row("not a number", "float32", {std::numeric_limits<double>::quiet_NaN()}, "fail");
    row("bfloat16 rounds more", "bfloat16", {2e-2}, "pass");
    row("a wrong block in bfloat16", "bfloat16", {0.9}, "fail");
    row("quantised rounds inputs", "quantised", {1e-2}, "pass");
    row("a wrong block in quantised", "quantised", {0.1}, "fail");
    row("nothing was compared", "float32", {}, "fail");
}

void TestCertificate::verdict_followsTheBars()
{
    QFETCH(QString, dtype);
    QFETCH(QList<double>, errors);
    const Certificate certificate =
        withErrors(dtype.toUtf8().constData(), std::vector<double>(errors.begin(), errors.end()));
    QTEST(QString::fromStdString(certificate.verdict), "verdict");
}

void TestCertificate::firstOver_isTheFirstOfThePass()
{
    QCOMPARE(withErrors("float32", {1e-6, 6e-5, 2e-4}).firstOver, std::string("blocks.1.resid_post"));
    QCOMPARE(withErrors("float32", {1e-6}).firstOver, std::string());
}

void TestCertificate::failedCheck_failsTheCertificate()
{
    Certificate certificate = withErrors("float32", {1e-6});
    certificate.checks.push_back({"cached_decode", "Cached decode", 1e-3, 1e-5, false, {}});
    judge(certificate);
    QCOMPARE(certificate.verdict, std::string("fail"));
    QCOMPARE(certificate.firstOver, std::string("cached_decode"));
    QCOMPARE(summaryLine(certificate),
             std::string("fail: largest error 1.0e-06 (blocks.0.resid_post) against float64, 0 of 1 checks, float32, "
                         "2026-01-31"));
}

void TestCertificate::checkThatWasNotMade_isNotCounted()
{
    Certificate certificate = withErrors("float32", {1e-6});
    certificate.checks = {{"logits", "Logits", 1e-6, 1e-4, true, {}},
                          {"tokenizer", "Text", 0, 1, true, "no vocabulary", false}};
    judge(certificate);
    QCOMPARE(certificate.verdict, std::string("pass"));
    QCOMPARE(
        summaryLine(certificate),
        std::string("pass: largest error 1.0e-06 (blocks.0.resid_post) against float64, 1 of 1 checks (1 could not "
                    "be made), float32, 2026-01-31"));
}

void TestCertificate::reference_isKeptWhenCheckedWithoutIt()
{
    Certificate failed = withErrors("float32", {1e-6});
    failed.fingerprint = "abc";
    failed.sources.insert(failed.sources.begin(), {"reference", "", {"short"}, {{"blocks.2.mlp_out", 0.5, 0.5}}});
    failed.checks = {{"reference/short", "Continuation", 0.5, 1e-4, false, {}},
                     {"logits", "Logits", 1, 1e-4, false, {}}};
    judge(failed);
    Certificate newer = withErrors("float32", {1e-6});
    newer.fingerprint = "abc";
    Certificate other = newer;
    keepReference(newer, failed);
    QCOMPARE(newer.verdict, std::string("fail"));
    QCOMPARE(newer.firstOver, std::string("blocks.2.mlp_out"));
    QCOMPARE(int(newer.checks.size()), 1); // those of the reference only
    const Certificate once = newer;
    keepReference(newer, failed);
    QVERIFY(newer == once);
    other.fingerprint = "another file";
    keepReference(other, failed);
    QCOMPARE(other.verdict, std::string("pass"));
}

void TestCertificate::file_givesBackWhatWasStored()
{
    QTemporaryDir folder;
    qputenv("XDG_CACHE_HOME", folder.path().toUtf8());
    const std::string path = certificatePath("abc", "float32");
    QCOMPARE(QString::fromStdString(path), folder.filePath(QStringLiteral("layerscope/certificates/abc-float32.json")));
    QCOMPARE(loadCertificate(path).error().code, Errc::FileNotFound);
    Certificate certificate = withErrors("float32", {1e-6, std::numeric_limits<double>::infinity()});
    certificate.checks.push_back({"tokenizer", "Text", 1, 1, false, "unicode"});
    judge(certificate);
    QVERIFY(storeCertificate(path, certificate).ok());
    const auto back = loadCertificate(path);
    QVERIFY(back.ok());
    QVERIFY(back.value() == certificate);
}

void TestCertificate::badFile_isRefusedWithAHint_data()
{
    QTest::addColumn<QByteArray>("content");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("no JSON") << QByteArray("verdict: pass");
    QTest::newRow("another format") << QByteArray(R"({"format": 1})");
    QTest::newRow("no format") << QByteArray(R"({"verdict": "pass"})");
    QTest::newRow("wrong type") << QByteArray(R"({"format": 2, "sources": "none"})");
}

void TestCertificate::badFile_isRefusedWithAHint()
{
    QFETCH(QByteArray, content);
    QTemporaryDir folder;
    QFile file(folder.filePath(QStringLiteral("c.json")));
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(content);
    file.close();
    const auto read = loadCertificate(file.fileName().toStdString());
    QVERIFY(!read.ok());
    QCOMPARE(read.error().code, Errc::FileFormat);
    QVERIFY(!read.error().hint.empty());
}

QTEST_GUILESS_MAIN(TestCertificate)
#include "tst_certificate.moc"
