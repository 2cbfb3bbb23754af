#include "core/data/vector_writer.h"
#include "tests/support/panel_desktop.h"
#include "ui/panels/steering_pairs.h"
#include "ui/panels/steering_panel.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/picture.h"
#include "ui/shell/text.h"

#include <QAction>
#include <QClipboard>
#include <QFileDialog>
#include <QFileInfo>
#include <QLineEdit>
#include <QSpinBox>
#include <QTabWidget>
#include <QTableWidget>

using namespace ls;
using test::Desktop;

/// The steering studio: pairs in, a vector that the session keeps, and the vector on a card.
class TestSteering : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void pairs_comeFromText_data();
    void pairs_comeFromText();
    void pairs_comeFromCsv();
    void examplesAreEnough();
    void tooFewPairs_isSaidInline();
    void build_showsTheEnginesNumbers();
    void vector_isThereAfterReopening();
    void use_isOneUndoableChange();
    void otherWidth_isRefusedInStudioAndCard();
    void nothingIsCutOff_data();
    void nothingIsCutOff();
};

namespace {

constexpr int kFakeWidth = 32;

QString cell(QTableWidget* table, int row, int column)
{
    return table->item(row, column) ? table->item(row, column)->text() : QString();
}

/// Example pairs, block 2, name "glad"; true once the vector is there.
bool buildExample(Desktop& desktop)
{
    desktop.window.setLayoutName(QStringLiteral("steer"));
    RepaintClock::instance().flush();
    desktop.find<QTabWidget>("steer.tabs")->setCurrentIndex(1);
    if (!desktop.click("steer.example"))
        return false;
    desktop.find<QLineEdit>("steer.name")->setText(QStringLiteral("glad"));
    desktop.find<QSpinBox>("steer.layer")->setValue(2);
    if (!desktop.click("steer.build"))
        return false;
    const bool done = QTest::qWaitFor(
        [&] {
            const auto* built = desktop.workbench.latestExperiment(QStringLiteral("build_steering"));
            return built && built->state == "done";
        },
        10000);
    RepaintClock::instance().flush();
    return done;
}

void answer(Desktop& desktop, const char* dialogName, const QString& path)
{
    auto* dialog = desktop.find<QFileDialog>(dialogName);
    QVERIFY(dialog);
    Q_EMIT dialog->fileSelected(path);
    dialog->close();
    RepaintClock::instance().flush();
}

} // namespace

void TestSteering::initTestCase()
{
    test::prepareDesktop();
}

void TestSteering::pairs_comeFromText_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<int>("count"); // -1 = refused
    QTest::newRow("tabs, as from a spreadsheet") << "good\tbad\nwarm, dry\tcold\n" << 2;
    QTest::newRow("CSV with a head line") << "positive,negative\n\"a, b\",c\n" << 1;
    QTest::newRow("head line in capitals") << "Positive\tNegative\na\tb" << 1;
    QTest::newRow("one column") << "good\nbad\n" << -1;
    QTest::newRow("nothing") << "" << 0;
}

void TestSteering::pairs_comeFromText()
{
    QFETCH(QString, text);
    QFETCH(int, count);
    const auto pairs = pairsFromText(text);
    QCOMPARE(pairs.ok(), count >= 0);
    if (pairs)
        QCOMPARE(int(pairs.value().size()), count);
    else
        QCOMPARE(pairs.error().code, Errc::DataColumns);
}

void TestSteering::pairs_comeFromCsv()
{
    const QTemporaryDir folder;
    const auto write = [&](const char* name, const char* content) {
        QFile file(folder.filePath(QLatin1String(name)));
        return file.open(QIODevice::WriteOnly) && file.write(content) > 0;
    };
    QVERIFY(write("good.csv", "id,negative,positive\n1,\"no, never\",yes\n"));
    const auto pairs = pairsFromCsv(folder.filePath(QStringLiteral("good.csv")));
    QVERIFY(pairs.ok());
    QVERIFY(pairs.value() == (Pairs{{QStringLiteral("yes"), QStringLiteral("no, never")}}));
    QVERIFY(write("other.csv", "question,answer\na,b\n"));
    const auto other = pairsFromCsv(folder.filePath(QStringLiteral("other.csv")));
    QCOMPARE(other.error().code, Errc::DataColumns);
    QVERIFY(text::sentence(other.error()).contains(QStringLiteral("question")));
}

