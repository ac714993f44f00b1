// Memory of compiled code. Every block carries a header that links it into its call, so that a call that
// fails half-way leaks nothing. Large freed blocks stay with the thread: giving them back to the system costs
// a page fault per 4 KiB when the next call asks again.
#include "Memory.h"

#include "gqa/Runtime/Runtime.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace gqa::rt {

void BlockList::insert(Block *block) {
  block->owner = this;
  block->previous = nullptr;
  block->next = first;
  if (first)
    first->previous = block;
  first = block;
}

void BlockList::remove(Block *block) {
  (block->previous ? block->previous->next : first) = block->next;
  if (block->next)
    block->next->previous = block->previous;
  block->owner = nullptr;
}

void BlockList::freeAll() {
  while (first)
    gqa_rt_free(first + 1);
}

BlockList *&currentBlocks() {
  static thread_local BlockList *blocks = nullptr;
  return blocks;
}

namespace {

constexpr size_t smallest = size_t(64) << 10; // below, malloc itself is quick
constexpr size_t mostCached = size_t(512) << 20;
constexpr int mostBlocks = 32;

/// Whether this thread's cache has been destroyed, after which other objects of the thread may still free
/// blocks. No part of the cache: what a destructor leaves in its object need not be there.
thread_local bool cacheIsGone = false;

/// Freed blocks of this thread, the latest first.
class Cache {
public:
  ~Cache() {
    while (first)
      release(first);
    cacheIsGone = true;
  }

  /// A block of at least `bytes` that wastes at most half of itself.
  Block *take(size_t bytes) {
    for (Block *block = first; block; block = block->next)
      if (block->capacity >= bytes && block->capacity / 2 <= bytes)
        return unlink(block);
    return nullptr;
  }

  bool put(Block *block) {
    if (block->capacity < smallest || block->capacity > mostCached / 2)
      return false;
    while (count >= mostBlocks || total + block->capacity > mostCached)
      release(last);
    block->previous = nullptr;
    block->next = first;
    (first ? first->previous : last) = block;
    first = block;
    total += block->capacity;
    ++count;
    return true;
  }

private:
  Block *unlink(Block *block) {
    (block->previous ? block->previous->next : first) = block->next;
    (block->next ? block->next->previous : last) = block->previous;
    total -= block->capacity;
    --count;
    return block;
  }
  void release(Block *block) { std::free(unlink(block)->start); }

  Block *first = nullptr, *last = nullptr;
  size_t total = 0;
  int count = 0;
};

/// Null where it is gone.
Cache *cache() {
  static thread_local Cache instance;
  return cacheIsGone ? nullptr : &instance;
}

/// Room for the header, the alignment, and a vector load that runs past the last element.
constexpr size_t slack = 2 * sizeof(Block);

Block *allocate(size_t alignment, size_t bytes) {
  if (Cache *known = alignment <= alignof(Block) && bytes >= smallest ? cache() : nullptr)
    if (Block *block = known->take(bytes))
      return block;
  if (bytes > (size_t(1) << 47) || alignment > (size_t(1) << 30))
    return nullptr;
  if (alignment < alignof(Block))
    alignment = alignof(Block);
  void *start = std::malloc(bytes + slack + alignment);
  if (!start)
    return nullptr;
  uintptr_t address =
      (reinterpret_cast<uintptr_t>(start) + sizeof(Block) + alignment - 1) & ~uintptr_t(alignment - 1);
  Block *block = new (reinterpret_cast<void *>(address - sizeof(Block))) Block;
  block->start = start;
  block->capacity = bytes;
  return block;
}

} // namespace
} // namespace gqa::rt

using namespace gqa::rt;

void *gqa_rt_aligned_alloc(int64_t alignment, int64_t bytes) {
  Block *block = bytes < 0 || alignment < 0 ? nullptr : allocate(size_t(alignment), size_t(bytes));
  if (!block) {
    static const char message[] = "out of memory";
    gqa_rt_fail(message, sizeof message - 1);
  }
  block->owner = nullptr;
  if (BlockList *blocks = currentBlocks())
    blocks->insert(block);
  return block + 1;
}

void *gqa_rt_alloc(int64_t bytes) { return gqa_rt_aligned_alloc(64, bytes); }

void gqa_rt_keep(void *memory) {
  if (!memory)
    return;
  Block *block = static_cast<Block *>(memory) - 1;
  if (block->owner)
    block->owner->remove(block);
}

void gqa_rt_free(void *memory) {
  if (!memory)
    return;
  gqa_rt_keep(memory);
  Block *block = static_cast<Block *>(memory) - 1;
  Cache *known = cache();
  if (!known || !known->put(block))
    std::free(block->start);
}
