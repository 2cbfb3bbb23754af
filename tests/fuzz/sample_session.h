#pragma once

#include "core/session/session.h"

namespace ls::fuzz {

/// A session with something in every table, small.
inline void fillSession(Session& session)
{
    ModelInfo model;
    model.name = "tiny";
    model.fingerprint = "00ff";
    model.blockCount = 2;
    RunSpec spec;
    spec.prompt.messages = {{{"role", "user"}, {"content", "Zürich?"}}};
    spec.lanes = {{"A", {}}, {"B", {{"steering", {{"coefficient", 4.0}, {"layers", {1}}}}}}};
    spec.probes = {"logit_lens"};
    RunData& run = session.startRun(spec, model);
    session.record(run, GenerationStarted{1, {"A", "B"}, 1, 1, "prompt"});
    const std::vector<float> norms{1.0F, 2.5F, 3.0F};
    const std::vector<float> large(600, 0.5F);
    const std::vector<std::int32_t> ids{4, 5, 6};
    for (int position = 0; position < 3; ++position)
        for (const char* lane : {"A", "B"}) {
            session.record(run, Token{1,
                                      lane,
                                      position,
                                      1000 + position,
                                      "word",
                                      position ? "generated" : "prompt",
                                      -0.1F,
                                      0.3F,
                                      {{position, "x", -1.0F}, {7, "y", -2.0F}},
                                      33'000 * position,
                                      32'999});
            session.record(run, Tap{1, lane, position, "resid_norm", TensorBlob::fromFloats({3}, norms), {}});
            session.record(run, Tap{1, lane, position, "lens.ids", TensorBlob::fromInts({3, 1}, ids), {"a", "b", "c"}});
            session.record(run, Tap{1, lane, position, "lens.probs", TensorBlob::fromFloats({3, 1}, norms), {}});
            session.record(run, Tap{1, lane, position, "lens.entropy", TensorBlob::fromFloats({3}, norms), {}});
            session.record(run, Tap{1, lane, position, "contextualisation.c", TensorBlob::fromFloats({3}, norms), {}});
            session.record(run, Tap{1, lane, position, "safety.score", TensorBlob::fromFloats({3}, norms), {}});
            session.record(run, Tap{1, lane, position, "big", TensorBlob::fromFloats({20, 30}, large), {}});
        }
    session.record(run, Divergence{1, "B", 2});
    session.record(run, Applied{2, 1, "B", 2, "keep", "", 1234, {{"layer_skip", {{"blocks", {1}}}}}});
    session.record(run, Stages{1, "B", {420'000, {1, {}}, {2, {.qkv = 700, .mlp = 900}}, 50}});
    session.record(run, Memory{1, 1'000'000, 500, {"A", "B"}, {1, 2}, {0, 3}});
    for (const char* lane : {"A", "B"})
        session.record(run, LaneDone{1, lane, "eos", 2, 55'000, 29.75});
    session.record(run, GenerationDone{1});
    session.finishRun(run);

    const auto experiment = [&](const char* kind, const nlohmann::json& params, const nlohmann::json& row,
                                const nlohmann::json& result) {
        ExperimentData& data = session.startExperiment(kind, params, model);
        session.record(data, ExperimentRow{3, 0, row});
        session.record(data, ExperimentDone{3, result});
        session.endExperiment(data, "done", {});
    };
    experiment("perplexity", {{"text", "abc"}, {"stride", 0}}, {{"lane", "B"}, {"nll_sum", 0.5}},
               {{"A", {{"ppl", 17.5}}}});
    experiment("bench", {{"tests", {"pp512"}}}, {{"lane", "A"}, {"test", "pp512"}, {"seconds", 1.5}},
               nlohmann::json::object());
    experiment("fit_safety", {{"layers", "all"}}, {{"layer", 0}, {"auroc", 0.75}}, {{"auroc", {0.5, 0.75, 0.8}}});
    session.addMetric({"decode_rate", "A", "tok/s", 30.25, 29.5, 31.0, 5, "measured", "beef"}, run.id);
    session.addEvent(run.id, 1, "engine_restarted", {{"why", "killed"}});
    session.addNote("Line 1\nLine 2");
    session.putArtefact({"steering/x.gguf", "vector", {{"layer", 1}}, std::vector<std::uint8_t>(1500, 7)});
    session.setProperty("desk", nlohmann::json::array({{{"method", "layer_skip"}}}));
    session.setProperty("environment", {{"client", "x"}, {"threads", 2}});
}

} // namespace ls::fuzz
