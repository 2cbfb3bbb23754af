#include "kernels/cuda/matvec.h"

#include "kernels/cuda/matvec.cuh"

namespace ls::cuda {

namespace {

Launch checked(const MatvecInput& in, const MatvecMatrix* matrices, int count)
{
    if (in.tokens < 0 || in.cols <= 0 || count < 0 || count > kMaxMatrices || (in.tokens > 1 && in.stride < in.cols))
        return Launch::BadShape;
    if (!aligned(in.x, 4))
        return Launch::Unaligned;
    for (int m = 0; m < count; ++m) {
        const FormatSize size = formatSize(matrices[m].format);
        if (size.values == 0)
            return Launch::Unsupported;
        if (matrices[m].rowCount < 0 || in.cols % size.values != 0)
            return Launch::BadShape;
        if (!aligned(matrices[m].rows, std::size_t(size.alignment)) || !aligned(matrices[m].out, 4))
            return Launch::Unaligned;
    }
    return Launch::Ok;
}

Launch launchAny(WeightFormat format, const MatvecArgs& args, Stream stream)
{
    switch (format) {
    case WeightFormat::F32:
        return launchMatvec<WeightFormat::F32>(args, stream);
    case WeightFormat::F16:
        return launchMatvec<WeightFormat::F16>(args, stream);
    case WeightFormat::BF16:
        return launchMatvec<WeightFormat::BF16>(args, stream);
    case WeightFormat::Q8_0:
        return launchMatvec<WeightFormat::Q8_0>(args, stream);
    case WeightFormat::Q4_0:
        return launchMatvec<WeightFormat::Q4_0>(args, stream);
    case WeightFormat::Q4_1:
        return launchMatvec<WeightFormat::Q4_1>(args, stream);
    case WeightFormat::Q5_0:
        return launchMatvec<WeightFormat::Q5_0>(args, stream);
    case WeightFormat::Q5_1:
        return launchMatvec<WeightFormat::Q5_1>(args, stream);
    case WeightFormat::Q4_K:
        return launchMatvec<WeightFormat::Q4_K>(args, stream);
    case WeightFormat::Q5_K:
        return launchMatvec<WeightFormat::Q5_K>(args, stream);
    case WeightFormat::Q6_K:
        return launchMatvec<WeightFormat::Q6_K>(args, stream);
    }
    return Launch::Unsupported;
}

} // namespace

Launch multiply(const MatvecInput& input, const MatvecMatrix* matrices, int count, Stream stream)
{
    if (const Launch bad = checked(input, matrices, count); bad != Launch::Ok)
        return bad;
    bool started[kMaxMatrices] = {};
    for (int first = 0; first < count; ++first) {
        if (started[first])
            continue;
        MatvecArgs args;
        args.input = input;
        for (int m = first; m < count; ++m) {
            if (matrices[m].format != matrices[first].format)
                continue;
            started[m] = true;
            args.matrices[args.count++] = matrices[m];
        }
        if (const Launch result = launchAny(matrices[first].format, args, stream); result != Launch::Ok)
            return result;
    }
    return Launch::Ok;
}

Launch multiplyGated(const MatvecInput& input, kernels::Gate kind, const MatvecMatrix& gate, const MatvecMatrix& up,
                     float* out, std::int64_t outStride, Stream stream)
{
    MatvecArgs args;
    args.input = input;
    args.matrices[0] = gate;
    args.matrices[1] = up;
    args.matrices[0].out = out;
    args.matrices[0].outStride = outStride;
    args.matrices[0].add = false;
    args.matrices[1].out = nullptr;
    args.count = 2;
    args.gated = true;
    args.gate = kind;
    if (const Launch bad = checked(input, args.matrices, 2); bad != Launch::Ok)
        return bad;
    if (gate.rowCount != up.rowCount)
        return Launch::BadShape;
    if (gate.format != up.format)
        return Launch::Unsupported;
    return launchAny(gate.format, args, stream);
}

} // namespace ls::cuda
