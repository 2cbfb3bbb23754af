#include "tests/support/panel_desktop.h"
#include "ui/models/model_facts.h"
#include "ui/models/tensor_model.h"
#include "ui/shell/dropped_path.h"
#include "ui/shell/open_model_dialog.h"
#include "ui/shell/recent_files.h"

#include <QAction>
#include <QClipboard>
#include <QComboBox>
#include <QDropEvent>
#include <QElapsedTimer>
#include <QLineEdit>
#include <QListWidget>
#include <QMimeData>
#include <QSettings>
#include <QSpinBox>
#include <QTableView>
#include <QtTest>

using namespace ls;
using namespace ls::test;

/// Opening a model: what the dialog says before anything is loaded, and all ways into it.
class TestOpenModel : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void initTestCase();
    void init();
    void fit_saysWhatWouldFit_data();
    void fit_saysWhatWouldFit();
    void facts_survivesAnything_data();
    void facts_survivesAnything();
    void file_isDescribedBeforeOpening();
    void refusal_comesBeforeOpen_data();
    void refusal_comesBeforeOpen();
    void dtypes_areThoseOfTheEngine();
    void tooLarge_offersWaysOut();
    void device_saysWhyItCannotBeUsed();
    void open_opensWhatWasChosen();
    void path_supersedesAndCanBeStopped();
    void engine_neverHoldsUpTheWindow();
    void drop_means_data();
    void drop_means();
    void drop_onTheWindowOpensTheDialog_data();
    void drop_onTheWindowOpensTheDialog();
    void drop_onTheDialogReplacesThePath();
    void recents_areKeptMarkedAndRemoved();
    void recents_areNotWrittenForPictures();
    void recents_ofTheFirstVersionsAreRead();
    void tensors_filterSortAndTotals();
    void tensors_ofALargeModelStayFluent();
    void generate_saysWhyItIsOff();
    void fallback_keepsItsReasonInANarrowWindow();
    void keyboard_reachesEverything();
    void names_areOnEveryControl();
    void pictures_data();
    void pictures();

private:
    QString file(const QString& name);
    static bool settle(OpenModelDialog* dialog, const QString& path);
    QTemporaryDir m_folder;
};

namespace {

ModelFacts factsOf(std::int64_t mib)
{
    ModelFacts facts;
    facts.trainedContext = 8192;
    facts.needs = {{QStringLiteral("float32"), mib << 20, 64 * 1024.0},
                   {QStringLiteral("bfloat16"), (mib << 20) / 2, 32 * 1024.0},
                   {QStringLiteral("quantised"), (mib << 20) / 4, 32 * 1024.0}};
    return facts;
}

OpenModelDialog* dialogOf(Desktop& desktop)
{
    return desktop.window.findChild<OpenModelDialog*>();
}

/// As a file manager drops; true if it was accepted.
bool drop(QWidget* target, const QStringList& paths)
{
    QMimeData data;
    QList<QUrl> urls;
    for (const QString& path : paths)
        urls << (path.contains(QStringLiteral("://")) ? QUrl(path) : QUrl::fromLocalFile(path));
    data.setUrls(urls);
    const QPoint at = target->rect().center();
    QDragEnterEvent enter(at, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(target, &enter);
    if (!enter.isAccepted())
        return false;
    QDropEvent event(at, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(target, &event);
    return event.isAccepted();
}

} // namespace

void TestOpenModel::initTestCase()
{
    prepareDesktop();
    QLocale::setDefault(QLocale(QLocale::English, QLocale::UnitedStates));
    QApplication::setOrganizationName(QStringLiteral("layerscope-test"));
    QApplication::setApplicationName(QStringLiteral("layerscope-test-open"));
}

void TestOpenModel::init()
{
    QSettings().clear();
    recent::setKept(true);
}

QString TestOpenModel::file(const QString& name)
{
    const QString path = m_folder.filePath(name);
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly) || file.write("not read by the fake engine") < 0)
        qFatal("no temporary files");
    return path;
}

/// Gives the dialog a path and waits for the answer.
bool TestOpenModel::settle(OpenModelDialog* dialog, const QString& path)
{
    dialog->setPath(path);
    auto* reason = dialog->findChild<QLabel*>(QStringLiteral("open.reason"));
    return QTest::qWaitFor([&] { return !reason->text().contains(QStringLiteral("being read")); }, 10000);
}

