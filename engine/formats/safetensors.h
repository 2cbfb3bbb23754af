#pragma once

#include "core/error.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// safetensors, memory-mapped and read as hostile.
namespace ls {

struct SafeTensor {
    std::string name;
    std::string dtype; ///< "F32", "BF16", "I32", ...
    std::vector<std::int64_t> shape;
    std::span<const std::uint8_t> bytes;
    std::int64_t count() const;
    Result<std::vector<float>> floats() const;      ///< F32, F16, BF16, F64
    Result<std::vector<std::int32_t>> ints() const; ///< I32, I64 (checked)
};

class SafetensorsFile {
public:
    static Result<std::unique_ptr<SafetensorsFile>> open(const std::string& path);
    virtual ~SafetensorsFile() = default;
    virtual const std::vector<SafeTensor>& tensors() const = 0; ///< in file order
    virtual const SafeTensor* tensor(const std::string& name) const = 0;
    virtual const std::map<std::string, std::string>& metadata() const = 0;
};

} // namespace ls
