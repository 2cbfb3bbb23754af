#include "tests/support/fake_inspect.h"

#include "tests/support/fake_model.h"

#include <chrono>
#include <filesystem>
#include <thread>

namespace ls::fake {

namespace {

using nlohmann::json;

constexpr std::int64_t kMiB = 1 << 20;

json tensor(const std::string& name, std::int64_t rows, std::int64_t columns, const char* type, std::int64_t bytes)
{
    return {{"name", name}, {"shape", {rows, columns}}, {"type", type}, {"bytes", bytes}};
}

json tensors(bool many)
{
    json out = json::array({tensor("token_embd.weight", 323, kWidth, "Q8_0", 323 * kWidth * 34 / 32)});
    for (int i = 0; i < (many ? 20000 : kBlocks); ++i)
        out.push_back(
            tensor("blk." + std::to_string(i) + ".ffn_up.weight", 4 * kWidth, kWidth, "Q4_1", 640 * (1 + i % 3)));
    out.push_back(tensor("output_norm.weight", 1, kWidth, "F32", 4 * kWidth));
    return out;
}

/// Weights of `mib` as float32; half as bfloat16; a fifth as in the file.
json memory(std::int64_t mib)
{
    json rows = json::array();
    const std::tuple<const char*, std::int64_t, std::int64_t> dtypes[] = {
        {"float32", mib * kMiB, 4}, {"bfloat16", mib * kMiB / 2, 2}, {"quantised", mib * kMiB / 5, 2}};
    for (const auto& [dtype, bytes, width] : dtypes)
        for (const int context : {512, kContext})
            rows.push_back({{"dtype", dtype},
                            {"weight_bytes", bytes},
                            {"context", context},
                            {"kv_bytes", std::int64_t(2) * kBlocks * kWidth * width * context}});
    return rows;
}

} // namespace

Result<json> inspect(const std::string& path)
{
    const auto has = [&](const char* word) { return path.find(word) != std::string::npos; };
    if (!std::filesystem::exists(path))
        return Error{Errc::FileNotFound, path + " does not exist.", "Check the path.", {}};
    if (has("slow"))
        std::this_thread::sleep_for(std::chrono::seconds(1));
    if (has("pickle"))
        return Error{Errc::PickleRefused,
                     path + " is a pickle file, which can run code when opened.",
                     "Convert it to safetensors or GGUF.",
                     {}};
    json info{{"path", path},
              {"family", "fake"},
              {"fingerprint", modelInfo({}).fingerprint},
              {"parameters", 134'515'008},
              {"file_bytes", 98'362'432},
              {"tensors", tensors(has("many"))},
              {"metadata", {{"general.name", "Fake"}, {"general.license", "apache-2.0"}}},
              {"card", {{"name", "Fake 135M"}, {"chat_template", true}}},
              {"config", nullptr},
              {"memory", nullptr},
              {"sites", sites()},
              {"free_bytes", {{"cpu", 8ll << 30}}}};
    if (!has("bare"))
        info["card"].update({{"licence", "apache-2.0"}, {"licence_from", "general.license"}, {"tokenizer", "gpt2"}});
    else
        info["card"]["chat_template"] = false;
    if (has("unknown")) {
        info["family"] = "foo";
        info["unsupported"] = "Architecture \"foo\" is not supported.";
        info["unsupported_hint"] = "Its tensors can be looked at.";
        return info;
    }
    info["config"] = {
        {"block_count", kBlocks},        {"width", kWidth},   {"head_count", kHeads},       {"kv_head_count", kHeads},
        {"head_width", kWidth / kHeads}, {"vocab_size", 323}, {"trained_context", kContext}};
    info["memory"] = memory(has("huge") ? 400'000 : has("large") ? 15'000 : 500);
    return info;
}

} // namespace ls::fake
