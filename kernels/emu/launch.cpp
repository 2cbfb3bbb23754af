#include "kernels/emu/launch.h"

#include "kernels/emu/fiber.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <random>

namespace ls::emu {

namespace {

constexpr unsigned kMaxThreads = 1024, kLanes = 32;
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kGuard = 0; // the sanitizer guards the ends of the allocation itself
#else
constexpr std::size_t kGuard = 256;
#endif
constexpr std::uint8_t kGuardByte = 0xA5;

enum class Wait : std::uint8_t { Ready, Block, Warp, Done, Failed };

struct Thread {
    Fiber fiber;
    Wait wait = Wait::Ready;
    unsigned operation = 0, turn = 0;
};

/// Values of a warp's operation, in two sets used in turn: a lane that is already at the next operation does not
/// overwrite what a slower one still reads.
struct Warp {
    std::uint64_t values[2][kLanes];
};

class SharedMemory {
public:
    explicit SharedMemory(std::size_t bytes)
        : m_bytes(bytes)
        , m_memory(static_cast<std::uint8_t*>(::operator new(bytes + 2 * kGuard, kAlignment)))
    {
        std::memset(m_memory, kGuardByte, bytes + 2 * kGuard);
        std::memset(data(), 0xFF, bytes);
    }
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;
    ~SharedMemory() { ::operator delete(m_memory, kAlignment); }
    std::uint8_t* data() const { return m_memory + kGuard; }
    bool guardsHold() const
    {
        const auto holds = [](const std::uint8_t* from) {
            return std::all_of(from, from + kGuard, [](std::uint8_t byte) { return byte == kGuardByte; });
        };
        return holds(m_memory) && holds(data() + m_bytes);
    }

private:
    static constexpr std::align_val_t kAlignment{256};
    std::size_t m_bytes;
    std::uint8_t* m_memory;
};

class Runner {
public:
    bool run(const LaunchShape& shape, const std::function<void()>& body);
    void barrier() { yield(Wait::Block, 0); }
    std::uint64_t exchange(std::uint64_t value, unsigned source, unsigned operation)
    {
        Thread& thread = m_threads[m_position.thread];
        Warp& warp = m_warps[m_position.thread / kLanes];
        const unsigned turn = thread.turn++ & 1;
        warp.values[turn][m_position.thread % kLanes] = value;
        yield(Wait::Warp, operation);
        return warp.values[turn][source % kLanes];
    }
    void yield(Wait wait, unsigned operation)
    {
        Thread& thread = m_threads[m_position.thread];
        thread.wait = wait;
        thread.operation = operation;
        Fiber::yield();
    }
    void report(const std::string& what)
    {
        m_error = what + " (block " + std::to_string(m_position.blockX) + ", " + std::to_string(m_position.blockY) +
                  ", " + std::to_string(m_position.blockZ) + ")";
    }

    Position m_position;
    std::string m_error;
    std::uint64_t m_seed = 0;
    std::uint8_t* m_shared = nullptr;
    const std::function<void()>* m_body = nullptr;

private:
    bool runBlock();
    bool resume(unsigned thread);
    bool runReady();
    unsigned nextWarp();
    bool release();
    bool releaseWarp(unsigned warp, bool& released);

