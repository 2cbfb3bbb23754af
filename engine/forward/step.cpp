#include "engine/forward/step.h"

#include <ATen/ops/matmul.h>
#include <ATen/ops/outer.h>

#include <algorithm>

namespace ls {

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
        value = value.clone(); // a tap may hold the storage
        value.narrow(0, begin, end - begin).add_(addition.vector);
    }
}

} // namespace ls
