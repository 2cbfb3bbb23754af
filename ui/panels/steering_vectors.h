#pragma once

#include "core/data/vector_header.h"
#include "ui/shell/workbench.h"

#include <QString>

#include <vector>

/// Steering vectors of a session: built ones are experiments with a control-vector GGUF beside the session file and a
/// copy of it in the session; imported ones are files it remembers.
namespace ls::steering {

struct Vector {
    QString name;
    QString path;                         ///< of the file; it may be missing
    ExperimentData* experiment = nullptr; ///< null: imported
    std::vector<int> blocks;              ///< that it has a direction for; empty: one vector for all
    int width = 0;                        ///< 0 = unknown
    std::optional<Error> problem;         ///< of the file
};

/// Built ones first, oldest first.
std::vector<Vector> vectorsOf(Session& session);
/// Folder of a session's vectors: beside its file, or in the application data folder for a session without one.
QString folderOf(const Session& session);
/// Takes the direction of a finished `build_steering` out of the session's artefacts, writes it as control-vector GGUF
/// and keeps a copy of that file in the session. Returns the path. Errors: InvalidParameter (no direction there),
/// FileNotWritable, DiskFull.
Result<QString> saveBuilt(Session& session, const ExperimentData& experiment, const QString& model);
/// Writes the file again from the session's copy if it is gone. Error: FileNotFound without a copy.
Status restore(Session& session, const Vector& vector);
/// Remembers a file. Errors: those of readVectorHeader; VectorWidth if `width` > 0 is another.
Status import(Session& session, const QString& path, int width);

/// The desk with the vector in its first steering card, or in a new one at the end, which is off. Strength 1 in units
/// of the file: a built vector is one difference of the means. `block` is where a vector for all blocks goes.
Desk deskWith(Desk desk, const Vector& vector, int block);
/// What the desk does with a file: "in use", "card off", or empty.
QString useOf(const Desk& desk, const QString& path);

} // namespace ls::steering
