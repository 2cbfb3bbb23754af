#include "core/report/report.h"
#include "core/report/svg.h"

#include <QFile>
#include <QTemporaryDir>
#include <QXmlStreamReader>
#include <QtTest>

#include <cmath>
#include <limits>

using namespace ls;

/// The report holds the session's numbers, in every format, and no text of a model can break it.
class TestReport : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void text_isEscaped_data();
    void text_isEscaped();
    void plot_isWellFormed_data();
    void plot_isWellFormed();
    void plot_showsNoNumberForNaN();
    void ticks_areRound();
    void report_holdsTheSession();
    void report_ofAnEmptySession();
    void report_withHostileTokens();
    void csv_keepsEveryDigit();
    void write_choosesByEnding_data();
    void write_choosesByEnding();
};

static QString problemOf(const std::string& xml)
{
    QXmlStreamReader reader(QByteArray::fromStdString(xml));
    while (!reader.atEnd())
        reader.readNext();
    return reader.errorString();
}

void TestReport::text_isEscaped_data()
{
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<QByteArray>("expected");
    QTest::newRow("markup") << QByteArray("<b a='\"'>&") << QByteArray("&lt;b a=&#39;&quot;&#39;&gt;&amp;");
    QTest::newRow("other scripts stay") << QByteArray("Zürich 東京 😀") << QByteArray("Zürich 東京 😀");
    QTest::newRow("half a character") << QByteArray("a\xe6\x9d") << QByteArray("a\xEF\xBF\xBD\xEF\xBF\xBD");
    QTest::newRow("overlong") << QByteArray("\xc0\xbc") << QByteArray("\xEF\xBF\xBD\xEF\xBF\xBD");
    QTest::newRow("surrogate") << QByteArray("\xed\xa0\x80") << QByteArray("\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    QTest::newRow("control characters") << QByteArray("a\0b\x1b", 4)
                                        << QByteArray("a\xEF\xBF\xBD"
                                                      "b\xEF\xBF\xBD");
    QTest::newRow("line ends stay") << QByteArray("a\n\tb") << QByteArray("a\n\tb");
}

void TestReport::text_isEscaped()
{
    QFETCH(QByteArray, text);
    QTEST(QByteArray::fromStdString(svg::escape(text.toStdString())), "expected");
}

void TestReport::plot_isWellFormed_data()
{
    QTest::addColumn<QByteArray>("svg");
    const auto row = [](const char* name, const std::string& svg) {
        QTest::newRow(name) << QByteArray::fromStdString(svg);
    };
    const double nan = std::numeric_limits<double>::quiet_NaN();
    row("heat map", svg::heatMap({{{0, 1}, {nan, 2}}, {"<a>", "\xff"}, {"\n</svg>", "東京"}, "layer", "token", "c"}));
    row("last strip of a map", svg::heatMap({{{0}, {nan}}, {}, {}, "layer", "", "c", 64, std::pair{-1.0, 1.0}, 64}));
    row("heat map of nothing", svg::heatMap({}));
    row("lines", svg::lines({{{"A & B", "#000", {0, 1, 2}, {1, nan, 3}, {0, 1, 2}, {2, 3, 4}}}, "x", "y", 0.5}));
    row("lines with marks", svg::lines({{{"A", "#000", {0, 9}, {1, 2}, {}, {}}}, "x", "y", {}, {{4, "<on>"}}, true}));
    row("lines of one value", svg::lines({{{"A", "#000", {3}, {0}, {}, {}}}, "x", "y", {}}));
    row("lines of nothing", svg::lines({}));
    row("bars", svg::bars({{"<i>", -2, "#000"}, {"b", nan, "#000"}}, "tok/s"));
    row("dots", svg::dots({{{"</svg>", 1, 0.5, 2, "#000"}, {"b", nan, {}, {}, "#000"}}, "%", 0.5, true}));
    row("dots of nothing", svg::dots({}));
}

void TestReport::plot_isWellFormed()
{
    QFETCH(QByteArray, svg);
    QCOMPARE(problemOf(svg.toStdString()), QString());
    QVERIFY(!svg.contains("nan") && !svg.contains("inf"));
}

void TestReport::plot_showsNoNumberForNaN()
{
    const double nan = std::numeric_limits<double>::quiet_NaN();
    QVERIFY(QByteArray::fromStdString(svg::heatMap({{{0, nan, 1}}, {}, {}, "", "", ""})).count("class=\"none\"") == 1);
    // The line is broken there: two starts of a path.
    const auto plot = svg::lines({{{"A", "#000", {0, 1, 2}, {1, nan, 3}, {}, {}}}, "x", "y", {}});
    QVERIFY(QRegularExpression("d=\"M[0-9. ]+M[0-9. ]+\"").match(QString::fromStdString(plot)).hasMatch());
    // A value between two gaps is a dot, as a line of no length would not be seen.
    QCOMPARE(QByteArray::fromStdString(plot).count("<circle"), 2);
    QCOMPARE(svg::viridis(0), std::string("#440154"));
    QCOMPARE(svg::viridis(1), std::string("#fde725"));
}

void TestReport::ticks_areRound()
{
    QCOMPARE(svg::ticks(0, 10), (std::vector<double>{0, 2, 4, 6, 8, 10}));
    QCOMPARE(svg::ticks(0, 1), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1}));
    QVERIFY(svg::ticks(1, 1).empty());
}

