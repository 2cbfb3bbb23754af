#pragma once

#include "core/error.h"
#include "engine/forward/forward.h"
#include "engine/model/kv_cache.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// What is timed when a speed is measured. Ids are random and known beforehand: tokenising and sampling are no part of
/// it.
namespace ls {

/// "pp512": 512 prompt tokens. "tg128": 128 tokens one by one. "pp512+tg128": both, timed together. "...@d4096": after
/// 4096 others, whose time does not count.
struct SpeedTest {
    std::string name;
    int prompt = 0, generated = 0, depth = 0;
    int tokens() const { return prompt + generated; } ///< those that are timed
};
/// Errors: InvalidParameter, ContextTooLarge.
Result<SpeedTest> readSpeedTest(const std::string& name, int context);

/// A tap that is read while a speed is measured; next() is called after every forward pass.
class TimedTaps : public TapSink {
public:
    virtual void next() {}
};
/// "copy": every tapped value as float32 of its own, as captures and probes get it. "norms": of every row its Euclidean
/// norm and its product with one direction, nothing kept. Error: InvalidParameter.
Result<std::unique_ptr<TimedTaps>> timedTaps(const std::vector<HookPoint>& points, const std::string& reduce);

inline constexpr int kSpeedBatch = 2048; ///< prompt tokens of one forward call, unless asked otherwise

/// One plan under one test. The tokens before the test run once, with the first repetition.
class SpeedRun {
public:
    /// @param batch prompt tokens of one forward call
    /// @param taps may be null; must outlive the run
    SpeedRun(PlanPtr plan, const SpeedTest& test, int batch, TimedTaps* taps, std::function<bool()> interrupted);
    /// Where the time of one repetition went. Errors: Cancelled, those of Forward::run.
    Result<StageTimes> repeat();
    static double seconds(const StageTimes& times) { return double(times.sum()) * 1e-9; }

private:
    Status run(int begin, int end, int step, TimedTaps* taps); ///< ids [begin, end), `step` of them a call

    SpeedTest m_test;
    int m_batch;
    TimedTaps* m_taps;
    std::function<bool()> m_interrupted;
    Forward m_forward;
    KvCache m_cache;
    std::vector<std::int32_t> m_ids;
    StageClock m_clock;
};

} // namespace ls
