#pragma once

#include "core/error.h"

#include <nlohmann/json.hpp>

#include <QString>
#include <QStringList>

#include <optional>
#include <vector>

/// What the engine's Inspected says of a model file, as the open dialog and the model panel show it.
namespace ls {

struct StoredType {
    QString name; ///< "Q4_1"
    int tensors = 0;
    std::int64_t bytes = 0;
};

/// What one run dtype needs.
struct DtypeNeed {
    QString dtype; ///< "float32", as the engine is asked for it
    std::int64_t weightBytes = 0;
    double kvBytesPerToken = 0; ///< one lane
    QString converted;          ///< what does not stay as in the file, in the engine's words
    std::int64_t bytes(int context) const { return weightBytes + std::int64_t(kvBytesPerToken * context); }
};

struct ModelFacts {
    QString name, family, licence, licenceFrom, tokenizer, fingerprint, description;
    std::int64_t parameters = 0, fileBytes = 0;
    int blocks = 0, width = 0, heads = 0, kvHeads = 0, headWidth = 0, vocabulary = 0, trainedContext = 0;
    int tensors = 0;
    bool chatTemplate = false;
    std::vector<StoredType> types; ///< most bytes first
    std::vector<DtypeNeed> needs;  ///< in the engine's order
    std::optional<Error> refusal;  ///< why it cannot be opened
    const DtypeNeed* need(const QString& dtype) const;
    QString quantisation() const; ///< "Q4_1 69 %, Q8_0 31 %"
};

/// Anything may be missing or of another kind.
ModelFacts modelFacts(const nlohmann::json& info);

/// "float32 (exact)"; the raw word for a dtype this version has no words for.
QString dtypeTitle(const QString& dtype);

/// "134.5 M", "8.03 B"
QString parameterCount(std::int64_t count);

/// Whether a choice fits and, if not, what would.
struct Fit {
    enum class Verdict { Unknown, Fits, Tight, ContextTooLarge, TooLarge };
    Verdict verdict = Verdict::Unknown;
    QString sentence;
    QString wayOutDtype;   ///< a dtype that fits with this context; empty if none, or none is needed
    int wayOutContext = 0; ///< a shorter context that fits with this dtype; 0 likewise
    double share = 0;      ///< needed over free
};
/// free: bytes, <= 0 when not known. context: tokens of the KV cache of one lane.
Fit fitOf(const ModelFacts& facts, const QString& dtype, int context, std::int64_t free);

/// Two columns of label and value for a table of facts; empty values are left out.
std::vector<std::pair<QString, QString>> factRows(const ModelFacts& facts);

} // namespace ls
