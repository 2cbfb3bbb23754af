#include "engine/certify/certify_parts.h"

#include "core/data/vector_writer.h"
#include "engine/evaluate/scoring.h"
#include "engine/formats/safetensors.h"
#include "engine/generate/distribution.h"
#include "engine/generate/tap_store.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <set>
#include <unistd.h>

namespace ls::certify {

namespace {

namespace fs = std::filesystem;

Error badReference(const std::string& what, const std::string& folder)
{
    return {Errc::FileFormat, fmt::format("The reference values cannot be used: {}.", what),
            "docs/certificate.md says what the folder holds.", folder};
}

/// golden.safetensors of a folder.
class Reference {
public:
    static Result<Reference> open(const std::string& folder)
    {
        Reference out;
        out.m_folder = folder;
        LS_TRY(out.m_file, SafetensorsFile::open((fs::path(folder) / "golden.safetensors").string()));
        for (const SafeTensor& tensor : out.m_file->tensors())
            if (const auto slash = tensor.name.find('/'); tensor.name.substr(slash + 1) == "ids")
                out.m_prompts.push_back(tensor.name.substr(0, slash));
        if (out.m_prompts.empty())
            return badReference("there is no PROMPT/ids", folder);
        return out;
    }

    const std::vector<std::string>& prompts() const { return m_prompts; }
    const SafetensorsFile& file() const { return *m_file; }
    bool has(const std::string& name) const { return m_file->tensor(name) != nullptr; }

    Result<at::Tensor> floats(const std::string& name) const
    {
        const SafeTensor* tensor = m_file->tensor(name);
        if (!tensor)
            return badReference(name + " is missing", m_folder);
        LS_TRY(const std::vector<float> values, tensor->floats());
        return at::tensor(values, at::kFloat).reshape(tensor->shape);
    }
    Result<std::vector<std::int32_t>> ints(const std::string& name) const
    {
        const SafeTensor* tensor = m_file->tensor(name);
        if (!tensor)
            return badReference(name + " is missing", m_folder);
        return tensor->ints();
    }
    /// Sites kept for a prompt, with the tensor's name.
    std::map<HookPoint, std::string> sites(const std::string& prompt, const ModelConfig& config) const
    {
        std::map<HookPoint, std::string> out;
        for (const SafeTensor& tensor : m_file->tensors())
            if (tensor.name.starts_with(prompt + "/blocks."))
                if (const auto point = parseHookName(tensor.name.substr(prompt.size() + 1));
                    point && point.value().layer < config.blockCount && checkSite(config, point.value().site).ok())
                    out[point.value()] = tensor.name;
        return out;
    }
    /// The interventions kept for a prompt: what stands between it and "/greedy".
    std::set<std::string> interventions(const std::string& prompt) const
    {
        std::set<std::string> out;
        const std::string begin = prompt + "/", end = "/greedy";
        for (const SafeTensor& tensor : m_file->tensors())
            if (tensor.name.starts_with(begin) && tensor.name.ends_with(end) &&
                tensor.name.size() > begin.size() + end.size())
                out.insert(tensor.name.substr(begin.size(), tensor.name.size() - begin.size() - end.size()));
        return out;
    }

private:
    std::string m_folder;
    std::unique_ptr<SafetensorsFile> m_file;
    std::vector<std::string> m_prompts;
};

/// Compares taps with stored values as they come.
class Comparer final : public TapSink {
public:
    Comparer(const Reference& reference, std::map<HookPoint, std::string> sites, std::string prompt, SiteErrors& errors)
        : m_reference(reference)
        , m_sites(std::move(sites))
        , m_prompt(std::move(prompt))
        , m_errors(errors)
    {
    }
    bool wants(HookPoint point) const override { return m_sites.contains(point); }
    void onTap(HookPoint point, const at::Tensor& value, int) override
    {
        const auto stored = m_reference.floats(m_sites.at(point));
        if (!stored) {
            m_status = stored.error();
            return;
        }
        const RowError error = siteDifference(point.site, value, stored.value());
        m_errors.add(point, error, m_prompt);
        m_errors.addAccumulated(point, error);
    }
    const Status& status() const { return m_status; }

private:
    const Reference& m_reference;
    std::map<HookPoint, std::string> m_sites;
    std::string m_prompt;
    SiteErrors& m_errors;
    Status m_status = success();
};

/// `logits` [n, vocab] against what is stored under `key`: all of them, those of the last position, or of these the
/// largest. A key that is not there has no error.
Result<RowError> logitsError(const Reference& reference, const std::string& key, const at::Tensor& logits)
{
    const at::Tensor last = logits.narrow(0, logits.size(0) - 1, 1);
    if (reference.has(key)) {
        LS_TRY(const at::Tensor stored, reference.floats(key));
        return rowDifference(logits, stored);
    }
    if (reference.has(key + "_last")) {
        LS_TRY(const at::Tensor stored, reference.floats(key + "_last"));
        return rowDifference(last, stored.reshape({1, -1}));
    }
    if (!reference.has(key + "_last.top_ids"))
        return RowError{};
    LS_TRY(const auto ids, reference.ints(key + "_last.top_ids"));
    LS_TRY(const at::Tensor stored, reference.floats(key + "_last.top_values"));
    at::Tensor ours = at::empty({1, std::int64_t(ids.size())}, at::kFloat);
    const auto row = floatsOf(last);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] < 0 || std::size_t(ids[i]) >= row.size())
            return RowError{INFINITY, 0, 0};
        ours.data_ptr<float>()[i] = row[std::size_t(ids[i])];
    }
    return rowDifference(ours, stored.reshape({1, -1}));
}

