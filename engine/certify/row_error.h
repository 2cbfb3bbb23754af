#pragma once

#include "core/certificate/certificate.h"
#include "engine/model/hook_site.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

/// How two values of a site differ.
namespace ls {

struct RowError {
    double error = 0;  ///< largest of all rows; infinite when shapes differ or a value is not finite
    double cosine = 1; ///< smallest of all rows
    int row = 0;       ///< where `error` is
};

/// a against b, [rows, ...]: max |a - b| of a row over its largest |b|. A norm over all rows would hide errors:
/// position 0 of SmolLM2 is 200 times larger than the rest.
RowError rowDifference(const at::Tensor& a, const at::Tensor& b);
/// Patterns [head, query, key]: max |a - b|, which needs no scale; a row is a query.
RowError patternDifference(const at::Tensor& a, const at::Tensor& b);
RowError siteDifference(Site site, const at::Tensor& a, const at::Tensor& b);

/// Collects the worst of every site.
class SiteErrors {
public:
    void add(HookPoint point, const RowError& error, const std::string& prompt, int firstPosition = 0);
    void addAccumulated(HookPoint point, const RowError& error);
    std::vector<SiteError> inOrder() const;    ///< of the pass
    double accumulated(HookPoint point) const; ///< 0 if there is none
    bool empty() const { return m_errors.empty(); }

private:
    std::map<HookPoint, SiteError> m_errors;
};

} // namespace ls
