#include "pglynx/core/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "pglynx/core/check.h"

namespace pglynx {

BlockPool::~BlockPool() {
  PGLYNX_DCHECK(taken_bytes_ == 0);
  for (std::vector<char*>& blocks : free_) {
    for (char* block : blocks) std::free(block);
  }
}

size_t BlockPool::CapacityFor(size_t bytes_min) {
  for (const size_t size : kBlockBytes) {
    if (size >= bytes_min) return size;
  }
  constexpr size_t kUnit = kBlockBytes.back();
  return (bytes_min + kUnit - 1) / kUnit * kUnit;
}

BlockPool::Block BlockPool::Take(size_t bytes_min) {
  const size_t capacity = CapacityFor(bytes_min);
  char* bytes = nullptr;
  for (size_t i = 0; i < kBlockBytes.size(); ++i) {
    if (kBlockBytes[i] != capacity || free_[i].empty()) continue;
    bytes = free_[i].back();
    free_[i].pop_back();
    kept_bytes_ -= capacity;
  }
  if (bytes == nullptr) {
    bytes = static_cast<char*>(std::malloc(capacity));
    PGLYNX_CHECK(bytes != nullptr);  // out of memory ends the process
  }
  taken_bytes_ += capacity;
  return {bytes, capacity};
}

BlockPool::Block BlockPool::Enlarge(Block block, size_t bytes_min) {
  if (block.capacity <= kBlockBytes.back()) {
    const Block larger = Take(bytes_min);
    if (block.bytes != nullptr) std::memcpy(larger.bytes, block.bytes, block.capacity);
    if (block.bytes != nullptr) Give(block);
    return larger;
  }
  const size_t capacity = CapacityFor(bytes_min);
  char* bytes = static_cast<char*>(std::realloc(block.bytes, capacity));
  PGLYNX_CHECK(bytes != nullptr);
  taken_bytes_ += capacity - block.capacity;
  return {bytes, capacity};
}

void BlockPool::Give(Block block) {
  taken_bytes_ -= block.capacity;
  for (size_t i = 0; i < kBlockBytes.size(); ++i) {
    if (kBlockBytes[i] != block.capacity) continue;
    if (kept_bytes_ + block.capacity > kKeptBytesMax) break;
    free_[i].push_back(block.bytes);
    kept_bytes_ += block.capacity;
    return;
  }
  std::free(block.bytes);
}

void Buffer::Append(std::string_view bytes, size_t expected) {
  if (bytes.empty()) return;
  if (capacity_ - end_ < bytes.size()) {
    const size_t capacity = CapacityWith(bytes.size(), expected);
    const size_t held = size();
    if (begin_ > 0) std::memmove(bytes_, bytes_ + begin_, held);
    begin_ = 0;
    end_ = held;
    if (capacity > capacity_) {
      const BlockPool::Block block = pool_->Enlarge({bytes_, capacity_}, capacity);
      bytes_ = block.bytes;
      capacity_ = block.capacity;
    }
  }
  std::memcpy(bytes_ + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

size_t Buffer::GrowthFor(size_t count, size_t expected) const {
  return CapacityWith(count, expected) - capacity_;
}

size_t Buffer::CapacityWith(size_t count, size_t expected) const {
  if (capacity_ - end_ >= count) return capacity_;
  const size_t needed = size() + count;
  // Moving to the front is enough where at least half of the block is dead, so that each byte is
  // moved at most once for every time the block fills up.
  if (capacity_ >= needed && begin_ >= capacity_ / 2) return capacity_;
  const size_t wanted = std::max(needed, std::min(2 * capacity_, expected));
  return std::max(capacity_, BlockPool::CapacityFor(wanted));
}

void Buffer::Consume(size_t count) {
  PGLYNX_CHECK(count <= size());
  begin_ += count;
  if (begin_ == end_) Clear();
}

void Buffer::Clear() {
  if (bytes_ == nullptr) return;
  pool_->Give({bytes_, capacity_});
  bytes_ = nullptr;
  capacity_ = begin_ = end_ = 0;
}

}  // namespace pglynx