void TestOpenModel::fit_saysWhatWouldFit_data()
{
    QTest::addColumn<int>("mib"); // of float32
    QTest::addColumn<QString>("dtype");
    QTest::addColumn<int>("context");
    QTest::addColumn<int>("freeMib");
    QTest::addColumn<int>("verdict");
    QTest::addColumn<QString>("says");
    QTest::addColumn<QString>("wayOutDtype");
    QTest::addColumn<int>("wayOutContext");
    const QString f32 = QStringLiteral("float32"), none;
    QTest::newRow("fits") << 1000 << f32 << 1024 << 2000 << int(Fit::Verdict::Fits)
                          << "float32 (exact) needs 1.04 GiB, 1.95 GiB are free." << none << 0;
    QTest::newRow("more than 90 % is tight")
        << 1000 << f32 << 1024 << 1100 << int(Fit::Verdict::Tight) << "1.07 GiB are free: tight." << none << 0;
    QTest::newRow("weights do not fit: the other dtypes that do")
        << 16000 << f32 << 1024 << 12000 << int(Fit::Verdict::TooLarge)
        << "float32 (exact) needs 15.69 GiB, only 11.72 GiB are free. Would fit: bfloat16 (half the memory): 7.84 GiB; "
           "as in the file (quantised): 3.94 GiB."
        << "bfloat16" << 0;
    QTest::newRow("only the quantised one fits") << 16000 << f32 << 1024 << 5000 << int(Fit::Verdict::TooLarge)
                                                 << "Would fit: as in the file (quantised): 3.94 GiB."
                                                 << "quantised" << 0;
    QTest::newRow("nothing fits") << 16000 << f32 << 1024 << 1000 << int(Fit::Verdict::TooLarge)
                                  << "Nothing fits: the least is as in the file (quantised) with 3.91 GiB." << none
                                  << 0;
    QTest::newRow("the context is what is too long")
        << 1000 << f32 << 8192 << 1300 << int(Fit::Verdict::ContextTooLarge)
        << "It fits with a context of 4,096 tokens."
        << "bfloat16" << 4096;
    QTest::newRow("free memory is not known") << 1000 << f32 << 1024 << 0 << int(Fit::Verdict::Unknown)
                                              << "how much is free on this device is not known" << none << 0;
    QTest::newRow("a dtype the file has not")
        << 1000 << QStringLiteral("int3") << 1024 << 1000 << int(Fit::Verdict::Unknown) << "" << none << 0;
}

void TestOpenModel::fit_saysWhatWouldFit()
{
    QFETCH(int, mib);
    QFETCH(QString, dtype);
    QFETCH(int, context);
    QFETCH(int, freeMib);
    QFETCH(int, verdict);
    QFETCH(QString, says);
    QFETCH(QString, wayOutDtype);
    QFETCH(int, wayOutContext);
    const Fit fit = fitOf(factsOf(mib), dtype, context, std::int64_t(freeMib) << 20);
    QCOMPARE(int(fit.verdict), verdict);
    QVERIFY2(fit.sentence.contains(says), qPrintable(fit.sentence));
    QCOMPARE(fit.wayOutDtype, wayOutDtype);
    QCOMPARE(fit.wayOutContext, wayOutContext);
    if (fit.wayOutContext > 0) // what it offers is true
        QVERIFY(fitOf(factsOf(mib), dtype, fit.wayOutContext, std::int64_t(freeMib) << 20).share <= 1);
    if (!fit.wayOutDtype.isEmpty())
        QVERIFY(fitOf(factsOf(mib), fit.wayOutDtype, context, std::int64_t(freeMib) << 20).share <= 1);
}

void TestOpenModel::facts_survivesAnything_data()
{
    QTest::addColumn<QByteArray>("json");
    QTest::newRow("null") << QByteArray("null");
    QTest::newRow("a list") << QByteArray("[1,2]");
    QTest::newRow("other kinds") << QByteArray(R"({"family":3,"tensors":{"a":1},"memory":"x","config":[],"card":7})");
    QTest::newRow("rows of other kinds") << QByteArray(
        R"({"tensors":[1,{"name":2,"shape":"a","bytes":-5}],"memory":[3,{"dtype":4},{"dtype":"a","context":0}]})");
    QTest::newRow("an extent that overflows") << QByteArray(
        R"({"tensors":[{"name":"t","shape":[9223372036854775807,9223372036854775807],"type":"F32","bytes":1}]})");
}

void TestOpenModel::facts_survivesAnything()
{
    QFETCH(QByteArray, json);
    const auto info = nlohmann::json::parse(json.toStdString());
    const ModelFacts facts = modelFacts(info);
    QVERIFY(factRows(facts).size() > 2);
    for (const DtypeNeed& need : facts.needs)
        QVERIFY(need.weightBytes >= 0 && std::isfinite(need.kvBytesPerToken));
    TensorModel model;
    if (info.is_object() && info.contains("tensors"))
        model.setTensors(info["tensors"]);
    for (int row = 0; row < model.rowCount(); ++row)
        for (int column = 0; column < TensorModel::ColumnCount; ++column)
            (void)model.index(row, column).data().toString();
}

