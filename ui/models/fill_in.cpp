#include "ui/models/fill_in.h"

namespace ls {

nlohmann::json fillInParams(const RunData& run)
{
    const LaneData* lane = run.lane("B");
    if (!lane || lane->text().empty())
        return {};
    std::vector<std::int32_t> prompt, reply;
    for (const TokenData& token : lane->tokens)
        (token.origin == "prompt" ? prompt : reply).push_back(token.id);
    return {{"prompt", {{"ids", prompt}}}, {"ids", reply}, {"methods", toJson(run.currentMethods("B"))}};
}

ExperimentData* fillInOf(Session& session, const RunData& run)
{
    const nlohmann::json wanted = fillInParams(run);
    ExperimentData* found = nullptr;
    for (ExperimentData* experiment : session.experiments())
        if (experiment->kind == "fill_in" && !wanted.is_null() && experiment->params == wanted)
            found = experiment;
    return found;
}

} // namespace ls
