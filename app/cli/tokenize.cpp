#include "app/cli/context.h"

#include <fmt/format.h>

#include <iostream>

namespace ls::cli {

namespace {

using nlohmann::json;

constexpr std::size_t kBatch = 256;

Result<int> run(const std::string& path, bool special)
{
    LS_TRY(EnginePtr engine, startEngine());
    LS_CHECK(readJsonLines(std::cin, kBatch, [&](const std::vector<nlohmann::ordered_json>& lines) -> Status {
        TokenizeText request{engine->nextRequestId(), {}, special, path};
        Status good = success(); // lines before a bad one are answered first
        for (const nlohmann::ordered_json& line : lines) {
            const auto text = line.find("text");
            if (text == line.end() || !text->is_string()) {
                good = Error{Errc::FileFormat, "An input line has no \"text\".", "Every line is {\"text\": \"...\"}.",
                             jsonLine(line).substr(0, 200)};
                break;
            }
            request.texts.push_back(text->get<std::string>());
        }
        if (request.texts.empty())
            return good;
        LS_TRY(const Tokenized answer, ask<Tokenized>(*engine, request, {}, &interrupted));
        for (std::size_t i = 0; i < answer.ids.size() && i < answer.decoded.size(); ++i)
            fmt::print("{}\n", jsonLine({{"ids", answer.ids[i]}, {"decoded", answer.decoded[i]}}));
        return good;
    }));
    return 0;
}

} // namespace

void addTokenize(CLI::App& app, Action& action)
{
    auto path = std::make_shared<std::string>();
    auto plain = std::make_shared<bool>(false);
    auto* command =
        app.add_subcommand("tokenize", "Texts to ids and back: JSONL {\"text\"} in, {\"ids\", \"decoded\"} out");
    command->add_option("model", *path, "GGUF file, tokenizer.json, or a folder that holds one")->required();
    command->add_flag("--no-special", *plain, "No special tokens: none added, none recognised in the text");
    command->callback([=, &action] { action = [=] { return run(*path, !*plain); }; });
}

} // namespace ls::cli