void TestOpenModel::file_isDescribedBeforeOpening()
{
    Desktop desktop;
    desktop.window.openPath(file(QStringLiteral("plain.gguf")));
    auto* load = desktop.find<QAbstractButton>("open.load");
    QVERIFY(load);
    QTRY_VERIFY(load->isEnabled());
    const QString facts = desktop.text("open.facts");
    for (const char* part : {"Fake 135M", "134.5 M", "6 × 32", "4 / 4", "Q8_0", "Q4_1", "2,048 tokens", "apache-2.0",
                             "gpt2", "chat template", "93.8 MiB"})
        QVERIFY2(facts.contains(QString::fromUtf8(part)), part);
    QVERIFY(!desktop.client.model()); // nothing was loaded
    QVERIFY(settle(dialogOf(desktop), file(QStringLiteral("bare.gguf"))));
    QTRY_VERIFY(desktop.text("open.facts").contains(QStringLiteral("not stated")));
    QVERIFY(desktop.text("open.facts").contains(QStringLiteral("none: prompts as ids only")));
    QVERIFY(desktop.text("open.facts").contains(QStringLiteral("none: plain text")));
}

void TestOpenModel::refusal_comesBeforeOpen_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("message");
    QTest::addColumn<QString>("hint");
    QTest::addColumn<bool>("tensorsShown");
    QTest::newRow("pickle") << QStringLiteral("pickle.bin") << QStringLiteral("can run code")
                            << QStringLiteral("Convert it to safetensors") << false;
    QTest::newRow("unknown family") << QStringLiteral("unknown.gguf") << QStringLiteral("is not supported")
                                    << QStringLiteral("tensors can be looked at") << true;
    QTest::newRow("missing") << QStringLiteral("../nowhere.gguf") << QStringLiteral("does not exist")
                             << QStringLiteral("Check the path") << false;
}

void TestOpenModel::refusal_comesBeforeOpen()
{
    QFETCH(QString, name);
    QFETCH(QString, message);
    QFETCH(QString, hint);
    QFETCH(bool, tensorsShown);
    Desktop desktop;
    desktop.trigger("action.openModel");
    const QString path = name.startsWith(QLatin1String("..")) ? m_folder.filePath(name) : file(name);
    QVERIFY(settle(dialogOf(desktop), path));
    QVERIFY2(desktop.text("open.problem").contains(message), qPrintable(desktop.text("open.problem")));
    QVERIFY(desktop.text("open.problem").contains(hint));
    QVERIFY(desktop.find<QLabel>("open.problem")->isVisible());
    QVERIFY(!desktop.find<QAbstractButton>("open.load")->isEnabled());
    QVERIFY(desktop.text("open.reason").contains(QStringLiteral("cannot be opened")));
    QCOMPARE(desktop.find<QTableView>("open.tensors")->model()->rowCount() > 0, tensorsShown);
    QTest::qWait(50);
    QVERIFY(!desktop.window.findChild<QWidget*>(QStringLiteral("bar.banner"))->isVisible()); // told once, in place
    QVERIFY(settle(dialogOf(desktop), file(QStringLiteral("good.gguf")))); // and it is gone with the path
    QVERIFY(!desktop.find<QLabel>("open.problem")->isVisible());
    QVERIFY(desktop.find<QAbstractButton>("open.load")->isEnabled());
}

void TestOpenModel::dtypes_areThoseOfTheEngine()
{
    Desktop desktop;
    desktop.trigger("action.openModel");
    auto* dtype = desktop.find<QComboBox>("open.dtype");
    QCOMPARE(dtype->count(), 0); // nothing is known yet
    QVERIFY(settle(dialogOf(desktop), file(QStringLiteral("plain.gguf"))));
    QStringList ids;
    for (int i = 0; i < dtype->count(); ++i)
        ids << dtype->itemData(i).toString();
    QCOMPARE(ids, QStringList({QStringLiteral("float32"), QStringLiteral("bfloat16"), QStringLiteral("quantised")}));
    QCOMPARE(dtype->itemText(2), QStringLiteral("as in the file (quantised) · 101.5 MiB"));
    QCOMPARE(dtypeTitle(QStringLiteral("float8_e4m3")), QStringLiteral("float8_e4m3"));
    desktop.find<QSpinBox>("open.context")->setValue(512); // the KV cache counts
    QCOMPARE(dtype->itemText(2), QStringLiteral("as in the file (quantised) · 100.4 MiB"));
    QCOMPARE(dtype->currentData().toString(), QStringLiteral("float32")); // the most exact one that fits
}

