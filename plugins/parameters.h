#pragma once

#include "core/spec/layer_set.h"
#include "core/spec/method_schema.h"
#include "engine/formats/gguf.h"
#include "engine/model/model.h"

#include <string>
#include <vector>

namespace ls::plugins {

/// Parameters of one method use, checked against its schema: unknown keys, types and ranges are refused by name;
/// what is absent has the schema's default.
class Parameters {
public:
    static Result<Parameters> check(const std::string& method, const nlohmann::json& params, const Model& model);

    std::int64_t integer(const std::string& id) const { return m_values.at(id).get<std::int64_t>(); }
    double number(const std::string& id) const { return m_values.at(id).get<double>(); }
    std::string text(const std::string& id) const { return m_values.at(id).get<std::string>(); }
    const nlohmann::json& value(const std::string& id) const { return m_values.at(id); }
    std::vector<int> layers(const std::string& id) const; ///< checked already

private:
    nlohmann::json m_values;
    int m_blockCount = 0;
};

/// Reads a vector file and gives one direction per listed block (blocks without one are left out).
/// Errors: those of readVectorFile; VectorWidth if it is not the model's width; InvalidParameter if no listed block
/// has a direction, or for block 0 of a direction.l file.
Result<std::map<int, std::vector<float>>> directionsFor(const std::string& path, const std::vector<int>& layers,
                                                        const Model& model);

} // namespace ls::plugins