void TestSteering::examplesAreEnough()
{
    const Pairs pairs = examplePairs();
    QVERIFY(int(pairs.size()) >= PairsEditor::kFewest);
    for (const auto& [positive, negative] : pairs)
        QVERIFY(!positive.isEmpty() && !negative.isEmpty() && positive != negative);
}

void TestSteering::tooFewPairs_isSaidInline()
{
    Desktop desktop;
    QVERIFY(desktop.open());
    desktop.window.setLayoutName(QStringLiteral("steer"));
    RepaintClock::instance().flush();
    desktop.find<QTabWidget>("steer.tabs")->setCurrentIndex(1);
    QApplication::clipboard()->setText(QStringLiteral("a\tb\nc\td\ne\tf\ng\th\ni\tj\n"));
    QVERIFY(desktop.click("steer.paste"));
    QCOMPARE(desktop.text("steer.pairCount"), QStringLiteral("5 pairs"));
    QVERIFY(desktop.click("steer.build"));
    auto* problem = desktop.find<QLabel>("steer.problem");
    QVERIFY(problem->isVisible());
    QVERIFY2(problem->text().startsWith(QStringLiteral("5 pairs; at least 8 are needed")), qPrintable(problem->text()));
    QCOMPARE(problem->toolTip(), QStringLiteral("too-few-pairs"));
    QVERIFY(!desktop.workbench.latestExperiment(QStringLiteral("build_steering")));
    QVERIFY(desktop.click("steer.addPair")); // half a pair
    auto* table = desktop.find<QTableWidget>("steer.pairs");
    table->item(5, 0)->setText(QStringLiteral("alone"));
    QVERIFY(!problem->isVisible()); // an edit takes the message back
    QVERIFY(desktop.click("steer.build"));
    QVERIFY2(problem->text().contains(QStringLiteral("Pair 6 has one side only")), qPrintable(problem->text()));
    QApplication::clipboard()->setText(QStringLiteral("one column\n"));
    QVERIFY(desktop.click("steer.paste"));
    QCOMPARE(problem->toolTip(), QStringLiteral("data-columns"));
    QCOMPARE(table->rowCount(), 6); // what was there stays
}

