#include "heap.hpp"

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <new>

namespace natbed {
namespace {

// Address space for all heaps, reserved once, so that one comparison tells whose a block is.
std::atomic<char*> region{nullptr};
std::atomic<bool> is_slot_taken[Heap::SLOTS];

constexpr std::size_t REGION_BYTES = Heap::SLOT_BYTES * Heap::SLOTS;

char* reserve_region() noexcept {
    char* known = region.load(std::memory_order_acquire);
    if (known != nullptr)
        return known;
    void* made = mmap(nullptr, REGION_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED)
        return nullptr;
    if (!region.compare_exchange_strong(known, static_cast<char*>(made))) {
        // Another thread was faster.
        munmap(made, REGION_BYTES);
        return known;
    }
    return static_cast<char*>(made);
}

constexpr std::size_t round_up(std::size_t bytes, std::size_t step) noexcept {
    return (bytes + step - 1) / step * step;
}

} // namespace

Heap* Heap::make() noexcept {
    char* const space = reserve_region();
    if (space == nullptr)
        return nullptr;
    for (unsigned slot = 0; slot < SLOTS; ++slot) {
        if (is_slot_taken[slot].exchange(true))
            continue;
        char* const base = space + slot * SLOT_BYTES;
        void* const mapped = mmap(base, SLOT_BYTES, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        if (mapped == MAP_FAILED) {
            is_slot_taken[slot] = false;
            return nullptr;
        }
        // The heap lives at the beginning of its own memory, which the system gives zeroed.
        Heap* const heap = new (base) Heap;
        heap->slot_ = slot;
        heap->base_ = base;
        heap->next_ = base + round_up(sizeof(Heap), ALIGNMENT);
        heap->end_ = base + SLOT_BYTES;
        for (Block*& list : heap->free_)
            list = nullptr;
        return heap;
    }
    return nullptr;
}

void Heap::destroy(Heap* heap) noexcept {
    const unsigned slot = heap->slot_;
    // Reserved again, and empty; addresses that were inside stay recognizable.
    mmap(heap->base_, SLOT_BYTES, PROT_NONE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    is_slot_taken[slot] = false;
}

bool Heap::is_inside(const void* address) noexcept {
    const char* const space = region.load(std::memory_order_relaxed);
    return space != nullptr
        && reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(space) < REGION_BYTES;
}

bool Heap::owns(const void* address) const noexcept {
    return reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(base_) < SLOT_BYTES;
}

unsigned Heap::class_of(std::size_t bytes, std::size_t& rounded) noexcept {
    if (bytes <= SMALL) {
        rounded = round_up(bytes == 0 ? 1 : bytes, ALIGNMENT);
        return static_cast<unsigned>(rounded / ALIGNMENT);
    }
    // bytes lies in (2^power, 2^(power + 1)].
    const unsigned power = 63 - static_cast<unsigned>(__builtin_clzl(bytes - 1));
    const std::size_t step = (std::size_t{1} << power) / STEPS;
    rounded = round_up(bytes, step);
    const auto above = static_cast<unsigned>((rounded - (std::size_t{1} << power)) / step);
    return SMALL / ALIGNMENT + (power - 10) * STEPS + above;
}

void* Heap::allocate(std::size_t bytes) noexcept {
    if (bytes >= SLOT_BYTES)
        return nullptr;
    std::size_t rounded = 0;
    const unsigned size_class = class_of(bytes, rounded);
    if (Block* const block = free_[size_class]) {
        free_[size_class] = block->next;
        // Fresh memory is zeroed too: the core reads fields that a message did not fill in.
        return std::memset(block + 1, 0, rounded);
    }
    const std::size_t whole = sizeof(Block) + rounded;
    if (static_cast<std::size_t>(end_ - next_) < whole)
        return nullptr;
    Block* const block = reinterpret_cast<Block*>(next_);
    next_ += whole;
    block->size_class = size_class;
    return block + 1;
}

void Heap::release(void* address) noexcept {
    Block* const block = static_cast<Block*>(address) - 1;
    block->next = free_[block->size_class];
    free_[block->size_class] = block;
}

} // namespace natbed
