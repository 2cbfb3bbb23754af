#pragma once

#include "engine/forward/forward.h"

#include <memory>

/// What generation asks of whatever runs forward passes: the processor, or another device.
namespace ls {

/// One sequence of tokens: its keys and values, and the plan of what comes next.
class Sequence {
public:
    virtual ~Sequence() = default;
    virtual const PlanPtr& plan() const = 0;
    virtual int length() const = 0;         ///< positions run so far
    virtual std::int64_t bytes() const = 0; ///< of keys and values in use
    /// As Forward::run: appends input.ids at length(). On an error the sequence is as before. Errors further to those
    /// of Forward::run: HookUnavailable for a tap the device does not have, DeviceUnavailable when the device fails.
    virtual Result<at::Tensor> run(const ForwardInput& input) = 0;
    virtual Status truncate(int length) = 0; ///< forgets positions >= length
    /// What comes next runs under another plan. On an error the old one stays.
    virtual Status setPlan(PlanPtr plan) = 0;
    /// One of the same device and room without positions.
    virtual Result<std::unique_ptr<Sequence>> another(PlanPtr plan) const = 0;
    virtual Result<std::unique_ptr<Sequence>> clone() const = 0; ///< with all positions
};

/// Where the passes of a generation run.
class ForwardDevice {
public:
    virtual ~ForwardDevice() = default;
    /// NotSupported names what of the plan the device cannot run.
    virtual Status check(const PlanPtr& plan) const = 0;
    /// `room`: positions it can hold, at most the model's context. Errors: those of check(), ContextTooLarge when keys
    /// and values do not fit into the device's memory.
    virtual Result<std::unique_ptr<Sequence>> sequence(PlanPtr plan, int room) = 0;
};

/// The processor: Forward and KvCache; runs every plan.
class CpuForwardDevice final : public ForwardDevice {
public:
    Status check(const PlanPtr&) const override { return success(); }
    Result<std::unique_ptr<Sequence>> sequence(PlanPtr plan, int room) override;
};

} // namespace ls
