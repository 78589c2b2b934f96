#pragma once

// Pending bytes. `Buffer` is a contiguous byte queue that owns memory only while it
// holds something: an idle connection has none. `BlockPool` recycles its blocks; it
// belongs to a loop and must outlive every Buffer that uses it.
//
// Blocks come in four sizes, 512 bytes (a waiting client's query) to 64 kB; what is larger
// comes from the heap in multiples of that and goes back to it. The pool keeps at most
// kKeptBytesMax of free blocks.
//
//   Buffer input(pool);
//   input.Append(bytes);
//   size_t used = Parse(input.view());
//   input.Consume(used);      // empty again: the block is back in the pool

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pglynx {

class BlockPool {
 public:
  static constexpr std::array<size_t, 4> kBlockBytes = {512, 4096, 16384, 65536};
  static constexpr size_t kKeptBytesMax = size_t{256} * 1024;

  BlockPool() = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  struct Block {
    char* bytes;
    size_t capacity;
  };
  // A block of at least `bytes_min`.
  Block Take(size_t bytes_min);
  void Give(Block block);
  // The same block with its contents in a larger place; never both at once where they are large.
  // Precondition: bytes_min > block.capacity.
  Block Enlarge(Block block, size_t bytes_min);
  // What Take would take.
  static size_t CapacityFor(size_t bytes_min);

  // Bytes in blocks that are out, for SHOW and for the limit on buffered bytes.
  [[nodiscard]] size_t taken_bytes() const { return taken_bytes_; }

 private:
  std::array<std::vector<char*>, kBlockBytes.size()> free_;
  size_t kept_bytes_ = 0;
  size_t taken_bytes_ = 0;
};

class Buffer {
 public:
  explicit Buffer(BlockPool& pool) : pool_(&pool) {}
  ~Buffer() { Clear(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void Append(std::string_view bytes) { Append(bytes, SIZE_MAX); }
  // As much again is made room for where a block is full, so that appending costs O(1) a byte;
  // but no more than `expected` bytes in all, where it is known how many are to come.
  void Append(std::string_view bytes, size_t expected);
  // How many bytes of memory more the next Append of `count` bytes will take.
  [[nodiscard]] size_t GrowthFor(size_t count, size_t expected) const;
  // Drops `count` bytes from the front. Precondition: count <= size().
  void Consume(size_t count);
  // Drops everything and returns the memory.
  void Clear();

  // Valid until the next non-const call.
  [[nodiscard]] std::string_view view() const { return {bytes_ + begin_, end_ - begin_}; }
  [[nodiscard]] char* data() { return bytes_ + begin_; }
  [[nodiscard]] size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }

 private:
  // The capacity with room for `count` bytes more.
  [[nodiscard]] size_t CapacityWith(size_t count, size_t expected) const;

  BlockPool* pool_;
  char* bytes_ = nullptr;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace pglynx
