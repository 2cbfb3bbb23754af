#pragma once

#include "core/stage_times.h"

#include <chrono>
#include <utility>

namespace ls {

/// Measures a stretch of work by stage. It reads the clock once a change of stage (about 25 ns) and allocates nothing.
/// enter() only means something between start() and stop().
class StageClock {
public:
    void start(Stage stage = &StageTimes::other)
    {
        m_times = {};
        m_stage = stage;
        m_since = Clock::now();
    }
    /// What follows counts to `stage`; result: the one before.
    Stage enter(Stage stage)
    {
        const Clock::time_point now = Clock::now();
        m_times.*m_stage += std::chrono::duration_cast<std::chrono::nanoseconds>(now - m_since).count();
        m_since = now;
        return std::exchange(m_stage, stage);
    }
    /// Everything since start().
    StageTimes stop()
    {
        enter(&StageTimes::other);
        return m_times;
    }

private:
    using Clock = std::chrono::steady_clock;
    StageTimes m_times;
    Stage m_stage = &StageTimes::other;
    Clock::time_point m_since;
};

} // namespace ls
