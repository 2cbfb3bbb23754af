#include "ui/panels/steering_vectors.h"

#include "core/data/vector_writer.h"
#include "core/data/whole_file.h"
#include "core/json_value.h"
#include "core/spec/method_schema.h"
#include "ui/shell/text.h"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QStandardPaths>

#include <algorithm>
#include <cstring>

namespace ls::steering {

namespace {

constexpr const char* kImported = "steering.imported"; ///< property of the session: list of paths
constexpr const char* kKind = "control-vector";        ///< of the artefact

QString translated(const char* words)
{
    return QCoreApplication::translate("steering", words);
}

std::string artefactName(const ExperimentData& experiment)
{
    return "steering/" + std::to_string(experiment.id) + ".gguf";
}

std::optional<Artefact> artefactOf(const Session& session, const std::string& name)
{
    for (Artefact& artefact : session.artefacts())
        if (artefact.name == name)
            return std::move(artefact);
    return std::nullopt;
}

/// Where saveBuilt put the files of a session, by artefact.
std::map<std::string, QString> pathsOf(const Session& session)
{
    std::map<std::string, QString> out;
    for (const Artefact& artefact : session.artefacts())
        if (artefact.kind == kKind && artefact.meta.is_object() && artefact.meta.contains("path"))
            out[artefact.name] = text::of(valueOr(artefact.meta, "path", std::string()));
    return out;
}

QString nameOf(const ExperimentData& experiment)
{
    const std::string name = valueOr(experiment.params, "name", std::string());
    return name.empty() ? QStringLiteral("vector-%1").arg(experiment.id) : text::of(name);
}

QString pathOf(const Session& session, const ExperimentData& experiment)
{
    QString stem = nameOf(experiment);
    for (QChar& c : stem) // a name is free text, a file name is not
        if (!c.isLetterOrNumber() && c != QLatin1Char('-') && c != QLatin1Char('_'))
            c = QLatin1Char('_');
    return QDir(folderOf(session)).filePath(QStringLiteral("%1-%2.gguf").arg(stem).arg(experiment.id));
}

Vector describe(Vector vector)
{
    const auto header = readVectorHeader(vector.path.toStdString());
    if (!header) {
        vector.problem = header.error();
        return vector;
    }
    vector.width = header.value().width();
    if (header.value().shared == 0)
        for (const auto& [block, entries] : header.value().widths)
            vector.blocks.push_back(block);
    return vector;
}

} // namespace

QString folderOf(const Session& session)
{
    if (session.path().empty())
        return QStandardPaths::writableLocation(QStandardPaths::AppDataLocation) + QStringLiteral("/vectors");
    const QFileInfo file(text::of(session.path()));
    return file.absolutePath() + QLatin1Char('/') + file.completeBaseName() + QStringLiteral("-vectors");
}

std::vector<Vector> vectorsOf(Session& session)
{
    std::vector<Vector> out;
    const auto paths = pathsOf(session);
    for (ExperimentData* experiment : session.experiments()) {
        if (experiment->kind != "build_steering")
            continue;
        Vector vector{nameOf(*experiment), {}, experiment, {}, 0, experiment->failure};
        if (experiment->state == "done") {
            vector.path = pathOf(session, *experiment);
            // The session may have been saved under another name since: the file stays where it was made.
            if (const auto kept = paths.find(artefactName(*experiment)); kept != paths.end())
                vector.path = kept->second;
            vector = describe(std::move(vector));
        }
        if (vector.blocks.empty() && experiment->params.contains("layer"))
            vector.blocks = {valueOr(experiment->params, "layer", 0)};
        out.push_back(std::move(vector));
    }
    const auto imported = session.property(kImported);
    if (imported.is_array())
        for (const auto& path : imported)
            if (path.is_string()) {
                const QString file = text::of(path.get<std::string>());
                out.push_back(describe({QFileInfo(file).completeBaseName(), file, nullptr, {}, 0, {}}));
            }
    return out;
}

Result<QString> saveBuilt(Session& session, const ExperimentData& experiment, const QString& model)
{
    const int layer = valueOr(experiment.params, "layer", -1);
    const auto tensor = artefactOf(session, "build_steering/direction." + std::to_string(layer));
    if (!tensor || tensor->bytes.empty() || tensor->bytes.size() % sizeof(float) != 0)
        return Error{Errc::InvalidParameter,
                     translated("The engine sent no direction.").toStdString(),
                     translated("Build the vector again.").toStdString(),
                     {}};
    std::vector<float> direction(tensor->bytes.size() / sizeof(float));
    std::memcpy(direction.data(), tensor->bytes.data(), tensor->bytes.size());
    const QString path = pathOf(session, experiment);
    if (!QDir().mkpath(folderOf(session)))
        return Error{Errc::FileNotWritable,
                     translated("%1 cannot be made.").arg(folderOf(session)).toStdString(),
                     translated("Save the session in another folder.").toStdString(),
                     {}};
    LS_CHECK(writeControlVector(path.toStdString(), model.toStdString(), {{layer, direction}}));
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        return Error{Errc::FileNotFound,
                     translated("%1 cannot be read back.").arg(path).toStdString(),
                     {},
                     file.errorString().toStdString()};
    const QByteArray bytes = file.readAll();
    session.putArtefact({artefactName(experiment),
                         kKind,
                         {{"path", path.toStdString()}, {"experiment", experiment.id}, {"result", experiment.result}},
                         {bytes.begin(), bytes.end()}});
    return path;
}

Status restore(Session& session, const Vector& vector)
{
    if (QFileInfo::exists(vector.path))
        return success();
    const auto artefact =
        vector.experiment ? artefactOf(session, artefactName(*vector.experiment)) : std::optional<Artefact>();
    if (!artefact || artefact->kind != kKind)
        return Error{Errc::FileNotFound,
                     translated("%1 does not exist.").arg(vector.path).toStdString(),
                     translated("Import it from where it is now, or build it again.").toStdString(),
                     {}};
    QDir().mkpath(QFileInfo(vector.path).absolutePath());
    return writeWholeFile(
        vector.path.toStdString(),
        std::string_view(reinterpret_cast<const char*>(artefact->bytes.data()), artefact->bytes.size()));
}

Status import(Session& session, const QString& path, int width)
{
    LS_TRY(const VectorHeader header, readVectorHeader(path.toStdString()));
    if (width > 0)
        LS_CHECK(checkVectorWidth(path.toStdString(), header, width));
    auto imported = session.property(kImported);
    if (!imported.is_array())
        imported = nlohmann::json::array();
    const std::string file = QFileInfo(path).absoluteFilePath().toStdString();
    if (std::find(imported.begin(), imported.end(), nlohmann::json(file)) == imported.end())
        imported.push_back(file);
    session.setProperty(kImported, imported);
    return success();
}

Desk deskWith(Desk desk, const Vector& vector, int block)
{
    auto card = std::find_if(desk.begin(), desk.end(), [](const DeskCard& c) { return c.use.method == "steering"; });
    if (card == desk.end()) {
        DeskCard made;
        made.key = QStringLiteral("steering");
        made.use.method = "steering";
        if (const MethodSchema* schema = findMethodSchema("steering"))
            for (const ParamSchema& param : schema->params)
                made.use.params[param.id] = param.deskDefault.is_null() ? param.defaultValue : param.deskDefault;
        desk.push_back(std::move(made));
        card = desk.end() - 1;
    }
    card->use.params["vector"] = vector.path.toStdString();
    card->use.params["layers"] = vector.blocks.empty() ? std::vector{block} : vector.blocks;
    card->use.params["coefficient"] = 1.0;
    card->use.params["unit"] = "raw";
    return desk;
}

QString useOf(const Desk& desk, const QString& path)
{
    QString use;
    for (const DeskCard& card : desk)
        if (!path.isEmpty() && valueOr(card.use.params, "vector", std::string()) == path.toStdString()) {
            if (card.enabled)
                return translated("in use");
            use = translated("card off");
        }
    return use;
}

} // namespace ls::steering
