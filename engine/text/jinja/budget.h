#pragma once

#include <cstddef>
#include <string>

/// What a template may use. Templates come with model files from anywhere: they must not hang or eat the machine.
namespace ls::jinja {

/// Thrown inside this folder only; ChatTemplate turns it into an Error. line: 1-based, 0 = not known yet.
struct Failure {
    std::string message;
    int line = 0;
};

constexpr std::size_t kMaxSource = std::size_t(4) << 20;   ///< bytes of a template
constexpr std::size_t kMaxOutput = std::size_t(32) << 20;  ///< bytes of a rendered text, and of any text or list
constexpr std::size_t kMaxMemory = std::size_t(512) << 20; ///< bytes made while rendering, all together
constexpr std::size_t kMaxSteps = 10'000'000;              ///< expressions, statements and 64-byte scans
constexpr int kMaxNesting = 400;                           ///< of brackets and blocks in a template
constexpr int kMaxRecursion = 1000;                        ///< of evaluation: about 100 nested macro calls
constexpr int kMaxValueDepth = 200;                        ///< lists in lists

class Budget {
public:
    void step(std::size_t count = 1)
    {
        m_steps += count;
        if (m_steps > kMaxSteps)
            throw Failure{"The template runs too long."};
    }
    /// Reading `bytes` of a text or list.
    void scan(std::size_t bytes) { step(1 + bytes / 64); }
    /// A new text or list of `bytes`. Called before it is made.
    void make(std::size_t bytes)
    {
        if (bytes > kMaxOutput || (m_memory += bytes + kOverhead) > kMaxMemory)
            throw Failure{"The template makes too much text."};
        scan(bytes);
    }
    void enter()
    {
        if (++m_depth > kMaxRecursion)
            throw Failure{"maximum recursion depth exceeded"}; // Python's words: real templates get here
    }
    void leave() { --m_depth; }

private:
    static constexpr std::size_t kOverhead = 64; // of every value on the heap
    std::size_t m_steps = 0, m_memory = 0;
    int m_depth = 0;
};

/// One level of recursion.
class Level {
public:
    explicit Level(Budget& budget)
        : m_budget(budget)
    {
        budget.enter();
    }
    ~Level() { m_budget.leave(); }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

private:
    Budget& m_budget;
};

} // namespace ls::jinja