    StackPool m_stacks;
    std::unique_ptr<Thread[]> m_threads;
    Warp m_warps[kMaxThreads / kLanes];
    std::vector<unsigned> m_order;
    unsigned m_warp = 0;
    std::mt19937_64 m_random;
};

/// Runs now: a plain pointer, because a kernel asks for it at every step and an object would be guarded each time.
constinit thread_local Runner* t_active = nullptr;

Runner& runner()
{
    static thread_local Runner own;
    return own;
}

void threadBody()
{
    (*t_active->m_body)();
    t_active->yield(Wait::Done, 0);
}

bool Runner::run(const LaunchShape& shape, const std::function<void()>& body)
{
    m_error.clear();
    m_position = {0, 0, 0, 0, shape};
    if (shape.threads == 0 || shape.threads > kMaxThreads || shape.threads % kLanes != 0) {
        report("a block has a multiple of 32 threads and at most 1024");
        return false;
    }
    if (!m_threads) {
        if (!m_stacks.map(kMaxThreads)) {
            report("no memory for stacks");
            return false;
        }
        m_threads = std::make_unique<Thread[]>(kMaxThreads);
        for (unsigned i = 0; i < kMaxThreads; ++i)
            m_threads[i].fiber.setStack(m_stacks.stack(int(i)), StackPool::kStackBytes);
    }
    m_body = &body;
    m_random.seed(m_seed);
    m_order.resize(shape.threads);
    std::iota(m_order.begin(), m_order.end(), 0u);
    for (unsigned z = 0; z < shape.gridZ; ++z)
        for (unsigned y = 0; y < shape.gridY; ++y)
            for (unsigned x = 0; x < shape.gridX; ++x) {
                m_position.blockX = x;
                m_position.blockY = y;
                m_position.blockZ = z;
                if (!runBlock())
                    return false;
            }
    return true;
}

bool Runner::runBlock()
{
    const SharedMemory shared(m_position.shape.sharedBytes);
    m_shared = shared.data();
    for (unsigned i = 0; i < m_position.shape.threads; ++i) {
        m_threads[i].wait = Wait::Ready;
        m_threads[i].turn = 0;
        m_threads[i].fiber.start(&threadBody);
    }
    do {
        if (!runReady())
            return false;
    } while (release());
    if (m_error.empty() && !shared.guardsHold())
        report("write outside of shared memory");
    return m_error.empty();
}

bool Runner::resume(unsigned thread)
{
    if (m_threads[thread].wait != Wait::Ready)
        return true;
    m_position.thread = thread;
    m_threads[thread].fiber.resume();
    return m_threads[thread].wait != Wait::Failed;
}

/// One turn of every thread that may run; with an odd seed of the threads of one warp.
bool Runner::runReady()
{
    if (m_seed % 2 == 1) {
        m_warp = nextWarp();
        for (unsigned lane = 0; lane < kLanes; ++lane)
            if (!resume(m_warp * kLanes + lane))
                return false;
        return true;
    }
    if (m_seed != 0)
        std::shuffle(m_order.begin(), m_order.end(), m_random);
    for (const unsigned i : m_order)
        if (!resume(i))
            return false;
    return true;
}

/// The same one again seven times of eight, so that it gets far ahead of the others; else any that may run.
unsigned Runner::nextWarp()
{
    const auto ready = [&](unsigned warp) {
        const Thread* lanes = &m_threads[warp * kLanes];
        return std::any_of(lanes, lanes + kLanes, [](const Thread& t) { return t.wait == Wait::Ready; });
    };
    const unsigned warps = m_position.shape.threads / kLanes;
    const std::uint64_t random = m_random();
    if (m_warp < warps && random % 8 != 0 && ready(m_warp))
        return m_warp;
    const auto start = unsigned((random / 8) % warps);
    for (unsigned i = 0; i < warps; ++i)
        if (ready((start + i) % warps))
            return (start + i) % warps;
    return start;
}

/// Lets go who may go on; false if nobody does: all are done, or an error.
bool Runner::release()
{
    bool released = false;
    for (unsigned warp = 0; warp < m_position.shape.threads / kLanes; ++warp)
        if (!releaseWarp(warp, released))
            return false;
    if (released)
        return true;
    unsigned atBarrier = 0;
    for (unsigned i = 0; i < m_position.shape.threads; ++i) {
        if (m_threads[i].wait == Wait::Ready)
            return true; // of a warp whose turn has not come
        atBarrier += m_threads[i].wait == Wait::Block;
    }
    if (atBarrier == 0)
        return false; // all are done
    if (atBarrier < m_position.shape.threads) {
        report("barrier divergence: " + std::to_string(atBarrier) + " of " + std::to_string(m_position.shape.threads) +
               " threads wait, the others have left");
        return false;
    }
    for (unsigned i = 0; i < m_position.shape.threads; ++i)
        m_threads[i].wait = Wait::Ready;
    return true;
}

bool Runner::releaseWarp(unsigned warp, bool& released)
{
    Thread* lanes = &m_threads[warp * kLanes];
    const Thread* waiting = std::find_if(lanes, lanes + kLanes, [](const Thread& t) { return t.wait == Wait::Warp; });
    if (waiting == lanes + kLanes)
        return true;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
        if (lanes[lane].wait != Wait::Warp || lanes[lane].operation != waiting->operation) {
            report("warp divergence: lane " + std::to_string(lane) + " of warp " + std::to_string(warp) +
                   (lanes[lane].wait == Wait::Done ? " has left" : " is elsewhere") +
                   " while others wait in a warp operation");
            return false;
        }
    }
    for (unsigned lane = 0; lane < kLanes; ++lane)
        lanes[lane].wait = Wait::Ready;
    released = true;
    return true;
}

} // namespace

bool run(const LaunchShape& shape, const std::function<void()>& body)
{
    t_active = &runner();
    return t_active->run(shape, body);
}
const std::string& lastError()
{
    return runner().m_error;
}
void setSchedule(std::uint64_t seed)
{
    runner().m_seed = seed;
}
const Position& position()
{
    return t_active->m_position;
}
std::uint8_t* sharedMemory()
{
    return t_active->m_shared;
}
void blockBarrier()
{
    t_active->barrier();
}
std::uint64_t exchange(std::uint64_t value, unsigned source, unsigned operation)
{
    return t_active->exchange(value, source, operation);
}
void fail(const char* message)
{
    t_active->report(std::string(message) + ", thread " + std::to_string(t_active->m_position.thread));
    t_active->yield(Wait::Failed, 0);
    std::abort(); // a failed thread is not resumed
}

} // namespace ls::emu