void TestOpenModel::tooLarge_offersWaysOut()
{
    Desktop desktop;
    desktop.trigger("action.openModel");
    auto* dtype = desktop.find<QComboBox>("open.dtype");
    QVERIFY(settle(dialogOf(desktop), file(QStringLiteral("large.gguf"))));
    QCOMPARE(dtype->currentData().toString(), QStringLiteral("bfloat16")); // float32 does not fit
    QVERIFY(dtype->itemText(0).contains(QStringLiteral("does not fit")));
    QVERIFY(!dtype->itemText(1).contains(QStringLiteral("does not fit")));
    dtype->setCurrentIndex(0);
    QVERIFY2(desktop.text("open.verdict").contains(QStringLiteral("Would fit: bfloat16")),
             qPrintable(desktop.text("open.verdict")));
    QVERIFY(!desktop.find<QAbstractButton>("open.load")->isEnabled());
    QVERIFY(desktop.text("open.reason").contains(QStringLiteral("do not fit")));
    QVERIFY(desktop.click("open.useDtype"));
    QCOMPARE(dtype->currentData().toString(), QStringLiteral("bfloat16"));
    QVERIFY(desktop.find<QAbstractButton>("open.load")->isEnabled());
    QVERIFY(settle(dialogOf(desktop), file(QStringLiteral("huge.gguf"))));
    QVERIFY(desktop.text("open.verdict").contains(QStringLiteral("Nothing fits")));
    QVERIFY(!desktop.find<QAbstractButton>("open.load")->isEnabled());
}

void TestOpenModel::device_saysWhyItCannotBeUsed()
{
    Desktop desktop;
    desktop.trigger("action.openModel");
    auto* device = desktop.find<QComboBox>("open.device");
    QTRY_COMPARE(device->count(), 2);
    QCOMPARE(device->currentData().toString(), QStringLiteral("cpu"));
    QVERIFY(!(device->model()->index(1, 0).flags() & Qt::ItemIsEnabled));
    QVERIFY(device->itemText(1).contains(QStringLiteral("not available")));
    QVERIFY(desktop.text("open.deviceNote").contains(QStringLiteral("no NVIDIA driver found")));
}

void TestOpenModel::open_opensWhatWasChosen()
{
    Desktop desktop;
    const QString path = file(QStringLiteral("plain.gguf"));
    desktop.trigger("action.openModel");
    QVERIFY(settle(dialogOf(desktop), path));
    auto* dtype = desktop.find<QComboBox>("open.dtype");
    dtype->setCurrentIndex(1);
    desktop.find<QSpinBox>("open.context")->setValue(512);
    QSignalSpy spy(dialogOf(desktop), &OpenModelDialog::accepted);
    QVERIFY(desktop.click("open.load"));
    QCOMPARE(spy.size(), 1);
    QCOMPARE(spy[0][0].toString(), path);
    QCOMPARE(spy[0][1].toString(), QStringLiteral("cpu"));
    QCOMPARE(spy[0][2].toString(), QStringLiteral("bfloat16"));
    QCOMPARE(spy[0][3].toInt(), 512);
    QTRY_VERIFY(desktop.client.model().has_value());
    QTRY_VERIFY(!dialogOf(desktop));
}

void TestOpenModel::path_supersedesAndCanBeStopped()
{
    Desktop desktop;
    desktop.trigger("action.openModel");
    OpenModelDialog* dialog = dialogOf(desktop);
    QTRY_VERIFY(desktop.client.ready().has_value());
    dialog->setPath(file(QStringLiteral("slow-pickle.bin")));
    dialog->setPath(file(QStringLiteral("plain.gguf"))); // the answer about the first comes and is dropped
    QVERIFY(desktop.text("open.reason").contains(QStringLiteral("being read")));
    QTRY_VERIFY(desktop.text("open.facts").contains(QStringLiteral("Fake 135M")));
    QVERIFY(!desktop.find<QLabel>("open.problem")->isVisible());
    dialog->setPath(file(QStringLiteral("slow.gguf")));
    QTRY_VERIFY(desktop.find<QWidget>("open.stopReading")->isVisible());
    QVERIFY(desktop.click("open.stopReading"));
    QVERIFY(desktop.text("open.facts").contains(QStringLiteral("stopped")));
    QTest::qWait(600); // the late answer changes nothing
    QVERIFY(desktop.text("open.facts").contains(QStringLiteral("stopped")));
    QVERIFY(!desktop.find<QAbstractButton>("open.load")->isEnabled());
}

