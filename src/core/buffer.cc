#include "pglynx/core/buffer.h"

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

BlockPool::Block BlockPool::Take(size_t bytes_min) {
  size_t capacity = 0;
  char* bytes = nullptr;
  for (size_t i = 0; i < kBlockBytes.size(); ++i) {
    if (kBlockBytes[i] < bytes_min) continue;
    capacity = kBlockBytes[i];
    if (!free_[i].empty()) {
      bytes = free_[i].back();
      free_[i].pop_back();
      kept_bytes_ -= capacity;
    }
    break;
  }
  if (capacity == 0) {
    for (capacity = kBlockBytes.back(); capacity < bytes_min;) capacity *= 2;
  }
  if (bytes == nullptr) {
    bytes = static_cast<char*>(std::malloc(capacity));
    PGLYNX_CHECK(bytes != nullptr);  // out of memory ends the process
  }
  taken_bytes_ += capacity;
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

void Buffer::Append(std::string_view bytes) {
  if (bytes.empty()) return;
  MakeRoom(bytes.size());
  std::memcpy(bytes_ + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
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

void Buffer::MakeRoom(size_t count) {
  if (capacity_ - end_ >= count) return;
  const size_t held = size();
  // Move to the front where at least half of the block is dead, so that each byte is
  // moved at most once for every time the block fills up.
  if (capacity_ - held >= count && begin_ >= capacity_ / 2) {
    std::memmove(bytes_, bytes_ + begin_, held);
  } else {
    const BlockPool::Block block = pool_->Take(held + count);
    if (held > 0) std::memcpy(block.bytes, bytes_ + begin_, held);
    if (bytes_ != nullptr) pool_->Give({bytes_, capacity_});
    bytes_ = block.bytes;
    capacity_ = block.capacity;
  }
  begin_ = 0;
  end_ = held;
}

}  // namespace pglynx
