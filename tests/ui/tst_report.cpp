#include "core/data/datasets.h"
#include "core/report/report.h"
#include "core/report/shared_steps.h"
#include "tests/support/panel_desktop.h"
#include "ui/panels/report_pages.h"
#include "ui/panels/report_panel.h"
#include "ui/panels/report_worker.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/picture.h"
#include "ui/shell/text.h"

#include <QAction>
#include <QLineEdit>
#include <QListWidget>
#include <QProcess>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTableWidget>

using namespace ls;
using test::Desktop;

/// The report builder: what is exported is what the panels show, number by number, in every format; the pages cut
/// nothing off.
class TestReportPanel : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void report_equalsThePanels();
    void pdf_holdsEveryNumber();
    void pdf_hasVectorFiguresAndPageNumbers();
    void pages_cutNothingOff_data();
    void pages_cutNothingOff();
    void headings_stayWithWhatFollows();
    void missingSections_sayWhy();
    void leftOutSections_areInNoFormat();
    void export_writesReplacesAndFails();
    void nothingIsCutOff_data();
    void nothingIsCutOff();
};

namespace {

/// A run with a switch, and one of each experiment.
bool fill(Desktop& desktop)
{
    if (!desktop.open())
        return false;
    desktop.find<QAction>("action.add.layer_skip")->trigger();
    desktop.find<QSpinBox>("prompt.max")->setValue(48);
    desktop.find<QAction>("action.generate")->trigger();
    const auto generated = [&] {
        const RunData* run = desktop.workbench.run();
        const LaneData* lane = run ? run->lane("B") : nullptr;
        return lane && int(lane->tokens.size()) > lane->promptTokens() + 6;
    };
    if (!QTest::qWaitFor(generated, 10000) || !desktop.click("card.layer_skip.switch") ||
        !QTest::qWaitFor([&] { return !desktop.workbench.generating(); }, 15000))
        return false;
    const MethodSet methods = enabledMethods(desktop.workbench.desk());
    const nlohmann::json set = toJson(methods);
    const auto run = [&](const char* kind, const nlohmann::json& params) {
        const ExperimentData* done = desktop.run(kind, params);
        return done && done->state == "done";
    };
    const std::string words = "The river moves under the old stone house while a small light grows. ";
    std::string longer;
    for (int i = 0; i < 12; ++i)
        longer += words;
    return run("fit_safety", safetyParams()) && run("contextualisation_corpus", calibrationParams()) &&
           run("perplexity", {{"text", longer}, {"methods", set}, {"lanes", {"A", "B"}}, {"context", 32}}) &&
           run("accuracy", accuracyParams(trueFalseTask(), methods, 40)) &&
           run("bench", {{"tests", {"pp128", "tg32"}}, {"n", 5}, {"methods", set}, {"lanes", {"A", "B"}}}) &&
           run("measure_cost", {{"methods", set},
                                {"leave_out", 0},
                                {"text", words},
                                {"n", 5},
                                {"items", itemsJson(trueFalseTask(), 20)}}) &&
           run("build_steering", {{"name", "glad"},
                                  {"positive", {"a", "b", "c"}},
                                  {"negative", {"d", "e", "f"}},
                                  {"layer", 2},
                                  {"template", true}});
}

/// Shows the report and waits for its pages.
ReportPanel* show(Desktop& desktop)
{
    desktop.window.setLayoutName(QStringLiteral("report"));
    auto* panel = desktop.window.findChild<ReportPanel*>();
    const bool there = QTest::qWaitFor(
        [&] {
            RepaintClock::instance().flush();
            return panel->stateName() == QLatin1String("captured") && !panel->busy();
        },
        30000);
    return there ? panel : nullptr;
}

const report::Table* tableOf(const report::Document& document, const std::string& id)
{
    for (const auto& section : document.sections)
        for (const auto& block : section.blocks)
            if (const auto* table = std::get_if<report::Table>(&block); table && table->id == id)
                return table;
    return nullptr;
}

double cellOf(const report::Document& document, const std::string& id, const std::string& row, std::size_t column)
{
    if (const report::Table* table = tableOf(document, id))
        for (const auto& cells : table->rows)
            if (cells[0].text == row && column < cells.size() && cells[column].number)
                return *cells[column].number;
    return std::nan("");
}

/// Words of a PDF; null without the program, which installer/packages-debian-12.txt brings.
QString wordsOf(const QString& pdf, const QStringList& options = {})
{
    const QString program = QStandardPaths::findExecutable(QStringLiteral("pdftotext"));
    if (program.isEmpty())
        return {};
    QProcess process;
    process.start(program, QStringList{QStringLiteral("-enc"), QStringLiteral("UTF-8")} + options +
                               QStringList{pdf, QStringLiteral("-")});
    return process.waitForFinished() && process.exitCode() == 0 ? QString::fromUtf8(process.readAllStandardOutput())
                                                                : QString();
}

QByteArray read(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

} // namespace

void TestReportPanel::initTestCase()
{
    test::prepareDesktop();
}

void TestReportPanel::report_equalsThePanels()
{
    Desktop desktop({QStringLiteral("--rate"), QStringLiteral("120")});
    QVERIFY(fill(desktop));
    RepaintClock::instance().flush();
    const report::Document document = buildReport(*desktop.workbench.session());
    const RunData& run = *desktop.workbench.run();
    // lanes and status bar
    for (const char* lane : {"A", "B"}) {
        // over the steps of both lanes, so not the engine's own figure to the last digit
        QCOMPARE(cellOf(document, "lanes", lane, 4), decodeRate(run, *run.lane(lane)).value());
        QVERIFY(std::abs(cellOf(document, "lanes", lane, 4) / run.lane(lane)->tokensPerSecond - 1) < 0.3);
        QCOMPARE(cellOf(document, "lanes", lane, 5), double(run.lane(lane)->ttftUs) / 1000);
        QVERIFY(desktop.text("status.rates").contains(text::number(cellOf(document, "lanes", lane, 4), 1)));
    }
    // safety: the list of the panel, every layer
    auto* list = desktop.find<QTableWidget>("safety.list");
    const report::Table* areas = tableOf(document, "safety-auroc");
    QVERIFY(areas && !areas->rows.empty());
    QCOMPARE(list->rowCount(), int(areas->rows.size()));
    for (int row = 0; row < list->rowCount(); ++row) {
        const auto& cells = areas->rows[std::size_t(row)];
        QCOMPARE(list->item(row, 1)->text(), text::number(*cells[1].number, 3));
        QCOMPARE(list->item(row, 2)->text(),
                 QStringLiteral("%1 … %2").arg(text::number(*cells[2].number, 3), text::number(*cells[3].number, 3)));
    }
    // desk: cost line of the card, KL of the whole stack
    const report::Table* cost = tableOf(document, "cost");
    QVERIFY(cost && cost->rows.size() == 1);
    QCOMPARE(desktop.text("card.layer_skip.cost.tokps"),
             text::signedNumber(*cost->rows[0][2].number, 1) + QStringLiteral(" %"));
    QCOMPARE(desktop.text("card.layer_skip.cost.memory"), text::signedBytes(*cost->rows[0][3].number));
    QCOMPARE(desktop.text("card.layer_skip.cost.kl"), text::number(*cost->rows[0][4].number, 3));
    QCOMPARE(desktop.text("card.layer_skip.cost.accuracy"),
             text::signedNumber(*cost->rows[0][5].number, 1) + QStringLiteral(" pt"));
    // steering studio
    const auto* vectors = desktop.find<QTableWidget>("steer.vectors");
    for (int column = 2; column < 5; ++column)
        QCOMPARE(vectors->item(0, column)->text(),
                 text::number(cellOf(document, "steering", "glad", std::size_t(column) + 1), 3));
    // the switch, as the lane shows it
    QCOMPARE(run.toggles.size(), std::size_t(1));
    QCOMPARE(cellOf(document, "toggles", "B", 1), double(run.toggles[0].position));
    QCOMPARE(cellOf(document, "toggles", "B", 3), double(run.toggles[0].costUs) / 1000);
    // taps: every plotted contextualisation value of one token
    const LaneData& lane = *run.lane("B");
    const int token = int(lane.tokens.size()) - 3;
    const auto values = lane.tap("contextualisation.c", token)->value.floats();
    std::size_t found = 0;
    for (const auto& cells : tableOf(document, "contextualisation")->rows)
        if (cells[0].text == "B" && *cells[1].number == token) {
            QCOMPARE(*cells[5].number, double(values[std::size_t(*cells[4].number)]));
            ++found;
        }
    QCOMPARE(found, values.size());
}

void TestReportPanel::pdf_holdsEveryNumber()
{
    Desktop desktop;
    QVERIFY(fill(desktop));
    auto* panel = show(desktop);
    QVERIFY(panel);
    desktop.find<QLineEdit>("report.folder")->setText(desktop.folder.filePath(QStringLiteral("out")));
    desktop.find<QLineEdit>("report.name")->setText(QStringLiteral("all"));
    for (const char* format : {"report.format.md", "report.format.json"})
        desktop.find<QCheckBox>(format)->setChecked(true);
    QSignalSpy exported(panel, &ReportPanel::exported);
    QVERIFY(desktop.click("report.export"));
    QVERIFY(exported.wait(20000));
    QVERIFY2(exported[0][0].toStringList().size() == 5, qPrintable(desktop.text("report.result")));
    const QDir out(desktop.folder.filePath(QStringLiteral("out")));
    const report::Document document = buildReport(*desktop.workbench.session());
    const QByteArray html = read(out.filePath(QStringLiteral("all.html")));
    const QByteArray markdown = read(out.filePath(QStringLiteral("all.md")));
    const auto json = nlohmann::json::parse(read(out.filePath(QStringLiteral("all.json"))), nullptr, false);
    QVERIFY(json.is_object());
    const QString pdf = out.filePath(QStringLiteral("all.pdf"));
    const QString words = wordsOf(pdf, {QStringLiteral("-raw")});
    ReportPages pages(document);
    QString laidOut;
    for (int page = 0; page < pages.count(); ++page)
        laidOut += pages.text(page) + QLatin1Char('\n');
    int numbers = 0;
    for (std::size_t s = 0; s < document.sections.size(); ++s)
        for (std::size_t b = 0; b < document.sections[s].blocks.size(); ++b) {
            const auto* table = std::get_if<report::Table>(&document.sections[s].blocks[b]);
            if (!table)
                continue;
            QVERIFY2(QFileInfo::exists(out.filePath(QStringLiteral("all/%1.csv").arg(text::of(table->id)))),
                     table->id.c_str());
            const auto& rows = json["sections"][s]["blocks"][b]["rows"];
            QCOMPARE(rows.size(), table->rows.size());
            for (std::size_t r = 0; r < table->rows.size(); ++r)
                for (std::size_t c = 0; c < table->rows[r].size(); ++c) {
                    const report::Cell& cell = table->rows[r][c];
                    if (!cell.number || std::isnan(*cell.number))
                        continue;
                    QCOMPARE(rows[r][c].get<double>(), *cell.number);
                    if (table->fileOnly)
                        continue;
                    ++numbers;
                    QVERIFY2(html.contains(QByteArray::fromStdString(">" + cell.text + "<")), cell.text.c_str());
                    QVERIFY2(markdown.contains(QByteArray::fromStdString(cell.text.substr(0, cell.text.find(' ')))),
                             cell.text.c_str());
                    const QString first = text::of(cell.text).section(QLatin1Char(' '), 0, 0);
                    QVERIFY2(laidOut.contains(first), cell.text.c_str());
                    if (!words.isEmpty())
                        QVERIFY2(words.contains(first), cell.text.c_str());
                }
        }
    QVERIFY2(numbers > 300, qPrintable(QString::number(numbers)));
    // Preview and file are the same pages.
    auto* page = desktop.find<QLabel>("report.page");
    QCOMPARE(page->accessibleDescription().section(QLatin1Char('\n'), 0, 0), text::of(document.title));
    QCOMPARE(desktop.find<QListWidget>("report.thumbnails")->count(), pages.count());
    if (words.isEmpty())
        QSKIP("pdftotext is not installed: the PDF's own text was not read (package poppler-utils)");
    for (const auto& section : document.sections)
        QVERIFY2(words.contains(text::of(section.title)), section.title.c_str());
    for (const auto& [name, value] : document.facts)
        if (name != "report made")
            QVERIFY2(words.simplified().contains(text::of(value).simplified()), value.c_str());
}

void TestReportPanel::pdf_hasVectorFiguresAndPageNumbers()
{
    Desktop desktop;
    QVERIFY(fill(desktop));
    const QString folder = desktop.folder.filePath(QStringLiteral("render"));
    QVERIFY(renderReport(*desktop.workbench.session(), folder).ok());
    const QString pdf = folder + QStringLiteral("/report.pdf");
    const QByteArray bytes = read(pdf);
    QVERIFY(bytes.startsWith("%PDF-"));
    QVERIFY(!bytes.contains("/Subtype /Image")); // figures are not pictures
    const int pages = bytes.count("/Type /Page\n");
    QVERIFY(pages > 3);
    const QString words = wordsOf(pdf);
    if (words.isEmpty())
        QSKIP("pdftotext is not installed (package poppler-utils)");
    for (int page = 1; page <= pages; ++page)
        QVERIFY2(words.contains(QStringLiteral("%1 / %2").arg(page).arg(pages)), qPrintable(QString::number(page)));
}

void TestReportPanel::pages_cutNothingOff_data()
{
    QTest::addColumn<int>("columns");
    QTest::addColumn<int>("rows");
    QTest::addColumn<QString>("word");
    QTest::newRow("a narrow table over pages") << 2 << 200 << "word";
    QTest::newRow("more columns than fit") << 16 << 4 << "several words here";
    QTest::newRow("a word longer than the page is wide") << 3 << 3 << QString(600, QLatin1Char('x'));
    QTest::newRow("a cell longer than a page") << 2 << 2 << QStringLiteral("some words ").repeated(1500);
    QTest::newRow("lines and control characters") << 3 << 3 << QStringLiteral("a\n\nb\tc\x1b\r\n");
    QTest::newRow("other scripts") << 3 << 3 << QStringLiteral("東京 Zürich 😀 سلام");
}

void TestReportPanel::pages_cutNothingOff()
{
    QFETCH(int, columns);
    QFETCH(int, rows);
    QFETCH(QString, word);
    report::Table table{"t", "Table", {}, {}};
    for (int c = 0; c < columns; ++c)
        table.columns.push_back("column " + std::to_string(c));
    for (int r = 0; r < rows; ++r) {
        table.rows.emplace_back();
        for (int c = 0; c < columns; ++c)
            table.rows.back().push_back(c == 0 ? report::Cell(double(r) + 0.5) : report::Cell(word.toStdString()));
    }
    report::TokenText lane{"Lane", {}, {}, 3};
    for (int i = 0; i < 40; ++i) {
        lane.tokens.push_back(word.left(700).toStdString());
        lane.prompt.push_back(i < 2);
    }
    const ReportPages pages({"Title", {{"fact", word.left(300).toStdString()}}, {{"s", "Section", {table, lane}}}, {}});
    constexpr int kWidth = 595;
    const QColor white(Qt::white);
    QString all;
    for (int page = 0; page < pages.count(); ++page) {
        all += pages.text(page) + QLatin1Char('\n');
        const QImage image = pages.image(page, kWidth);
        const auto blank = [&](const QRect& area) {
            for (int y = area.top(); y <= area.bottom(); ++y)
                for (int x = area.left(); x <= area.right(); ++x)
                    if (image.pixelColor(x, y) != white)
                        return false;
            return true;
        };
        const int height = image.height();
        QVERIFY2(blank({0, 0, 44, height}), qPrintable(QStringLiteral("left of page %1").arg(page)));
        QVERIFY2(blank({kWidth - 44, 0, 44, height}), qPrintable(QStringLiteral("right of page %1").arg(page)));
        QVERIFY2(blank({0, 0, kWidth, 44}), qPrintable(QStringLiteral("top of page %1").arg(page)));
        QVERIFY2(blank({0, height - 40, kWidth, 40}), qPrintable(QStringLiteral("bottom of page %1").arg(page)));
        QVERIFY2(blank({0, height - 71, kWidth, 9}), qPrintable(QStringLiteral("above the foot of page %1").arg(page)));
    }
    for (int r = 0; r < rows; ++r) // every row is there
        QVERIFY(all.contains(QString::number(r + 0.5)));
    if (rows > 100) // the head stands on every page that the table goes on over
        QVERIFY(all.count(QStringLiteral("column 0")) >= pages.count() - 1);
}

void TestReportPanel::headings_stayWithWhatFollows()
{
    const report::Table table{"t", "Title of it", {"head"}, {{1.5}, {2.5}}};
    for (int lines = 30; lines < 75; ++lines) { // the heading comes to stand at every height, the foot included
        report::Section before{"a", "Before", {}};
        for (int i = 0; i < lines; ++i)
            before.blocks.emplace_back(report::Paragraph{"line"});
        const ReportPages pages({"Report", {}, {before, {"b", "Heading", {table}}}, {}});
        int together = 0;
        for (int page = 0; page < pages.count(); ++page)
            together += pages.text(page).contains(QStringLiteral("Heading\nTitle of it\nhead\n1.5"));
        QCOMPARE(together, 1);
    }
}

void TestReportPanel::missingSections_sayWhy()
{
    Desktop desktop;
    QVERIFY(desktop.open());
    desktop.window.setLayoutName(QStringLiteral("report"));
    RepaintClock::instance().flush();
    auto* panel = desktop.window.findChild<ReportPanel*>();
    desktop.find<QSpinBox>("prompt.max")->setValue(12);
    desktop.find<QAction>("action.generate")->trigger();
    QTRY_VERIFY_WITH_TIMEOUT(desktop.workbench.run() && !desktop.workbench.generating(), 15000);
    QVERIFY(show(desktop));
    auto* sections = desktop.find<QListWidget>("report.sections");
    bool accuracy = false, summary = false;
    for (int i = 0; i < sections->count(); ++i) {
        const QListWidgetItem* item = sections->item(i);
        const bool enabled = item->flags() & Qt::ItemIsEnabled;
        if (item->data(Qt::UserRole).toString() == QLatin1String("accuracy")) {
            accuracy = true;
            QVERIFY(!enabled);
            QVERIFY(item->text().contains(QStringLiteral("No accuracy task was run")));
        }
        if (item->data(Qt::UserRole).toString() == QLatin1String("summary")) {
            summary = true;
            QVERIFY(enabled && item->checkState() == Qt::Checked);
        }
    }
    QVERIFY(accuracy && summary);
    QVERIFY(panel->findChild<QLabel*>(QStringLiteral("report.page"))->pixmap().width() > 200);
}

void TestReportPanel::leftOutSections_areInNoFormat()
{
    Desktop desktop;
    QVERIFY(fill(desktop));
    auto* panel = show(desktop);
    QVERIFY(panel);
    auto* sections = desktop.find<QListWidget>("report.sections");
    const int before = desktop.find<QListWidget>("report.thumbnails")->count();
    QSignalSpy built(panel, &ReportPanel::built);
    for (int i = 0; i < sections->count(); ++i)
        if (sections->item(i)->data(Qt::UserRole).toString() == QLatin1String("tokens")) {
            sections->item(i)->setCheckState(Qt::Unchecked);
            break;
        }
    QVERIFY(built.wait(20000));
    QTRY_VERIFY(!panel->busy());
    QVERIFY(desktop.find<QListWidget>("report.thumbnails")->count() < before);
    desktop.find<QLineEdit>("report.folder")->setText(desktop.folder.path());
    desktop.find<QLineEdit>("report.name")->setText(QStringLiteral("short"));
    QSignalSpy exported(panel, &ReportPanel::exported);
    desktop.window.setLayoutName(QStringLiteral("inspect"));
    desktop.find<QAction>("action.exportReport")->trigger(); // Ctrl+E from anywhere
    QVERIFY(exported.wait(20000));
    QCOMPARE(desktop.window.layoutName(), QStringLiteral("report"));
    QVERIFY(!read(desktop.folder.filePath(QStringLiteral("short.html"))).contains("Appendix: all tokens"));
    QVERIFY(read(desktop.folder.filePath(QStringLiteral("short.html"))).contains("Appendix: all numbers"));
    QVERIFY(!QFileInfo::exists(desktop.folder.filePath(QStringLiteral("short/tokens.csv"))));
    if (const QString words = wordsOf(desktop.folder.filePath(QStringLiteral("short.pdf"))); !words.isEmpty())
        QVERIFY(!words.contains(QStringLiteral("all tokens")));
    QCOMPARE(desktop.workbench.session()->property("report")["left"].dump(), std::string("[\"tokens\"]"));
}

void TestReportPanel::export_writesReplacesAndFails()
{
    Desktop desktop;
    QVERIFY(fill(desktop));
    auto* panel = show(desktop);
    QVERIFY(panel);
    auto* folder = desktop.find<QLineEdit>("report.folder");
    auto* name = desktop.find<QLineEdit>("report.name");
    folder->setText(desktop.folder.path());
    name->setText(QStringLiteral("r"));
    QSignalSpy exported(panel, &ReportPanel::exported);
    QVERIFY(desktop.click("report.export"));
    QVERIFY(exported.wait(20000));
    QVERIFY(desktop.find<QAbstractButton>("report.openFolder")->isVisible());
    const QByteArray first = read(desktop.folder.filePath(QStringLiteral("r.html")));
    QVERIFY(first.size() > 1000);
    // Again: nothing is written before the user has seen what would be replaced.
    QVERIFY(desktop.click("report.export"));
    QVERIFY(desktop.text("report.result").contains(QStringLiteral("r.html")));
    QVERIFY(desktop.text("report.result").contains(QStringLiteral("exists already")));
    QCOMPARE(exported.size(), 1);
    QVERIFY(desktop.click("report.export"));
    QVERIFY(exported.wait(20000));
    // A folder that cannot be: the reason stands in the panel, no window opens.
    folder->setText(desktop.folder.filePath(QStringLiteral("r.html/inside")));
    QVERIFY(desktop.click("report.export"));
    QVERIFY(exported.wait(20000));
    QVERIFY(exported.last()[0].toStringList().isEmpty());
    QVERIFY(desktop.text("report.result").contains(QStringLiteral("cannot be made")));
    QVERIFY(!QApplication::activeModalWidget());
    name->setText(QStringLiteral("a/b"));
    QVERIFY(desktop.click("report.export"));
    QVERIFY(desktop.text("report.result").contains(QStringLiteral("without slashes")));
    for (auto* box : panel->findChildren<QCheckBox*>())
        box->setChecked(false);
    QVERIFY(!desktop.find<QAbstractButton>("report.export")->isEnabled());
}

void TestReportPanel::nothingIsCutOff_data()
{
    QTest::addColumn<QSize>("size");
    QTest::addColumn<int>("mode");
    for (const QSize size : {QSize(1280, 800), QSize(1600, 1000)})
        for (const auto& [mode, name] : {std::pair{theme::Mode::Light, "light"}, {theme::Mode::Dark, "dark"}})
            QTest::addRow("%s at %d x %d", name, size.width(), size.height()) << size << int(mode);
}

void TestReportPanel::nothingIsCutOff()
{
    QFETCH(QSize, size);
    QFETCH(int, mode);
    theme::setMode(theme::Mode(mode));
    Desktop desktop({}, size);
    QVERIFY(fill(desktop));
    auto* panel = show(desktop);
    QVERIFY(panel);
    QVERIFY(savePicture(&desktop.window, QStringLiteral(LAYERSCOPE_BIN_DIR "/../tests/report-%1-%2.png")
                                             .arg(theme::isDark() ? QStringLiteral("dark") : QStringLiteral("light"))
                                             .arg(size.width()))
                .ok());
    QCOMPARE(desktop.window.size(), size);
    const QStringList cut = test::cutOff(panel);
    QVERIFY2(cut.isEmpty(), qPrintable(cut.join(QStringLiteral(", "))));
    // Fit width: the page is as wide as its place, no less and no more.
    const auto* page = desktop.find<QLabel>("report.page");
    QVERIFY(std::abs(page->pixmap().deviceIndependentSize().width() - page->width()) < 24);
    theme::setMode(theme::Mode::Light);
}

QTEST_MAIN(TestReportPanel)
#include "tst_report.moc"
