#include "engine/forward/step.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/outer.h>

#include <algorithm>
#include <functional>

namespace ls {

namespace {

/// x with `vector` added to the rows [begin, end), in storage of its own: a tap may hold that of x. On this thread: to
/// wake libtorch's for one addition costs more than the addition.
at::Tensor added(const at::Tensor& x, const at::Tensor& vector, int begin, int end)
{
    if (x.scalar_type() != at::kFloat || vector.scalar_type() != at::kFloat || !x.is_contiguous() ||
        !vector.is_contiguous()) {
        at::Tensor y = x.clone();
        y.narrow(0, begin, end - begin).add_(vector);
        return y;
    }
    const std::int64_t width = x.size(1);
    at::Tensor y = at::empty(x.sizes(), at::kFloat);
    const float *from = x.const_data_ptr<float>(), *change = vector.const_data_ptr<float>();
    float* to = y.data_ptr<float>();
    for (std::int64_t row = 0; row < x.size(0); ++row, from += width, to += width) {
        if (row < begin || row >= end)
            std::copy_n(from, width, to);
        else
            std::transform(from, from + width, change, to, std::plus<float>());
    }
    return y;
}

} // namespace

void applyEdits(const std::vector<SiteEdit>& edits, at::Tensor& value, const Step& step)
{
    for (const SiteEdit& site : edits) {
        if (const auto* projection = std::get_if<Projection>(&site.what)) {
            value = value.sub(at::outer(at::matmul(value, projection->unit), projection->unit));
            continue;
        }
        const auto& addition = std::get<Addition>(site.what);
        int begin = 0, end = step.n; // rows of this chunk
        switch (addition.mask.kind) {
        case TokenMask::Kind::Prompt:
            end = std::clamp(step.promptLength - step.first, 0, step.n);
            break;
        case TokenMask::Kind::Generated:
            begin = std::clamp(step.promptLength - step.first, 0, step.n);
            break;
        case TokenMask::Kind::LastPrompt:
            begin = std::clamp(step.promptLength - 1 - step.first, 0, step.n);
            end = std::clamp(step.promptLength - step.first, 0, step.n);
            break;
        default:
            break; // All; classes of tokens are refused when the plan is made
        }
        if (begin >= end)
            continue;
        value = added(value, addition.vector, begin, end);
    }
}

} // namespace ls