void TestOpenModel::engine_neverHoldsUpTheWindow()
{
    Desktop desktop;
    desktop.trigger("action.openModel");
    QTRY_VERIFY(desktop.client.ready().has_value());
    QElapsedTimer clock;
    clock.start();
    dialogOf(desktop)->setPath(file(QStringLiteral("slow.gguf"))); // takes the engine a second
    QVERIFY(clock.elapsed() < 100);
    auto* edit = desktop.find<QLineEdit>("open.path"); // typing goes on meanwhile
    clock.restart();
    QTest::keyClicks(edit, QStringLiteral("abc"));
    QVERIFY2(clock.elapsed() < 500, qPrintable(QString::number(clock.elapsed())));
}

void TestOpenModel::drop_means_data()
{
    QTest::addColumn<QStringList>("dropped");
    QTest::addColumn<QString>("path");
    const QString root = QStringLiteral("/m/");
    QTest::newRow("a file") << QStringList{root + "a.gguf"} << root + "a.gguf";
    QTest::newRow("parts of a split model: the first")
        << QStringList{root + "m-00003-of-00003.gguf", root + "m-00001-of-00003.gguf", root + "m-00002-of-00003.gguf"}
        << root + "m-00001-of-00003.gguf";
    QTest::newRow("a session before all") << QStringList{root + "a.gguf", root + "s.lsdb"} << root + "s.lsdb";
    QTest::newRow("files of a model folder: its configuration")
        << QStringList{root + "model.safetensors", root + "README.md", root + "config.json"} << root + "config.json";
    QTest::newRow("a pickle file: the engine says why")
        << QStringList{root + "pytorch_model.bin"} << root + "pytorch_model.bin";
    QTest::newRow("nothing on this computer") << QStringList{QStringLiteral("https://example.org/a.gguf")} << QString();
    QTest::newRow("nothing") << QStringList{} << QString();
}

void TestOpenModel::drop_means()
{
    QFETCH(QStringList, dropped);
    QFETCH(QString, path);
    QMimeData data;
    QList<QUrl> urls;
    for (const QString& each : dropped)
        urls << (each.contains(QStringLiteral("://")) ? QUrl(each) : QUrl::fromLocalFile(each));
    data.setUrls(urls);
    QCOMPARE(droppedPath(&data), path);
}

void TestOpenModel::drop_onTheWindowOpensTheDialog_data()
{
    QTest::addColumn<QStringList>("names"); // "/" at the end: a folder
    QTest::addColumn<QString>("path");
    QTest::newRow("file") << QStringList{QStringLiteral("drop.gguf")} << QStringLiteral("drop.gguf");
    QTest::newRow("folder") << QStringList{QStringLiteral("folder/")} << QStringLiteral("folder");
    QTest::newRow("split GGUF") << QStringList{QStringLiteral("d-00002-of-00002.gguf"),
                                               QStringLiteral("d-00001-of-00002.gguf")}
                                << QStringLiteral("d-00001-of-00002.gguf");
}

void TestOpenModel::drop_onTheWindowOpensTheDialog()
{
    QFETCH(QStringList, names);
    QFETCH(QString, path);
    Desktop desktop;
    QStringList paths;
    for (const QString& name : names) {
        if (name.endsWith(QLatin1Char('/')))
            QVERIFY(QDir(m_folder.path()).mkpath(name));
        paths << (name.endsWith(QLatin1Char('/')) ? m_folder.filePath(name.chopped(1)) : file(name));
    }
    QVERIFY(drop(&desktop.window, paths));
    QVERIFY(dialogOf(desktop));
    QCOMPARE(desktop.find<QLineEdit>("open.path")->text(), m_folder.filePath(path));
    QTRY_VERIFY(desktop.find<QAbstractButton>("open.load")->isEnabled());
    QVERIFY(!drop(&desktop.window, {QStringLiteral("https://example.org/a.gguf")}));
    QVERIFY(drop(&desktop.window, {file(QStringLiteral("second.gguf"))})); // into the dialog that is open
    QCOMPARE(desktop.window.findChildren<OpenModelDialog*>().size(), 1);
    QCOMPARE(desktop.find<QLineEdit>("open.path")->text(), m_folder.filePath(QStringLiteral("second.gguf")));
}

void TestOpenModel::drop_onTheDialogReplacesThePath()
{
    Desktop desktop;
    desktop.trigger("action.openModel");
    OpenModelDialog* dialog = dialogOf(desktop);
    QVERIFY(settle(dialog, file(QStringLiteral("pickle.bin"))));
    QVERIFY(drop(dialog, {file(QStringLiteral("plain.gguf"))}));
    QTRY_VERIFY(desktop.text("open.facts").contains(QStringLiteral("Fake 135M")));
    QVERIFY(desktop.find<QAbstractButton>("open.load")->isEnabled());
}

