#pragma once

#include "engine/formats/safetensors.h"
#include "engine/forward/forward.h"
#include "engine/forward/registry.h"
#include "tests/support/test_model.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <map>
#include <set>

/// Reference values and what compares a forward pass with them. Included before any Qt header.
namespace ls::test {

/// max over rows of (max |a - b| of the row) / (largest |b| of the row). Position 0 of SmolLM2 is 200 times larger than
/// the rest, so a norm over all rows would hide errors. a, b: [rows, ...].
inline double rowError(const at::Tensor& a, const at::Tensor& b)
{
    const at::Tensor x = a.to(at::kFloat).reshape({a.size(0), -1}).contiguous();
    const at::Tensor y = b.to(at::kFloat).reshape({b.size(0), -1}).contiguous();
    if (x.sizes() != y.sizes())
        return std::numeric_limits<double>::infinity();
    double worst = 0;
    for (std::int64_t r = 0; r < x.size(0); ++r) {
        double difference = 0, largest = 1e-30;
        for (std::int64_t c = 0; c < x.size(1); ++c) {
            const double u = x.data_ptr<float>()[r * x.size(1) + c], v = y.data_ptr<float>()[r * x.size(1) + c];
            difference = std::isfinite(u) ? std::max(difference, std::abs(u - v)) : INFINITY;
            largest = std::max(largest, std::abs(v));
        }
        worst = std::max(worst, difference / largest);
    }
    return worst;
}

/// Keeps clones of the sites it wants, pieces of a pass joined along positions.
class Collector final : public TapSink {
public:
    explicit Collector(std::set<HookPoint> sites)
        : m_sites(std::move(sites))
    {
    }
    bool wants(HookPoint point) const override { return m_sites.contains(point); }
    void onTap(HookPoint point, const at::Tensor& value, int) override { values[point].push_back(value.clone()); }
    std::map<HookPoint, std::vector<at::Tensor>> values;

private:
    std::set<HookPoint> m_sites;
};

class Golden {
public:
    static Result<std::unique_ptr<Golden>> open(const std::string& folder)
    {
        LS_TRY(auto file, SafetensorsFile::open(folder + "/golden.safetensors"));
        auto golden = std::make_unique<Golden>();
        golden->m_file = std::move(file);
        return golden;
    }
    at::Tensor floats(const std::string& key) const
    {
        const SafeTensor* tensor = m_file->tensor(key);
        if (!tensor)
            return {};
        const std::vector<float> values = tensor->floats().value();
        at::Tensor out = at::empty(tensor->shape, at::kFloat);
        std::memcpy(out.data_ptr<float>(), values.data(), values.size() * 4);
        return out;
    }
    std::vector<std::int32_t> ints(const std::string& key) const
    {
        const SafeTensor* tensor = m_file->tensor(key);
        return tensor ? tensor->ints().value() : std::vector<std::int32_t>();
    }
    /// Sites kept for a prompt: canonical name -> key.
    std::map<HookPoint, std::string> sites(const std::string& prompt) const
    {
        std::map<HookPoint, std::string> out;
        for (const SafeTensor& tensor : m_file->tensors()) {
            if (!tensor.name.starts_with(prompt + "/blocks."))
                continue;
            if (auto point = parseHookName(tensor.name.substr(prompt.size() + 1)); point.ok())
                out[point.value()] = tensor.name;
        }
        return out;
    }

private:
    std::unique_ptr<SafetensorsFile> m_file;
};

inline KvCache newCache(const Model& model)
{
    const ModelConfig& c = model.config();
    return KvCache(c.blockCount, c.kvHeadCount, c.headWidth, model.cacheType());
}

/// Greedy continuation with a cache, EOS ignored; logits: those of the prompt's last position.
struct Greedy {
    std::vector<std::int32_t> ids;
    at::Tensor firstLogits; // [1, vocab]
};
inline Result<Greedy> greedy(const PlanPtr& plan, const std::vector<std::int32_t>& prompt, int count)
{
    Forward forward(plan);
    KvCache cache = newCache(plan->model());
    Greedy out;
    std::vector<std::int32_t> input = prompt;
    while (int(out.ids.size()) < count) {
        LS_TRY(const at::Tensor logits, forward.run({input, int(prompt.size())}, cache));
        if (out.ids.empty())
            out.firstLogits = logits;
        input = {std::int32_t(logits.argmax(-1).item<std::int64_t>())};
        out.ids.push_back(input[0]);
    }
    return out;
}

inline PlanPtr plan(const std::shared_ptr<const Model>& model, const MethodSet& methods)
{
    auto compiled = compilePlan(model, methods);
    if (auto* error = std::get_if<PlanError>(&compiled)) {
        std::fprintf(stderr, "plan refused: %s\n", error->error.message.c_str());
        return nullptr;
    }
    return std::get<PlanPtr>(compiled);
}

/// Writes a safetensors file with one tensor `vector` [d]; by hand, so that reading is tested against another writer.
inline void writeVector(const std::string& path, const at::Tensor& vector)
{
    std::string header = fmt::format(R"({{"vector":{{"dtype":"F32","shape":[{0}],"data_offsets":[0,{1}]}}}})",
                                     vector.numel(), vector.numel() * 4);
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::FILE* file = std::fopen(path.c_str(), "wb");
    const std::uint64_t length = header.size();
    std::fwrite(&length, 8, 1, file);
    std::fwrite(header.data(), 1, header.size(), file);
    std::fwrite(vector.contiguous().data_ptr<float>(), 4, std::size_t(vector.numel()), file);
    std::fclose(file);
}

} // namespace ls::test
