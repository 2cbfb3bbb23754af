#pragma once

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

/// Runs layerscope-cli as a user would; its engine is the fake one unless told otherwise.
namespace ls::test {

struct CliResult {
    int code = -1;
    QByteArray out, err;
    QJsonObject json() const { return QJsonDocument::fromJson(out).object(); }
    QList<QJsonObject> jsonLines() const
    {
        QList<QJsonObject> lines;
        for (const QByteArray& line : out.split('\n'))
            if (!line.isEmpty())
                lines << QJsonDocument::fromJson(line).object();
        return lines;
    }
};

struct CliCall {
    QStringList arguments;
    QByteArray input = {};
    QString fakeOptions = {};
    QString engine = QStringLiteral(LAYERSCOPE_FAKE_ENGINE); ///< empty = the real one
    int limitMs = 60000;
};

inline CliResult runCli(const CliCall& call)
{
    QProcess process;
    auto environment = QProcessEnvironment::systemEnvironment();
    if (!call.engine.isEmpty())
        environment.insert(QStringLiteral("LAYERSCOPE_ENGINE"), call.engine);
    environment.insert(QStringLiteral("FAKE_ENGINE"), call.fakeOptions);
    process.setProcessEnvironment(environment);
    process.start(QStringLiteral(LAYERSCOPE_BIN_DIR "/layerscope-cli"), call.arguments);
    process.write(call.input);
    process.closeWriteChannel();
    CliResult result;
    if (!process.waitForFinished(call.limitMs)) {
        process.kill();
        process.waitForFinished();
        return result;
    }
    result.code = process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2;
    result.out = process.readAllStandardOutput();
    result.err = process.readAllStandardError();
    return result;
}

/// A file in `dir` with this content; its path.
inline QString writeFile(const QTemporaryDir& dir, const QString& name, const QByteArray& content)
{
    QFile file(dir.filePath(name));
    if (!file.open(QIODevice::WriteOnly) || file.write(content) != content.size())
        qFatal("%s cannot be written", qPrintable(file.fileName()));
    return file.fileName();
}

} // namespace ls::test
