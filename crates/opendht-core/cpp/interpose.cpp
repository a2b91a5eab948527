// The functions of the C++ library that the core sees differently, and their real versions.
//
// They take the place of libstdc++'s in the executable that links this file: a shared library's
// calls go to a definition in the program if there is one. Outside of a Scope they do what
// libstdc++'s do.
#include <dlfcn.h>
#include <sys/random.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <new>
#include <random>
#include <stdexcept>

#include "heap.hpp"
#include "scope.hpp"

namespace {

thread_local natbed::Surroundings* current = nullptr;
// Depth of the function-local statics that this thread is initializing. What they allocate outlives
// any node, so it does not come from a node's heap.
thread_local unsigned statics_begun = 0;

int64_t real_nanoseconds(clockid_t clock) noexcept {
    timespec now{};
    clock_gettime(clock, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

using GuardAcquire = int (*)(void*);
using GuardEnd = void (*)(void*);

// A symbol as the libraries after this program define it.
template <class Function>
Function next_symbol(std::atomic<void*>& known, const char* name) noexcept {
    void* found = known.load(std::memory_order_relaxed);
    if (found == nullptr) {
        found = dlsym(RTLD_NEXT, name);
        if (found == nullptr)
            std::abort(); // no libstdc++ is without it
        known.store(found, std::memory_order_relaxed);
    }
    return reinterpret_cast<Function>(found);
}

// Constant-initialized: no guard is needed to read them.
std::atomic<void*> real_acquire{nullptr};
std::atomic<void*> real_release{nullptr};
std::atomic<void*> real_abort{nullptr};

} // namespace

namespace natbed {

Surroundings* surroundings() noexcept { return current; }

Scope::Scope(Surroundings& inside) noexcept : before_(current) { current = &inside; }
Scope::~Scope() { current = before_; }

} // namespace natbed

namespace std {
namespace chrono {
inline namespace _V2 {

steady_clock::time_point steady_clock::now() noexcept {
    const int64_t ns = current != nullptr ? current->steady_ns : real_nanoseconds(CLOCK_MONOTONIC);
    return time_point(duration(ns));
}

system_clock::time_point system_clock::now() noexcept {
    const int64_t ns = current != nullptr ? current->system_ns : real_nanoseconds(CLOCK_REALTIME);
    return time_point(duration(ns));
}

} // namespace _V2
} // namespace chrono

random_device::result_type random_device::_M_getval() {
    if (current != nullptr) {
        uint64_t z = current->entropy += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return static_cast<result_type>((z ^ z >> 31) >> 32);
    }
    result_type drawn = 0;
    while (getrandom(&drawn, sizeof drawn, 0) != static_cast<ssize_t>(sizeof drawn))
        if (errno != EINTR)
            throw runtime_error("random_device: no entropy");
    return drawn;
}

} // namespace std

void* operator new(std::size_t bytes) {
    if (current != nullptr && statics_begun == 0) {
        if (void* const block = current->heap->allocate(bytes))
            return block;
        throw std::bad_alloc();
    }
    for (;;) {
        if (void* const block = std::malloc(bytes == 0 ? 1 : bytes))
            return block;
        const std::new_handler handler = std::get_new_handler();
        if (handler == nullptr)
            throw std::bad_alloc();
        handler();
    }
}

void operator delete(void* block) noexcept {
    if (!natbed::Heap::is_inside(block)) {
        std::free(block);
    } else if (current != nullptr && current->heap->owns(block)) {
        current->heap->release(block);
    }
    // What is left is the memory of a node that is not running: it goes when the node goes.
}

void operator delete(void* block, std::size_t) noexcept { operator delete(block); }

extern "C" {

int __cxa_guard_acquire(void* guard) {
    const int must_begin = next_symbol<GuardAcquire>(real_acquire, "__cxa_guard_acquire")(guard);
    if (must_begin != 0)
        ++statics_begun;
    return must_begin;
}

void __cxa_guard_release(void* guard) {
    --statics_begun;
    next_symbol<GuardEnd>(real_release, "__cxa_guard_release")(guard);
}

void __cxa_guard_abort(void* guard) {
    --statics_begun;
    next_symbol<GuardEnd>(real_abort, "__cxa_guard_abort")(guard);
}

} // extern "C"

namespace natbed {

const char* first_symbol_not_taken_over() noexcept {
    struct Symbol {
        const char* name;
        void* ours;
    };
    // Member functions cannot be compared by address: their mangled names are looked up instead,
    // and the program's own file must be the one that has them.
    static constexpr const char* const NAMES[] = {
        "_ZNSt6chrono3_V212steady_clock3nowEv",
        "_ZNSt6chrono3_V212system_clock3nowEv",
        "_ZNSt13random_device9_M_getvalEv",
        "_Znwm",
        "_ZdlPv",
        "_ZdlPvm",
        "__cxa_guard_acquire",
        "__cxa_guard_release",
        "__cxa_guard_abort",
    };
    Dl_info own{};
    if (dladdr(reinterpret_cast<void*>(&first_symbol_not_taken_over), &own) == 0)
        return "dladdr";
    for (const char* name : NAMES) {
        Dl_info found{};
        void* const address = dlsym(RTLD_DEFAULT, name);
        if (address == nullptr || dladdr(address, &found) == 0 || found.dli_fbase != own.dli_fbase)
            return name;
    }
    return nullptr;
}

} // namespace natbed