void TestOpenModel::recents_areKeptMarkedAndRemoved()
{
    const QString gone = file(QStringLiteral("gone.gguf")), here = file(QStringLiteral("here.gguf"));
    {
        Desktop desktop;
        for (const QString& path : {gone, here}) {
            desktop.workbench.openModel(path, QStringLiteral("cpu"), QStringLiteral("float32"));
            QTRY_VERIFY(desktop.client.model() && desktop.client.model()->path == path.toStdString());
        }
    }
    QVERIFY(QFile::remove(gone));
    Desktop desktop; // the next start
    desktop.trigger("action.openModel");
    auto* list = desktop.find<QListWidget>("open.recent");
    QCOMPARE(list->count(), 2);
    const recent::File model = recent::models().front();
    QCOMPARE(model.path, here);
    QVERIFY(!model.name.isEmpty() && !model.type.isEmpty() && model.bytes > 0);
    QVERIFY(list->item(0)->text().contains(model.type));
    QVERIFY(list->item(1)->text().contains(QStringLiteral("missing")));
    auto* edit = desktop.find<QLineEdit>("open.path");
    list->setCurrentRow(1);
    QTest::keyClick(list, Qt::Key_Return); // missing: nothing to open
    QVERIFY(edit->text().isEmpty());
    QTest::keyClick(list, Qt::Key_Delete);
    QCOMPARE(list->count(), 1);
    QCOMPARE(recent::list().size(), std::size_t(1));
    list->setCurrentRow(0);
    QTest::keyClick(list, Qt::Key_Return);
    QCOMPARE(edit->text(), here);
    QTRY_VERIFY(desktop.find<QAbstractButton>("open.load")->isEnabled());
    QVERIFY(desktop.click("open.forget"));
    QCOMPARE(list->count(), 0);
    QVERIFY(QFile::exists(here)); // only the list changed
    dialogOf(desktop)->close();
    QTRY_COMPARE(desktop.find<QListWidget>("welcome.recent")->count(), 0);
}

void TestOpenModel::recents_areNotWrittenForPictures()
{
    recent::remember({QStringLiteral("/m/kept.gguf"), QStringLiteral("Kept"), QStringLiteral("F32"), 1});
    recent::setKept(false);
    Desktop desktop;
    QVERIFY(desktop.open());
    QCOMPARE(recent::list().size(), std::size_t(1));
    QCOMPARE(recent::list().front().name, QStringLiteral("Kept"));
}

void TestOpenModel::recents_ofTheFirstVersionsAreRead()
{
    QSettings().setValue(QStringLiteral("recent"),
                         QStringList{QStringLiteral("/m/a.gguf"), QStringLiteral("/m/s.lsdb")});
    QCOMPARE(recent::list().size(), std::size_t(2));
    QCOMPARE(recent::models().size(), std::size_t(1));
    QCOMPARE(recent::models().front().title(), QStringLiteral("a.gguf"));
    for (int i = 0; i < 2 * recent::kMost; ++i)
        recent::remember({QStringLiteral("/m/%1.gguf").arg(i), {}, {}, 0});
    QCOMPARE(int(recent::list().size()), recent::kMost);
    QCOMPARE(recent::list().front().path, QStringLiteral("/m/%1.gguf").arg(2 * recent::kMost - 1));
}

void TestOpenModel::tensors_filterSortAndTotals()
{
    Desktop desktop;
    desktop.trigger("action.openModel");
    QVERIFY(settle(dialogOf(desktop), file(QStringLiteral("plain.gguf"))));
    auto* table = desktop.find<QTableView>("open.tensors");
    auto* filter = desktop.find<QLineEdit>("open.filter");
    QCOMPARE(table->model()->rowCount(), 8);
    QVERIFY(desktop.text("open.totals").startsWith(QStringLiteral("8 of 8 tensors")));
    filter->setText(QStringLiteral("BLK q4_1")); // words of name or type, in any case
    QCOMPARE(table->model()->rowCount(), 6);
    filter->setText(QStringLiteral("f32"));
    QCOMPARE(table->model()->rowCount(), 1);
    QVERIFY2(desktop.text("open.totals").startsWith(QStringLiteral("1 of 8 tensors: 32 values, 128 B")),
             qPrintable(desktop.text("open.totals")));
    filter->clear();
    table->sortByColumn(TensorModel::BytesColumn, Qt::DescendingOrder); // by number, not by text
    QCOMPARE(table->model()->index(0, 0).data().toString(), QStringLiteral("token_embd.weight"));
    QCOMPARE(table->model()->index(7, 0).data().toString(), QStringLiteral("output_norm.weight"));
    table->sortByColumn(TensorModel::NameColumn, Qt::AscendingOrder);
    QCOMPARE(table->model()->index(0, 0).data().toString(), QStringLiteral("blk.0.ffn_up.weight"));
    table->selectRow(0);
    QVERIFY2(desktop.text("open.totals").startsWith(QStringLiteral("1 of 8 selected: 4,096 values, 640 B")),
             qPrintable(desktop.text("open.totals")));
    QTest::keyClick(table, Qt::Key_C, Qt::ControlModifier);
    QCOMPARE(QApplication::clipboard()->text(),
             QStringLiteral("tensor\tshape\ttype\tbytes\nblk.0.ffn_up.weight\t128x32\tQ4_1\t640\n"));
}

