#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

/// Threads of a block that take turns on one processor thread: each has a stack of its own and runs until it yields.
namespace ls::emu {

/// A stack and where its function stopped. Stacks come from one mapping with a page without access below each, so a
/// kernel that needs too much stack ends with a fault at its own line.
class Fiber {
public:
    Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;
    ~Fiber();

    /// Gives the fiber a stack; once.
    void setStack(std::uint8_t* low, std::size_t bytes);
    /// The next resume starts `body` from its beginning, whatever ran before is forgotten. It must end by calling
    /// yield and is never resumed after that.
    void start(void (*body)());
    /// Runs the fiber until it yields. Not from inside a fiber.
    void resume();
    /// Back to whoever resumed the fiber that runs now.
    static void yield();

    struct State;

private:
    std::unique_ptr<State> m_state;
};

/// `count` stacks for fibers, kept until the end.
class StackPool {
public:
    static constexpr std::size_t kStackBytes = 64 * 1024;
    StackPool() = default;
    StackPool(const StackPool&) = delete;
    StackPool& operator=(const StackPool&) = delete;
    ~StackPool();
    /// False if the system gives no memory.
    bool map(int count);
    std::uint8_t* stack(int index) const;

private:
    std::uint8_t* m_memory = nullptr;
    std::size_t m_bytes = 0;
};

} // namespace ls::emu