/// The methods that stand for an intervention's name; empty for one that is not known. k: the middle block.
Result<MethodSet> methodsOf(const std::string& name, const ModelConfig& config, const std::string& vector)
{
    const int k = config.blockCount / 2;
    using nlohmann::json;
    const auto skip = [](json params) { return MethodSet{{"layer_skip", std::move(params)}}; };
    if (name == "skip_block")
        return skip({{"blocks", {k}}});
    if (name == "skip_attn")
        return skip({{"attention", {k}}});
    if (name == "skip_mlp")
        return skip({{"mlp", {k}}});
    if (name == "skip_attn1_mlp_last_but_one")
        return skip({{"attention", {1}}, {"mlp", {config.blockCount - 2}}});
    if (name == "zero_head")
        return MethodSet{{"head_ablation", {{"heads", json::array({{k, 1}})}}}};
    if (name == "steer" && !vector.empty())
        return MethodSet{{"steering", {{"vector", vector}, {"layers", {k}}, {"coefficient", 4.0}}}};
    if (name == "ablate_direction" && !vector.empty())
        return MethodSet{{"direction_ablation", {{"vector", vector}, {"layers", "all"}}}};
    return MethodSet{};
}

/// The reference's steering vector as a file, because methods read files; removed at the end.
class VectorFile {
public:
    Status write(const Reference& reference)
    {
        if (!reference.has("steering_vector"))
            return success();
        LS_TRY(const at::Tensor vector, reference.floats("steering_vector"));
        std::error_code ignored; // without a folder for temporary files writing says why
        const fs::path folder = fs::temp_directory_path(ignored);
        m_path = (folder / fmt::format("layerscope-certify-{}.safetensors", getpid())).string();
        return writeSafetensors(m_path, {{"vector", toBlob(vector)}});
    }
    ~VectorFile()
    {
        std::error_code ignored; // it is in the folder for temporary files
        if (!m_path.empty())
            fs::remove(m_path, ignored);
    }
    const std::string& path() const { return m_path; }

private:
    std::string m_path;
};