void TestOpenModel::tensors_ofALargeModelStayFluent()
{
    Desktop desktop;
    desktop.trigger("action.openModel");
    QVERIFY(settle(dialogOf(desktop), file(QStringLiteral("many.gguf"))));
    auto* table = desktop.find<QTableView>("open.tensors");
    QCOMPARE(table->model()->rowCount(), 20002);
    QElapsedTimer clock;
    clock.start();
    desktop.find<QLineEdit>("open.filter")->setText(QStringLiteral("blk.1"));
    const qint64 filtering = clock.restart();
    table->sortByColumn(TensorModel::BytesColumn, Qt::AscendingOrder);
    const qint64 sorting = clock.restart();
    table->selectAll();
    const qint64 selecting = clock.restart();
    table->grab();
    const qint64 drawing = clock.restart();
    qInfo("20,002 tensors: filter %lld ms, sort %lld ms, select all %lld ms, draw %lld ms", filtering, sorting,
          selecting, drawing);
    for (const qint64 ms : {filtering, sorting, selecting, drawing})
        QVERIFY(ms < 500); // some 20 ms on a quiet machine
}

void TestOpenModel::generate_saysWhyItIsOff()
{
    const QString session = m_folder.filePath(QStringLiteral("stored.lsdb"));
    {
        Desktop desktop;
        QVERIFY(desktop.open());
        QVERIFY(!desktop.find<QLabel>("prompt.reason")->isVisible()); // nothing is off
        desktop.find<QSpinBox>("prompt.max")->setValue(4);
        QVERIFY(desktop.click("run.generate"));
        QVERIFY(QTest::qWaitFor([&] { return desktop.workbench.run() && !desktop.workbench.generating(); }, 20000));
        QVERIFY(desktop.workbench.saveSessionAs(session).ok());
    }
    Desktop desktop;
    desktop.window.openPath(session);
    QTRY_VERIFY(desktop.find<QLabel>("prompt.reason")->isVisible());
    QVERIFY(!desktop.find<QAbstractButton>("run.generate")->isEnabled());
    QVERIFY2(desktop.text("prompt.reason").contains(QStringLiteral("which is not open")),
             qPrintable(desktop.text("prompt.reason")));
    QVERIFY(desktop.click("prompt.openModel")); // and there is a button that helps
    QVERIFY(dialogOf(desktop));
    dialogOf(desktop)->close();
    QVERIFY(desktop.open());
    QTRY_VERIFY(!desktop.find<QLabel>("prompt.reason")->isVisible());
    QVERIFY(desktop.find<QAbstractButton>("run.generate")->isEnabled());
}

void TestOpenModel::fallback_keepsItsReasonInANarrowWindow()
{
    Desktop desktop({}, {1280, 800});
    QVERIFY(desktop.open());
    QTRY_VERIFY(desktop.find<QLabel>("status.fallback")->isVisible());
    QVERIFY2(desktop.text("status.fallback").contains(QStringLiteral("no NVIDIA driver found")),
             qPrintable(desktop.text("status.fallback")));
    QTest::qWait(100); // the bar lays itself out
    const QStringList cut = cutOff(desktop.find<QWidget>("bar.status"));
    QVERIFY2(cut.isEmpty(), qPrintable(cut.join(QLatin1Char('\n'))));
}

void TestOpenModel::keyboard_reachesEverything()
{
    Desktop desktop;
    desktop.trigger("action.openModel");
    OpenModelDialog* dialog = dialogOf(desktop);
    recent::remember({file(QStringLiteral("here.gguf")), {}, {}, 0});
    dialog->findChild<QLineEdit*>(QStringLiteral("open.path"))->setFocus();
    QTest::keyClicks(dialog->focusWidget(), file(QStringLiteral("plain.gguf")));
    QTest::keyClick(dialog->focusWidget(), Qt::Key_Return); // reads the headers, does not open
    QTRY_VERIFY(desktop.find<QAbstractButton>("open.load")->isEnabled());
    QVERIFY(!desktop.client.model());
    QSet<QString> reached;
    for (int i = 0; i < 40; ++i) {
        if (QWidget* focus = dialog->focusWidget())
            reached << focus->objectName();
        QTest::keyClick(dialog->focusWidget(), Qt::Key_Tab);
    }
    for (const char* name : {"open.path", "open.browse", "open.browseFolder", "open.device", "open.dtype",
                             "open.context", "open.filter", "open.tensors", "open.load", "open.cancel"})
        QVERIFY2(reached.contains(QLatin1String(name)), name);
    auto* filter = desktop.find<QLineEdit>("open.filter");
    filter->setFocus();
    QTest::keyClick(filter, Qt::Key_Return); // goes on to the table and opens nothing
    QVERIFY(desktop.find<QTableView>("open.tensors")->hasFocus());
    QVERIFY(!desktop.client.model());
    auto* path = desktop.find<QLineEdit>("open.path");
    path->setFocus();
    QTest::keyClick(path, Qt::Key_Return); // everything is known: opens
    QTRY_VERIFY(desktop.client.model().has_value());
}

