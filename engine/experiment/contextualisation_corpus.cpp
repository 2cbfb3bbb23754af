#include "engine/experiment/contextualisation_corpus.h"

#include "engine/experiment/streams.h"
#include "engine/text/tokenizer.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>

namespace ls {

namespace {

Error badClasses(std::size_t paragraph)
{
    return {Errc::InvalidParameter,
            fmt::format("The classes of paragraph {} cannot be read.", paragraph),
            "Give a list of {begin, end, class} per paragraph.",
            {}};
}

Result<std::vector<WordSpan>> wordsOf(const nlohmann::json& params, const std::string& text, std::size_t paragraph)
{
    if (!params.contains("classes"))
        return wordClasses(text);
    const nlohmann::json& all = params.at("classes");
    if (!all.is_array() || paragraph >= all.size() || !all[paragraph].is_array())
        return badClasses(paragraph);
    std::vector<WordSpan> words;
    std::size_t last = 0;
    for (const auto& item : all[paragraph]) {
        if (!item.is_object() || !item.value("class", nlohmann::json()).is_string())
            return badClasses(paragraph);
        LS_TRY(const auto begin, integerParam(item, "begin", -1, std::int64_t(last), std::int64_t(text.size())));
        LS_TRY(const auto end, integerParam(item, "end", -1, begin, std::int64_t(text.size())));
        words.push_back({std::size_t(begin), std::size_t(end), wordClassFromName(item.at("class").get<std::string>())});
        last = std::size_t(end);
    }
    return words;
}

/// Ids of the text, cut to `limit`, and the class of each.
Result<ContextFragment> tokenise(const Tokenizer& tokenizer, const nlohmann::json& params, const std::string& text,
                                 std::size_t paragraph, std::size_t limit)
{
    LS_TRY(const std::vector<WordSpan> words, wordsOf(params, text, paragraph));
    ContextFragment fragment;
    // Special tokens in the text are text here; BOS comes before it where the model expects one.
    LS_TRY(std::vector<std::int32_t> ids, tokenizer.tokenize(text, false));
    std::vector<std::size_t> bounds = tokenEnds(tokenizer, ids, text);
    bounds.insert(bounds.begin(), 0);
    fragment.classes = tokenClasses(text, words, bounds);
    if (tokenizer.addsBos()) {
        ids.insert(ids.begin(), tokenizer.bosId());
        fragment.classes.insert(fragment.classes.begin(), WordClass::Special);
    }
    ids.resize(std::min(ids.size(), limit));
    fragment.classes.resize(ids.size());
    fragment.ids = std::move(ids);
    return fragment;
}

at::Tensor meanEmbedding(const WeightMatrix& embedding, const std::vector<ContextFragment>& fragments)
{
    at::Tensor sum = at::zeros({embedding.cols()}, at::kDouble);
    std::int64_t count = 0;
    for (const ContextFragment& fragment : fragments) {
        const std::vector<std::int64_t> ids(fragment.ids.begin(), fragment.ids.end());
        sum.add_(embedding.rowsAt(at::tensor(ids, at::kLong)).to(at::kDouble).sum(0));
        count += std::int64_t(ids.size());
    }
    return sum.div(double(count));
}

/// Marks the rows that take part: everything from the window on that is no sink.
void chooseRows(ContextCorpus& corpus, int middle)
{
    std::vector<at::Tensor> norms;
    for (const ContextFragment& fragment : corpus.fragments)
        norms.push_back(fragment.streams[middle].to(at::kDouble).square().sum(1).sqrt());
    std::vector<at::Tensor> beyondFirst;
    for (const at::Tensor& norm : norms)
        beyondFirst.push_back(norm.narrow(0, 1, norm.size(0) - 1));
    corpus.sinkNorm = kSinkFactor * at::cat(beyondFirst).median().item<double>();
    for (std::size_t f = 0; f < norms.size(); ++f)
        for (int position = kContextWindow; position < int(norms[f].size(0)); ++position)
            if (norms[f][position].item<double>() <= corpus.sinkNorm) {
                corpus.rowFragment.push_back(int(f));
                corpus.rowPosition.push_back(position);
            }
}

/// Rows of a per-fragment [n, ...] value that take part, joined.
template <typename PerFragment>
at::Tensor gather(const ContextCorpus& corpus, PerFragment&& value)
{
    std::vector<at::Tensor> parts;
    for (std::size_t f = 0, row = 0; f < corpus.fragments.size(); ++f) {
        std::vector<std::int64_t> positions;
        for (; row < corpus.rowFragment.size() && corpus.rowFragment[row] == int(f); ++row)
            positions.push_back(corpus.rowPosition[row]);
        if (!positions.empty())
            parts.push_back(value(corpus.fragments[f]).index_select(0, at::tensor(positions, at::kLong)));
    }
    return at::cat(parts).to(at::kDouble);
}

Result<std::vector<ContextFragment>> readFragments(const ExperimentContext& context)
{
    LS_CHECK(context.model->needsText());
    LS_TRY(const auto paragraphs, textsParam(context.params, "paragraphs"));
    const int trained = context.model->info().contextLength;
    LS_TRY(const auto tokens, integerParam(context.params, "tokens", 128, kContextWindow + 1, trained));
    std::vector<ContextFragment> fragments;
    for (std::size_t i = 0; i < paragraphs.size(); ++i) {
        LS_TRY(ContextFragment fragment,
               tokenise(context.model->tokenizer(), context.params, paragraphs[i], i, std::size_t(tokens)));
        if (int(fragment.ids.size()) > kContextWindow)
            fragments.push_back(std::move(fragment));
    }
    if (fragments.empty())
        return Error{Errc::DataTooFew,
                     fmt::format("No paragraph is longer than {} tokens.", kContextWindow),
                     "Use longer paragraphs.",
                     {}};
    return fragments;
}

} // namespace

int ContextCorpus::tokens() const
{
    std::size_t count = 0;
    for (const ContextFragment& fragment : fragments)
        count += fragment.ids.size();
    return int(count);
}

at::Tensor ContextCorpus::states(int stream) const
{
    return gather(*this, [stream](const ContextFragment& fragment) { return fragment.streams[stream]; });
}

Result<ContextCorpus> runContextCorpus(const ExperimentContext& context)
{
    ContextCorpus corpus;
    LS_TRY(corpus.fragments, readFragments(context));
    Forward forward = denseForward(context.model);
    const double total = double(corpus.fragments.size());
    for (std::size_t i = 0; i < corpus.fragments.size(); ++i) {
        context.progress("reading the corpus", double(i), total);
        if (!context.checkpoint())
            return ExperimentContext::cancelled();
        LS_TRY(corpus.fragments[i].streams,
               captureStreams(forward, corpus.fragments[i].ids, false, context.interrupted));
    }
    chooseRows(corpus, middleStream(context.model->config().blockCount));
    if (corpus.rows() < kContextWindow)
        return Error{Errc::DataTooFew,
                     fmt::format("Only {} tokens stand behind a full window.", corpus.rows()),
                     "Use more or longer paragraphs.",
                     {}};
    const WeightMatrix& embedding = context.model->weights().embedding;
    corpus.tokenMean = meanEmbedding(embedding, corpus.fragments);
    const at::Tensor y = gather(corpus, [&](const ContextFragment& fragment) {
        return windowMeans(embedding, corpus.tokenMean, fragment.ids, 0, int(fragment.ids.size()));
    });
    corpus.directions = principalDirections(y);
    corpus.targets = y.mm(corpus.directions);
    return corpus;
}

Result<std::string> contextDataHash(const nlohmann::json& params)
{
    LS_TRY(const auto paragraphs, textsParam(params, "paragraphs"));
    nlohmann::json data{{"paragraphs", paragraphs}, {"tokens", params.value("tokens", nlohmann::json(128))}};
    return contentHash(data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

} // namespace ls
