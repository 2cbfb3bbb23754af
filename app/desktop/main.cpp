#include "ui/client/engine_client.h"
#include "ui/plots/repaint_clock.h"
#include "ui/shell/main_window.h"
#include "ui/shell/picture.h"
#include "ui/shell/recent_files.h"
#include "ui/shell/text.h"
#include "ui/shell/theme.h"
#include "ui/shell/workbench.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QDir>
#include <QFileInfo>
#include <QIcon>
#include <QStyleFactory>
#include <QTimer>

#include <cstdio>
#include <cstdlib>

/// The desktop application. Everything it does is in ui/; here are the arguments and the wiring.
namespace {

/// Says on stdout when the window has first been drawn: start-up time is measured from outside.
class PaintAnnouncer final : public QObject {
public:
    using QObject::QObject;
    bool eventFilter(QObject* watched, QEvent* event) override
    {
        if (event->type() == QEvent::Paint)
            QTimer::singleShot(0, watched, [this, watched] { // after this event has been handled
                watched->removeEventFilter(this);
                std::puts("painted");
                std::fflush(stdout);
                deleteLater();
            });
        return false;
    }
};

int fail(const QString& text)
{
    std::fprintf(stderr, "layerscope: %s\n", qUtf8Printable(text));
    return 2;
}

} // namespace

int main(int argc, char** argv)
{
    // Read by the engine's OpenMP when it is loaded: its threads wait 30 us awake, then sleep. Waiting awake for longer
    // (its default) slows a busy machine down many times.
    if (!std::getenv("OMP_WAIT_POLICY"))
        setenv("GOMP_SPINCOUNT", "10000", 0);
    for (int i = 1; i < argc; ++i) // pictures and help need no display
        for (const char* option : {"--render", "--screenshot", "--help", "--version", "-h", "-v"})
            if (QByteArray(argv[i]).startsWith(option) && !qEnvironmentVariableIsSet("QT_QPA_PLATFORM"))
                qputenv("QT_QPA_PLATFORM", "offscreen");
    QApplication application(argc, argv);
    QApplication::setApplicationName(QStringLiteral("layerscope"));
    QApplication::setOrganizationName(QStringLiteral("layerscope"));
    QApplication::setApplicationDisplayName(QStringLiteral("Layerscope"));
    QApplication::setApplicationVersion(QStringLiteral(LAYERSCOPE_VERSION));
    QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));

    QCommandLineParser parser;
    parser.setApplicationDescription(QApplication::translate("main", "Workbench for transformer language models."));
    parser.addHelpOption();
    parser.addVersionOption();
    parser.addPositionalArgument(
        QStringLiteral("file"),
        QApplication::translate("main", "Model (GGUF file or folder) or session (.lsdb) to open."));
    const QCommandLineOption model(QStringLiteral("model"), QApplication::translate("main", "Open this model at once."),
                                   QStringLiteral("file"));
    const QCommandLineOption engine(QStringLiteral("engine"),
                                    QApplication::translate("main", "Engine program (default: beside this one)."),
                                    QStringLiteral("program"));
    const QCommandLineOption render(
        QStringLiteral("render"),
        QApplication::translate("main", "Write a session's report (PDF) and pictures of its views into --out and end."),
        QStringLiteral("session"));
    const QCommandLineOption out(QStringLiteral("out"), QApplication::translate("main", "Folder for --render."),
                                 QStringLiteral("dir"), QStringLiteral("."));
    const QCommandLineOption screenshot(QStringLiteral("screenshot"),
                                        QApplication::translate("main", "Write the window into this picture and end."),
                                        QStringLiteral("file"));
    const QCommandLineOption themeName(QStringLiteral("theme"),
                                       QApplication::translate("main", "light, dark or system."),
                                       QStringLiteral("name"), QStringLiteral("system"));
    const QCommandLineOption layout(QStringLiteral("layout"),
                                    QApplication::translate("main", "inspect, accelerate, steer, compare or report."),
                                    QStringLiteral("name"), QStringLiteral("inspect"));
    const QCommandLineOption size(QStringLiteral("size"), QApplication::translate("main", "Window size, 1600x1000."),
                                  QStringLiteral("WxH"), QStringLiteral("1600x1000"));
    const QCommandLineOption announce(QStringLiteral("announce-paint"),
                                      QApplication::translate("main", "Print \"painted\" once the window is drawn."));
    parser.addOptions({model, engine, render, out, screenshot, themeName, layout, size, announce});
    parser.process(application);

    const QString wanted = parser.value(themeName);
    if (wanted != QLatin1String("light") && wanted != QLatin1String("dark") && wanted != QLatin1String("system"))
        return fail(QApplication::translate("main", "--theme is light, dark or system."));
    ls::theme::setMode(wanted == QLatin1String("light")  ? ls::theme::Mode::Light
                       : wanted == QLatin1String("dark") ? ls::theme::Mode::Dark
                                                         : ls::theme::Mode::System);
    const QStringList extent = parser.value(size).split(QLatin1Char('x'));
    const QSize windowSize(extent.value(0).toInt(), extent.value(1).toInt());
    if (extent.size() != 2 || windowSize.width() < 400 || windowSize.height() < 300)
        return fail(QApplication::translate("main", "--size is WIDTHxHEIGHT, for example 1280x800."));

    QString program = parser.value(engine);
    if (program.isEmpty())
        program = QDir(QApplication::applicationDirPath()).filePath(QStringLiteral("layerscope-engine"));
    ls::EngineClient client(program);
    ls::Workbench workbench(&client);
    ls::MainWindow window(&workbench);
    window.resize(windowSize);
    window.setLayoutName(parser.value(layout));

    if (parser.isSet(render) || parser.isSet(screenshot))
        ls::recent::setKept(false);
    if (parser.isSet(render)) {
        if (const auto status = workbench.openSession(parser.value(render), true); !status)
            return fail(ls::text::sentence(status.error()));
        window.show();
        if (const auto status = ls::renderReport(*workbench.session(), parser.value(out)); !status)
            return fail(ls::text::sentence(status.error()));
        const auto status = ls::renderViews(&window, parser.value(out));
        return status ? 0 : fail(ls::text::sentence(status.error()));
    }
    if (parser.isSet(announce))
        window.installEventFilter(new PaintAnnouncer(&window));
    window.show();
    const QString file = parser.positionalArguments().value(0);
    if (file.endsWith(QLatin1String(".lsdb")))
        window.openPath(file);
    else if (!file.isEmpty() || parser.isSet(model))
        workbench.openModel(QFileInfo(file.isEmpty() ? parser.value(model) : file).absoluteFilePath(),
                            QStringLiteral("cpu"), QStringLiteral("float32"));
    if (file.endsWith(QLatin1String(".lsdb")) && parser.isSet(model))
        workbench.openModel(QFileInfo(parser.value(model)).absoluteFilePath(), QStringLiteral("cpu"),
                            QStringLiteral("float32"));
    if (parser.isSet(screenshot)) {
        const auto shoot = [&] {
            const auto status = ls::savePicture(&window, parser.value(screenshot));
            QApplication::exit(status ? 0 : fail(ls::text::sentence(status.error())));
        };
        if (workbench.openingModel()) { // the picture is of the window with the model, or of why there is none
            const auto later = [&, shoot] { QTimer::singleShot(600, &window, shoot); };
            QObject::connect(&client, &ls::EngineClient::modelReady, &window, later);
            QObject::connect(&workbench, &ls::Workbench::problem, &window, later);
        } else {
            QTimer::singleShot(300, &window, shoot);
        }
    }
    return QApplication::exec();
}