/// Greedy ids under a plan against PREFIX/greedy, up to the first step at which rounding may decide.
Result<CertificateCheck> continuation(const ExperimentContext& context, const Reference& reference, const PlanPtr& plan,
                                      const std::vector<std::int32_t>& ids, const std::string& prefix,
                                      const std::string& title)
{
    const double bar = checkBars(*context.model).exact;
    CertificateCheck check{"reference/" + prefix, title, 0, bar, true, {}};
    LS_TRY(const auto expected, reference.ints(prefix + "/greedy"));
    LS_TRY(const at::Tensor gaps, reference.floats(prefix + "/greedy_gap"));
    Forward forward(plan);
    KvCache cache = emptyCache(*context.model);
    std::vector<std::int32_t> input = ids;
    const int length = int(ids.size());
    for (std::size_t step = 0; step < expected.size(); ++step) {
        if (context.interrupted && context.interrupted())
            return ExperimentContext::cancelled();
        const bool first = step == 0;
        LS_TRY(const at::Tensor logits, forward.run({input, length, first, nullptr, context.interrupted}, cache));
        if (first) {
            LS_TRY(const RowError error, logitsError(reference, prefix + "/logits", logits));
            check.value = error.error;
            check.passed = error.error < bar;
        }
        if (std::int64_t(step) >= gaps.numel() || floatsOf(gaps)[step] < float(2 * bar)) {
            check.detail =
                fmt::format("compared up to id {} of {}: the two best are too close there", step, expected.size());
            break;
        }
        const at::Tensor last = logits.narrow(0, logits.size(0) - 1, 1);
        input = {largestIds(floatsOf(last), 1).front()};
        if (input[0] != expected[step]) {
            check.passed = false;
            check.detail = fmt::format("id {} of the continuation differs", step);
            break;
        }
    }
    return check;
}

} // namespace

Status compareWithReference(const ExperimentContext& context, const std::string& folder, Certificate& certificate)
{
    LS_TRY(const Reference reference, Reference::open(folder));
    const ModelConfig& config = context.model->config();
    CertificateSource source{
        "reference", "Values stored in " + fs::path(folder).lexically_normal().string() + ".", reference.prompts(), {}};
    LS_TRY(const PlanPtr dense, planOf(context.model, {}));
    VectorFile vector;
    LS_CHECK(vector.write(reference));
    SiteErrors errors;
    double done = 0;
    for (const std::string& prompt : reference.prompts()) {
        if (!context.checkpoint())
            return ExperimentContext::cancelled();
        context.progress("comparing with the reference: " + prompt, done++, double(reference.prompts().size()));
        LS_TRY(const auto ids, reference.ints(prompt + "/ids"));
        Comparer taps(reference, reference.sites(prompt, config), prompt, errors);
        KvCache cache = emptyCache(*context.model);
        LS_TRY(const at::Tensor logits,
               Forward(dense).run({ids, int(ids.size()), true, &taps, context.interrupted}, cache));
        LS_CHECK(taps.status());
        LS_TRY(const RowError error, logitsError(reference, prompt + "/logits", logits));
        errors.add({Site::Logits, -1}, error, prompt);
        errors.addAccumulated({Site::Logits, -1}, error);
        if (reference.has(prompt + "/greedy")) {
            LS_TRY(auto check, continuation(context, reference, dense, ids, prompt,
                                            fmt::format("Continuation of \"{}\" equals the reference", prompt)));
            certificate.checks.push_back(std::move(check));
        }
        for (const std::string& name : reference.interventions(prompt)) {
            LS_TRY(const MethodSet methods, methodsOf(name, config, vector.path()));
            const std::string title = fmt::format("\"{}\" with {} equals the reference", prompt, name);
            const auto plan = methods.empty() ? Result<PlanPtr>(badReference("no such method", name))
                                              : planOf(context.model, methods);
            if (!plan) {
                certificate.checks.push_back(
                    {"reference/" + prompt + "/" + name, title, 0, 0, true, plan.error().message, false});
                continue;
            }
            LS_TRY(auto check, continuation(context, reference, plan.value(), ids, prompt + "/" + name, title));
            certificate.checks.push_back(std::move(check));
        }
    }
    source.sites = errors.inOrder();
    certificate.sources.insert(certificate.sources.begin(), std::move(source));
    return success();
}

} // namespace ls::certify
