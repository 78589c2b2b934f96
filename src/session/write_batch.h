#pragma once

// One gathered write (PERFORMANCE.md section 3, rule 4): pieces of the input that are passed
// on as they are, and small messages of our own between them. One per direction and loop,
// reused for every event; nothing in it outlives the event.

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pglynx::session {

class WriteBatch {
 public:
  // Appends bytes that stay valid until the batch is sent; joins what is contiguous.
  void Add(std::string_view bytes) {
    CloseOwned();
    if (bytes.empty()) return;
    if (!chunks_.empty() && chunks_.back().data() + chunks_.back().size() == bytes.data()) {
      chunks_.back() = {chunks_.back().data(), chunks_.back().size() + bytes.size()};
    } else {
      chunks_.push_back(bytes);
    }
    bytes_ += bytes.size();
  }
  // An empty string that lives as long as the batch: fill it, then AddOwned it.
  std::string& NewOwned() {
    if (owned_used_ == owned_.size()) owned_.emplace_back();
    return owned_[owned_used_++];
  }
  // Precondition: `text` came from NewOwned and is not changed any more.
  void AddOwned(const std::string& text) { Add(text); }
  // A string whose contents belong at this place of the batch, to be filled in before the
  // next OpenOwned, Add or CloseOwned.
  std::string& OpenOwned() {
    CloseOwned();
    open_ = &NewOwned();
    return *open_;
  }
  void CloseOwned() {
    if (open_ != nullptr) Add(*std::exchange(open_, nullptr));
  }

  void Clear() {
    chunks_.clear();
    open_ = nullptr;
    for (size_t i = 0; i < owned_used_; ++i) {
      owned_[i].clear();
      if (owned_[i].capacity() > kKeptBytesMax) owned_[i].shrink_to_fit();
    }
    owned_used_ = 0;
    bytes_ = 0;
  }

  [[nodiscard]] std::span<const std::string_view> chunks() const { return chunks_; }
  [[nodiscard]] bool empty() const { return chunks_.empty(); }
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kKeptBytesMax = size_t{64} * 1024;

  std::vector<std::string_view> chunks_;
  std::deque<std::string> owned_;  // addresses stay
  std::string* open_ = nullptr;
  size_t owned_used_ = 0;
  size_t bytes_ = 0;
};

}  // namespace pglynx::session
