#include "kernels/emu/fiber.h"

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

// swapcontext asks the system for the signal mask at every switch, which is most of its time. On x86-64 the switch is
// ours: it keeps the registers that a called function must keep, and the stack.
#if defined(__x86_64__)
extern "C" void lsEmuSwitch(void** from, void* to);
asm(R"(
.text
.type lsEmuSwitch, @function
lsEmuSwitch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size lsEmuSwitch, . - lsEmuSwitch
)");
#endif

namespace ls::emu {

struct Fiber::State {
    std::uint8_t* low = nullptr;
    std::size_t bytes = 0;
    void (*body)() = nullptr;
#if defined(__x86_64__)
    void *self = nullptr, *caller = nullptr;
#else
    ucontext_t self, caller;
#endif
    void* sanitizer = nullptr;       // thread sanitizer: its idea of this fiber
    void* sanitizerCaller = nullptr; // and of the caller; address sanitizer: the caller's fake stack
    const void* callerStack = nullptr;
    std::size_t callerBytes = 0;
};

namespace {
thread_local Fiber::State* t_running = nullptr;
} // namespace

static void enter()
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &t_running->callerStack, &t_running->callerBytes);
#endif
    t_running->body();
    __builtin_trap(); // the body ends with a yield that is never resumed
}

Fiber::Fiber() = default;

Fiber::~Fiber()
{
#if defined(__SANITIZE_THREAD__)
    if (m_state && m_state->sanitizer)
        __tsan_destroy_fiber(m_state->sanitizer);
#endif
}

void Fiber::setStack(std::uint8_t* low, std::size_t bytes)
{
    m_state = std::make_unique<State>();
    m_state->low = low;
    m_state->bytes = bytes;
}

void Fiber::start(void (*body)())
{
    State& s = *m_state;
    s.body = body;
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(s.low, s.bytes); // frames of the run before never returned
#endif
#if defined(__x86_64__)
    auto* top = reinterpret_cast<void**>(s.low + s.bytes);
    *--top = nullptr; // alignment: a function starts with its stack 8 bytes off a multiple of 16
    *--top = reinterpret_cast<void*>(&enter);
    for (int i = 0; i < 6; ++i)
        *--top = nullptr;
    s.self = top;
#else
    getcontext(&s.self);
    s.self.uc_stack.ss_sp = s.low;
    s.self.uc_stack.ss_size = s.bytes;
    s.self.uc_link = nullptr;
    makecontext(&s.self, &enter, 0);
#endif
#if defined(__SANITIZE_THREAD__)
    if (s.sanitizer)
        __tsan_destroy_fiber(s.sanitizer);
    s.sanitizer = __tsan_create_fiber(0);
#endif
}

void Fiber::resume()
{
    State& s = *m_state;
    t_running = &s;
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, s.low, s.bytes);
#endif
#if defined(__SANITIZE_THREAD__)
    s.sanitizerCaller = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(s.sanitizer, 0);
#endif
#if defined(__x86_64__)
    lsEmuSwitch(&s.caller, s.self);
#else
    swapcontext(&s.caller, &s.self);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
    t_running = nullptr;
}

void Fiber::yield()
{
    State& s = *t_running;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&s.sanitizerCaller, s.callerStack, s.callerBytes);
#endif
#if defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(s.sanitizerCaller, 0);
#endif
#if defined(__x86_64__)
    lsEmuSwitch(&s.self, s.caller);
#else
    swapcontext(&s.self, &s.caller);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(s.sanitizerCaller, &s.callerStack, &s.callerBytes);
#endif
}

StackPool::~StackPool()
{
    if (m_memory)
        munmap(m_memory, m_bytes);
}

bool StackPool::map(int count)
{
    const auto page = std::size_t(sysconf(_SC_PAGESIZE));
    m_bytes = std::size_t(count) * (kStackBytes + page);
    void* memory = mmap(nullptr, m_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    m_memory = static_cast<std::uint8_t*>(memory);
    for (int i = 0; i < count; ++i)
        if (mprotect(m_memory + std::size_t(i) * (kStackBytes + page), page, PROT_NONE) != 0)
            return false;
    return true;
}

std::uint8_t* StackPool::stack(int index) const
{
    const auto page = std::size_t(sysconf(_SC_PAGESIZE));
    return m_memory + std::size_t(index) * (kStackBytes + page) + page;
}

} // namespace ls::emu
