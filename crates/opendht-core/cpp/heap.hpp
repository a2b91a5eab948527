// The memory of one node: the same calls give the same order of addresses, in every run.
#pragma once

#include <cstddef>
#include <cstdint>

namespace natbed {

// A bump allocator with free lists by size. Only one thread at a time uses it.
//
// The core keeps maps with pointers as their keys and walks through them, so what it sends depends
// on how addresses compare. Here they depend on the calls before alone: blocks are cut one after
// the other, and a freed block is the next one of its size to be used again.
class Heap {
public:
    // Returns null if there are as many heaps as there may be, or no address space.
    static Heap* make() noexcept;
    // Gives all the memory back, whatever was not freed.
    static void destroy(Heap*) noexcept;

    // Returns zeroed memory, null if the heap is full.
    void* allocate(std::size_t bytes) noexcept;
    void release(void* block) noexcept;

    // Bytes that were ever in use at a time, as the system sees it.
    std::size_t used() const noexcept { return static_cast<std::size_t>(next_ - base_); }

    // Says whether an address belongs to any heap, a destroyed one as well.
    static bool is_inside(const void* address) noexcept;
    bool owns(const void* address) const noexcept;

    static constexpr std::size_t SLOT_BYTES = std::size_t{256} << 20;
    static constexpr std::size_t SLOTS = 4096;

private:
    static constexpr std::size_t ALIGNMENT = 16;
    // Sizes up to this have a free list for each multiple of 16 bytes.
    static constexpr std::size_t SMALL = 1024;
    // Larger ones are rounded up to an eighth of their power of two.
    static constexpr unsigned STEPS = 8;
    static constexpr unsigned CLASSES = SMALL / ALIGNMENT + 1 + 18 * STEPS;

    // Before each block: the free list it goes to. While it is free, the next one follows.
    struct alignas(ALIGNMENT) Block {
        uint32_t size_class;
        Block* next;
    };

    static unsigned class_of(std::size_t bytes, std::size_t& rounded) noexcept;

    unsigned slot_;
    char* base_;
    char* next_;
    char* end_;
    Block* free_[CLASSES];
};

} // namespace natbed
