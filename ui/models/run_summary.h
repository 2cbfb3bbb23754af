#pragma once

#include "core/session/session.h"

#include <QString>

#include <vector>

/// A run in words: what the session browser says of it.
namespace ls {

struct SummaryLine {
    enum class Tone { Plain, Same, Better, Worse, Quiet };
    QString name, value;
    Tone tone = Tone::Plain;
    bool operator==(const SummaryLine&) const = default;
};

QString methodsInWords(const MethodSet& methods); ///< "layer_skip 1, 2 + steering"; "no method"
QString runTitle(const RunData& run);             ///< of its lane with methods
/// Methods, KV policy of switches, model, prompt, seed, device of lane B against lane A.
std::vector<SummaryLine> whatDiffers(const RunData& run);
/// Speed, accuracy, perplexity of B against A from the newest experiments with the methods of lane B; text from the
/// run. A difference without an interval, or with one that contains "no difference", is no verdict.
std::vector<SummaryLine> verdicts(Session& session, const RunData& run);

} // namespace ls
