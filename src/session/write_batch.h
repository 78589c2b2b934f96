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
    if (open_ == nullptr && bytes.data() == end_) {  // the rule: one message behind the other
      std::string_view& last = chunks_.back();
      last = {last.data(), last.size() + bytes.size()};
      end_ += bytes.size();
      bytes_ += bytes.size();
    } else {
      AddApart(bytes);
    }
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
    end_ = &kNowhere;
    open_ = nullptr;
    bytes_ = 0;
    if (owned_used_ > 0) ClearOwned();
  }

  [[nodiscard]] std::span<const std::string_view> chunks() const { return chunks_; }
  [[nodiscard]] bool empty() const { return chunks_.empty(); }
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  static constexpr char kNowhere = 0;

  void AddApart(std::string_view bytes);
  void ClearOwned();

  std::vector<std::string_view> chunks_;
  const char* end_ = &kNowhere;    // of the last chunk
  std::deque<std::string> owned_;  // addresses stay
  std::string* open_ = nullptr;
  size_t owned_used_ = 0;
  size_t bytes_ = 0;
};

}  // namespace pglynx::session
