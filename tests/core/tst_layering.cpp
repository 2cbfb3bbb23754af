#include <QDirIterator>
#include <QFile>
#include <QRegularExpression>
#include <QTest>

/// Includes go one way (ARCHITECTURE.md); torch stays out of core and ui, Qt out of core, engine and kernels.
class TestLayering : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void includesGoDown_data();
    void includesGoDown();
    void folderIsThere_data() { includesGoDown_data(); }
    void folderIsThere();
};

namespace {

struct Include {
    QString where; ///< "core/error.h:3"
    QString path;  ///< "core/error.h", "QString"
    bool ours;     ///< in quotes
};

QList<Include> includesOf(const QString& folder)
{
    static const QRegularExpression line(QStringLiteral(R"(^\s*#\s*include\s*(["<])([^">]+)[">])"));
    QList<Include> found;
    QDirIterator files(
        QStringLiteral(LAYERSCOPE_SOURCE_DIR "/") + folder,
        {QStringLiteral("*.h"), QStringLiteral("*.cpp"), QStringLiteral("*.cu"), QStringLiteral("*.cuh")}, QDir::Files,
        QDirIterator::Subdirectories);
    while (files.hasNext()) {
        QFile file(files.next());
        if (!file.open(QIODevice::ReadOnly))
            continue;
        const QString name = QDir(QStringLiteral(LAYERSCOPE_SOURCE_DIR)).relativeFilePath(file.fileName());
        for (int number = 1; !file.atEnd(); ++number)
            if (const auto match = line.match(QString::fromUtf8(file.readLine())); match.hasMatch())
                found.append({QStringLiteral("%1:%2").arg(name).arg(number), match.captured(2),
                              match.captured(1) == QLatin1String("\"")});
    }
    return found;
}

bool isQt(const QString& path)
{
    static const QRegularExpression header(QStringLiteral("^(Qt?[A-Z]|qcustomplot)"));
    return header.match(path).hasMatch();
}

bool isTorch(const QString& path)
{
    static const QRegularExpression header(QStringLiteral("^(ATen|c10|torch)/"));
    return header.match(path).hasMatch();
}

} // namespace

void TestLayering::includesGoDown_data()
{
    QTest::addColumn<QString>("folder");
    QTest::addColumn<QStringList>("mayInclude");
    QTest::addColumn<bool>("qt");
    QTest::addColumn<bool>("torch");
    QTest::newRow("kernels stand alone") << "kernels" << QStringList{"kernels"} << false << false;
    QTest::newRow("core stands alone") << "core" << QStringList{"core"} << false << false;
    QTest::newRow("engine sees core and kernels")
        << "engine" << QStringList{"engine", "core", "kernels"} << false << true;
    QTest::newRow("plugins see engine and core")
        << "plugins" << QStringList{"plugins", "engine", "core"} << false << true;
    QTest::newRow("ui sees core") << "ui" << QStringList{"ui", "core"} << true << false;
}

void TestLayering::includesGoDown()
{
    QFETCH(QString, folder);
    QFETCH(QStringList, mayInclude);
    QFETCH(bool, qt);
    QFETCH(bool, torch);
    static const QStringList ours{"app", "core", "engine", "kernels", "plugins", "tests", "ui"};
    QStringList wrong;
    for (const Include& include : includesOf(folder)) {
        const QString top = include.path.section(QLatin1Char('/'), 0, 0);
        const bool upward = include.ours && ours.contains(top) && !mayInclude.contains(top);
        if (upward || (isQt(include.path) && !qt) || (isTorch(include.path) && !torch))
            wrong << include.where + QStringLiteral(" includes ") + include.path;
    }
    QVERIFY2(wrong.isEmpty(), qPrintable(wrong.join(QLatin1Char('\n'))));
}

void TestLayering::folderIsThere() // else the rule above would hold of nothing
{
    QFETCH(QString, folder);
    QVERIFY(includesOf(folder).size() > 10);
}

QTEST_GUILESS_MAIN(TestLayering)
#include "tst_layering.moc"