static std::unique_ptr<Session> sample(const std::string& piece = " there")
{
    auto session = Session::create("").value().release();
    RunSpec spec;
    spec.lanes = {{"A", {}}, {"B", {{"layer_skip", {{"blocks", {2}}}}}}};
    ModelInfo model;
    model.name = "tiny";
    model.fingerprint = "cafe";
    RunData& run = session->startRun(spec, model);
    session->record(run, GenerationStarted{1, {"A", "B"}, 1, 0, "Hi"});
    const std::vector<float> kl{0.125F}, probs{0.9F, 0.1F, 0.6F, 0.4F}, scores{0.5F, 1.5F},
        context{0.25F, std::nanf("")};
    const std::vector<std::int32_t> ids{1, 2, 3, 4};
    for (const std::string lane : {"A", "B"}) {
        session->record(run, Token{1, lane, 0, 1, "Hi", "prompt"});
        session->record(run, Token{1, lane, 1, 2, lane == "A" ? " you" : piece, "generated", -0.1F, 0.2F});
        session->record(run, Tap{1, lane, 0, "safety.score", TensorBlob::fromFloats({2}, scores), {}});
        session->record(run, Tap{1, lane, 1, "contextualisation.c", TensorBlob::fromFloats({2}, context), {}});
        session->record(run, Tap{1, lane, 1, "lens.ids", TensorBlob::fromInts({2, 2}, ids), {"a", piece, "c", "d"}});
        session->record(run, Tap{1, lane, 1, "lens.probs", TensorBlob::fromFloats({2, 2}, probs), {}});
    }
    session->record(run, Tap{1, "B", 1, "kl", TensorBlob::fromFloats({1}, kl), {}});
    session->record(run, Divergence{1, "B", 1});
    session->record(run, Applied{2, 1, "B", 1, "keep", "", 1500, {{"steering", {{"coefficient", 4}}}}});
    session->record(run, LaneDone{1, "B", "eos", 1, 25'000, 31.5});
    session->finishRun(run);
    ExperimentData& e = session->startExperiment("perplexity", {}, model);
    session->endExperiment(e, "failed", Error{Errc::NanStream, "NaN in block 3.", "", ""});
    session->addNote("Looks <odd>.");
    return std::unique_ptr<Session>(session);
}

static const report::Table* tableOf(const report::Document& document, const std::string& id)
{
    for (const auto& section : document.sections)
        for (const auto& block : section.blocks)
            if (const auto* table = std::get_if<report::Table>(&block); table && table->id == id)
                return table;
    return nullptr;
}

void TestReport::report_holdsTheSession()
{
    const auto session = sample();
    const auto document = buildReport(*session);
    QStringList titles;
    for (const auto& section : document.sections)
        titles << QString::fromStdString(section.title);
    for (const char* wanted :
         {"Summary", "Configuration: methods of each lane", "Text and divergence", "Switches during the run", "Speed",
          "Distance of the lanes", "Punctuation and context", "Safety state", "Logit lens of the last token",
          "Experiments log", "Notes", "Provenance", "Appendix: all numbers", "Appendix: all tokens"})
        QVERIFY2(titles.contains(wanted), wanted);
    const auto* kl = tableOf(document, "kl");
    QVERIFY(kl && kl->rows.size() == 1);
    QCOMPARE(*kl->rows[0][2].number, 0.125);
    const auto* lanes = tableOf(document, "lanes");
    QCOMPARE(*lanes->rows[1][4].number, 31.5);
    QCOMPARE(*lanes->rows[1][5].number, 25.0);
    QVERIFY(std::isnan(*lanes->rows[0][4].number)); // not measured is not zero
    const auto* toggle = tableOf(document, "toggles");
    QCOMPARE(*toggle->rows[0][3].number, 1.5);
    const QByteArray html = QByteArray::fromStdString(toHtml(document));
    QVERIFY(html.contains("class=\"differs mark\" title=\"first token that differs from lane A\"> there</span>"));
    QVERIFY(html.contains("NaN in block 3."));
    QVERIFY(!html.contains("<script"));
    QCOMPARE(html.count("http"), html.count("http://www.w3.org/2000/svg")); // nothing is fetched
}

void TestReport::report_ofAnEmptySession()
{
    auto session = Session::create("");
    const auto document = buildReport(*session.value());
    QCOMPARE(document.sections.size(), 1u);
    QVERIFY(toMarkdown(document).find("holds no generated text") != std::string::npos);
    QVERIFY(toCsv(document).empty());
}

void TestReport::report_withHostileTokens()
{
    const std::string hostile = "</span><script>alert(1)</script>|`*[x](y)\n\xff\",=1+1";
    const auto session = sample(hostile);
    const auto document = buildReport(*session);
    const QByteArray html = QByteArray::fromStdString(toHtml(document));
    QVERIFY(!html.contains("<script"));
    QVERIFY(html.contains("&lt;script&gt;"));
    const QByteArray body = html.mid(html.indexOf("<body>"), html.indexOf("</body>") + 7 - html.indexOf("<body>"));
    QCOMPARE(problemOf(body.toStdString()), QString());
    const std::string markdown = toMarkdown(document);
    QVERIFY(markdown.find("<script") == std::string::npos);
    int rows = 0;
    for (const QString& line : QString::fromStdString(markdown).split('\n'))
        if (line.startsWith("| B | 1 | 2 |")) { // the row of the token table has its eight cells
            QCOMPARE(QString(line).replace("\\|", "").count('|'), 9);
            ++rows;
        }
    QCOMPARE(rows, 1);
    for (const auto& file : toCsv(document))
        if (file.name == "tokens.csv")
            QVERIFY(file.content.find("\"</span><script>alert(1)</script>|`*[x](y)\n\xff\"\",=1+1\"") !=
                    std::string::npos);
}

void TestReport::csv_keepsEveryDigit()
{
    report::Document document{
        "t", {}, {{"s", "S", {report::Table{"x", "X", {"a,b", "c"}, {{0.1 + 0.2, std::nan("")}}}}}}, {}};
    const auto files = toCsv(document);
    QCOMPARE(files.size(), 1u);
    QCOMPARE(files[0].name, std::string("x.csv"));
    QCOMPARE(files[0].content, std::string("\"a,b\",c\r\n0.30000000000000004,\r\n"));
}

void TestReport::write_choosesByEnding_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("file");
    QTest::addColumn<int>("code");
    QTest::newRow("html") << "r.html"
                          << "r.html" << -1;
    QTest::newRow("markdown") << "r.md"
                              << "r.md" << -1;
    QTest::newRow("json") << "r.json"
                          << "r.json" << -1;
    QTest::newRow("csv makes a folder") << "r.csv"
                                        << "r/lanes.csv" << -1;
    QTest::newRow("another ending") << "r.doc"
                                    << "" << int(Errc::InvalidParameter);
    QTest::newRow("a folder that is missing") << "no/r.html"
                                              << "" << int(Errc::FileNotWritable);
}

void TestReport::write_choosesByEnding()
{
    QFETCH(QString, name);
    QFETCH(QString, file);
    QFETCH(int, code);
    const QTemporaryDir dir;
    const auto session = sample();
    const Status status = writeReport(dir.filePath(name).toStdString(), buildReport(*session));
    QCOMPARE(status.ok() ? -1 : int(status.error().code), code);
    if (status.ok())
        QVERIFY(QFile(dir.filePath(file)).size() > 50);
}

QTEST_GUILESS_MAIN(TestReport)
#include "tst_report.moc"