void TestOpenModel::names_areOnEveryControl()
{
    Desktop desktop;
    desktop.trigger("action.openModel");
    QVERIFY(settle(dialogOf(desktop), file(QStringLiteral("large.gguf"))));
    QStringList nameless;
    for (const QWidget* widget : dialogOf(desktop)->findChildren<QWidget*>()) {
        const bool control =
            widget->focusPolicy() != Qt::NoFocus && !widget->objectName().startsWith(QLatin1String("qt_"));
        const bool inner = qobject_cast<const QAbstractButton*>(widget->parentWidget()) ||
                           qobject_cast<const QLineEdit*>(widget->parentWidget()) ||
                           qobject_cast<const QAbstractSpinBox*>(widget->parentWidget()) ||
                           qobject_cast<const QAbstractScrollArea*>(widget->parentWidget()) ||
                           widget->inherits("QHeaderView") || widget->inherits("QTabBar") ||
                           widget->inherits("QComboBoxPrivateContainer") || widget->inherits("QComboBoxListView");
        if (control && !inner && widget->accessibleName().isEmpty())
            nameless << QStringLiteral("%1 %2").arg(QLatin1String(widget->metaObject()->className()),
                                                    widget->objectName());
    }
    QCOMPARE(nameless, QStringList());
}

void TestOpenModel::pictures_data()
{
    QTest::addColumn<int>("mode");
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("dtype");
    for (const auto& [theme, mode] : {std::pair{"light", theme::Mode::Light}, {"dark", theme::Mode::Dark}}) {
        QTest::addRow("plain-%s", theme) << int(mode) << QStringLiteral("plain.gguf") << 0;
        QTest::addRow("large-%s", theme) << int(mode) << QStringLiteral("large.gguf") << 0;
        QTest::addRow("unknown-%s", theme) << int(mode) << QStringLiteral("unknown.gguf") << 0;
        QTest::addRow("empty-%s", theme) << int(mode) << QString() << 0;
    }
}

/// LAYERSCOPE_PICTURES: a folder for pictures to look at.
void TestOpenModel::pictures()
{
    QFETCH(int, mode);
    QFETCH(QString, name);
    QFETCH(int, dtype);
    theme::setMode(theme::Mode(mode));
    recent::remember({QStringLiteral("/models/gone/gemma-3-270m.gguf"), QStringLiteral("Gemma 3 270m"),
                      QStringLiteral("Q4_K"), 253113024});
    recent::remember({file(QStringLiteral("plain.gguf")), QStringLiteral("SmolLM2 135M Instruct"),
                      QStringLiteral("Q4_1"), 98362432});
    Desktop desktop;
    desktop.trigger("action.openModel");
    OpenModelDialog* dialog = dialogOf(desktop);
    QTRY_VERIFY(desktop.client.ready().has_value());
    if (!name.isEmpty()) {
        QVERIFY(settle(dialog, file(name)));
        desktop.find<QComboBox>("open.dtype")->setCurrentIndex(dtype);
    }
    for (const QSize size : {QSize(960, 700), QSize(760, 660)}) {
        dialog->resize(size);
        QTest::qWait(50);
        const QString folder = qEnvironmentVariable("LAYERSCOPE_PICTURES");
        if (!folder.isEmpty())
            QVERIFY(dialog->grab().save(QStringLiteral("%1/open-%2-%3.png")
                                            .arg(folder, QLatin1String(QTest::currentDataTag()))
                                            .arg(size.width())));
        QStringList cut = cutOff(dialog);
        cut.removeIf(
            [](const QString& line) { return line.startsWith(QLatin1Char(' ')); }); // Qt's own parts of an edit
        QVERIFY2(cut.isEmpty(), qPrintable(cut.join(QLatin1Char('\n'))));
    }
    theme::setMode(theme::Mode::Light);
}

QTEST_MAIN(TestOpenModel)
#include "tst_open_model.moc"