void TestSteering::build_showsTheEnginesNumbers()
{
    Desktop desktop;
    QVERIFY(desktop.open());
    QVERIFY(buildExample(desktop));
    const ExperimentData* built = desktop.workbench.latestExperiment(QStringLiteral("build_steering"));
    QCOMPARE(built->params["layer"].get<int>(), 2);
    QCOMPARE(built->params["positive"].size(), examplePairs().size());
    QCOMPARE(built->params["pooling"].get<std::string>(), std::string("last"));
    auto* table = desktop.find<QTableWidget>("steer.vectors");
    QCOMPARE(table->rowCount(), 1);
    QCOMPARE(cell(table, 0, 0), QStringLiteral("glad"));
    QCOMPARE(cell(table, 0, 1), QStringLiteral("2"));
    QCOMPARE(cell(table, 0, 2), text::number(built->result["norm"].get<double>(), 3));
    QCOMPARE(cell(table, 0, 3), text::number(built->result["cosine_halves"].get<double>(), 3));
    QCOMPARE(cell(table, 0, 4), text::number(built->result["held_out_accuracy"].get<double>(), 3));
    for (const char* number : {"1.600", "0.800", "0.900"}) // what the fake engine says
        QVERIFY2(desktop.text("steer.result").contains(QLatin1String(number)),
                 qPrintable(desktop.text("steer.result")));
    // The file: beside the session, with exactly the engine's direction.
    const auto vectors = steering::vectorsOf(*desktop.workbench.session());
    QCOMPARE(vectors.size(), 1u);
    QCOMPARE(QFileInfo(vectors[0].path).absolutePath(), steering::folderOf(*desktop.workbench.session()));
    const auto header = readVectorHeader(vectors[0].path.toStdString());
    QVERIFY(header.ok());
    QCOMPARE(header.value().widths, (std::map<int, int>{{2, kFakeWidth}}));
    QFile file(vectors[0].path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray bytes = file.readAll();
    for (const Artefact& artefact : desktop.workbench.session()->artefacts())
        if (artefact.name == "build_steering/direction.2")
            QVERIFY(bytes.contains(
                QByteArray(reinterpret_cast<const char*>(artefact.bytes.data()), qsizetype(artefact.bytes.size()))));
    QVERIFY(desktop.click("steer.exportVector"));
    const QString copy = desktop.folder.filePath(QStringLiteral("copy.gguf"));
    answer(desktop, "steer.exportDialog", copy);
    QFile exported(copy);
    QVERIFY(exported.open(QIODevice::ReadOnly));
    QVERIFY(exported.readAll() == bytes);
    // A second vector of the same block does not replace the first.
    QVERIFY(buildExample(desktop));
    QTRY_COMPARE(table->rowCount(), 2);
    QVERIFY(QFileInfo::exists(vectors[0].path));
}

void TestSteering::vector_isThereAfterReopening()
{
    const QTemporaryDir folder;
    const QString saved = folder.filePath(QStringLiteral("kept.lsdb"));
    {
        Desktop desktop;
        QVERIFY(desktop.open());
        QVERIFY(desktop.workbench.saveSessionAs(saved).ok());
        QVERIFY(buildExample(desktop));
        QVERIFY(desktop.workbench.session()->flush().ok());
    }
    QVERIFY(QFileInfo(folder.filePath(QStringLiteral("kept-vectors"))).isDir());
    Desktop again;
    QVERIFY(again.workbench.openSession(saved).ok());
    again.window.setLayoutName(QStringLiteral("steer"));
    RepaintClock::instance().flush();
    auto* table = again.find<QTableWidget>("steer.vectors");
    QCOMPARE(table->rowCount(), 1);
    QCOMPARE(cell(table, 0, 0), QStringLiteral("glad"));
    QCOMPARE(again.find<QTableWidget>("steer.pairs")->rowCount(), int(examplePairs().size()));
    QCOMPARE(again.find<QSpinBox>("steer.layer")->value(), 2);
    // The file is gone: the session has a copy.
    const QString path = steering::vectorsOf(*again.workbench.session())[0].path;
    QFile whole(path);
    QVERIFY(whole.open(QIODevice::ReadOnly));
    const QByteArray before = whole.readAll();
    whole.close();
    QVERIFY(QFile::remove(path));
    QVERIFY(again.click("steer.use"));
    QFile restored(path);
    QVERIFY(restored.open(QIODevice::ReadOnly));
    QVERIFY(restored.readAll() == before);
}

void TestSteering::use_isOneUndoableChange()
{
    Desktop desktop;
    QVERIFY(desktop.open());
    QVERIFY(buildExample(desktop));
    QVERIFY(desktop.click("steer.use"));
    const QString path = steering::vectorsOf(*desktop.workbench.session())[0].path;
    QCOMPARE(desktop.workbench.desk().size(), 1u);
    const DeskCard card = desktop.workbench.desk()[0];
    QCOMPARE(card.use.method, std::string("steering"));
    QCOMPARE(card.use.params["vector"].get<std::string>(), path.toStdString());
    QCOMPARE(card.use.params["layers"].dump(), std::string("[2]"));
    QCOMPARE(card.use.params["coefficient"].get<double>(), 1.0);
    QCOMPARE(card.use.params["unit"].get<std::string>(), std::string("raw"));
    QVERIFY(card.use.params.contains("tokens"));
    QVERIFY(!card.enabled);
    QVERIFY(desktop.click("card.steering.switch"));
    RepaintClock::instance().flush();
    auto* table = desktop.find<QTableWidget>("steer.vectors");
    QCOMPARE(cell(table, 0, table->columnCount() - 1), QStringLiteral("in use"));
    desktop.find<QAction>("action.undo")->trigger();
    desktop.find<QAction>("action.undo")->trigger();
    QVERIFY(desktop.workbench.desk().empty());
    desktop.find<QAction>("action.redo")->trigger();
    QCOMPARE(desktop.workbench.desk()[0].use.params["vector"].get<std::string>(), path.toStdString());
    // A card that is there is used, not doubled; the rest of it stays.
    Desk desk = desktop.workbench.desk();
    desk[0].use.params["tokens"] = "generated";
    desktop.workbench.changeDesk(QStringLiteral("tokens"), desk);
    QVERIFY(desktop.click("steer.use"));
    QCOMPARE(desktop.workbench.desk().size(), 1u);
    QCOMPARE(desktop.workbench.desk()[0].use.params["tokens"].get<std::string>(), std::string("generated"));
}

void TestSteering::otherWidth_isRefusedInStudioAndCard()
{
    Desktop desktop;
    QVERIFY(desktop.open());
    desktop.window.setLayoutName(QStringLiteral("steer"));
    RepaintClock::instance().flush();
    const QString path = desktop.folder.filePath(QStringLiteral("seven.gguf"));
    QVERIFY(writeControlVector(path.toStdString(), "llama", {{1, std::vector<float>(7, 1.0F)}}).ok());
    QVERIFY(desktop.click("steer.import"));
    answer(desktop, "steer.importDialog", path);
    QVERIFY2(desktop.text("steer.message").startsWith(QStringLiteral("seven.gguf has width 7, this model has 32.")),
             qPrintable(desktop.text("steer.message")));
    QCOMPARE(desktop.find<QLabel>("steer.message")->toolTip(), QStringLiteral("vector-width"));
    QCOMPARE(desktop.find<QTableWidget>("steer.vectors")->rowCount(), 0);
    desktop.find<QAction>("action.add.steering")->trigger();
    auto* field = desktop.find<QLineEdit>("card.steering.param.vector");
    QVERIFY(field);
    field->setFocus();
    field->selectAll();
    QTest::keyClicks(field, path);
    QTest::keyClick(field, Qt::Key_Return);
    auto* reason = desktop.find<QLabel>("card.steering.reason");
    QVERIFY(reason->isVisibleTo(&desktop.window));
    QVERIFY2(reason->text().contains(QStringLiteral("width 7, this model has 32")), qPrintable(reason->text()));
    QCOMPARE(desktop.workbench.desk()[0].use.params["vector"].get<std::string>(), std::string());
    // The right width is taken, in both places.
    const QString good = desktop.folder.filePath(QStringLiteral("good.gguf"));
    QVERIFY(writeControlVector(good.toStdString(), "llama", {{1, std::vector<float>(kFakeWidth, 1.0F)}}).ok());
    field->selectAll();
    QTest::keyClicks(field, good);
    QTest::keyClick(field, Qt::Key_Return);
    QCOMPARE(desktop.workbench.desk()[0].use.params["vector"].get<std::string>(), good.toStdString());
    QVERIFY(!reason->isVisibleTo(&desktop.window) || reason->text().isEmpty());
    QVERIFY(desktop.click("steer.import"));
    answer(desktop, "steer.importDialog", good);
    QCOMPARE(desktop.find<QTableWidget>("steer.vectors")->rowCount(), 1);
    QVERIFY(QFile::remove(good)); // an imported file has no copy in the session
    QVERIFY(desktop.click("steer.use"));
    QCOMPARE(desktop.find<QLabel>("steer.message")->toolTip(), QStringLiteral("file-not-found"));
}

void TestSteering::nothingIsCutOff_data()
{
    QTest::addColumn<QSize>("size");
    QTest::addColumn<int>("mode");
    QTest::addColumn<int>("tab");
    for (const QSize size : {QSize(1280, 800), QSize(1600, 1000)})
        for (const auto& [mode, name] : {std::pair{theme::Mode::Light, "light"}, {theme::Mode::Dark, "dark"}})
            for (const int tab : {0, 1})
                QTest::addRow("tab %d %s at %d x %d", tab, name, size.width(), size.height())
                    << size << int(mode) << tab;
}

void TestSteering::nothingIsCutOff()
{
    QFETCH(QSize, size);
    QFETCH(int, mode);
    QFETCH(int, tab);
    theme::setMode(theme::Mode(mode));
    Desktop desktop({}, size);
    QVERIFY(desktop.open());
    QVERIFY(buildExample(desktop));
    QVERIFY(desktop.click("steer.use"));
    desktop.find<QTabWidget>("steer.tabs")->setCurrentIndex(tab);
    QVERIFY(savePicture(&desktop.window, QStringLiteral(LAYERSCOPE_BIN_DIR "/../tests/steering-%1-%2-%3.png")
                                             .arg(tab)
                                             .arg(theme::isDark() ? QStringLiteral("dark") : QStringLiteral("light"))
                                             .arg(size.width()))
                .ok());
    QCOMPARE(desktop.window.size(), size);
    const QStringList cut = test::cutOff(desktop.window.findChild<SteeringPanel*>());
    QVERIFY2(cut.isEmpty(), qPrintable(cut.join(QStringLiteral(", "))));
    theme::setMode(theme::Mode::Light);
}

QTEST_MAIN(TestSteering)
#include "tst_steering.moc"
