// What the interposed functions see while a node's code runs on this thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace natbed {

class Heap;

// The deterministic surroundings of one node.
struct Surroundings {
    Heap* heap;
    // What std::chrono::steady_clock and system_clock show, in nanoseconds.
    int64_t steady_ns;
    int64_t system_ns;
    // State of the generator behind std::random_device (splitmix64).
    uint64_t entropy;
};

// The surroundings in force on this thread, null for the real ones.
Surroundings* surroundings() noexcept;

// Puts surroundings in force while it lives.
class Scope {
public:
    explicit Scope(Surroundings& inside) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

private:
    Surroundings* before_;
};

// Says whether this program's functions are the ones that shared libraries call. Returns the name
// of the first that is not, null if all are.
const char* first_symbol_not_taken_over() noexcept;

} // namespace natbed
