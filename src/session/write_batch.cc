#include "session/write_batch.h"

namespace pglynx::session {
namespace {

constexpr size_t kKeptBytesMax = size_t{64} * 1024;

}  // namespace

void WriteBatch::AddApart(std::string_view bytes) {
  CloseOwned();
  if (bytes.empty()) return;
  chunks_.push_back(bytes);
  end_ = bytes.data() + bytes.size();
  bytes_ += bytes.size();
}

void WriteBatch::ClearOwned() {
  while (owned_used_ > 0) {
    std::string& owned = owned_[--owned_used_];
    owned.clear();
    if (owned.capacity() > kKeptBytesMax) owned.shrink_to_fit();
  }
}

}  // namespace pglynx::session
