#pragma once

// A value that requests to a server change when the server reaches them, and that an error
// before them takes back, since the server then skips them up to the next Sync.
//
// Requests are known by wire::ReplyTracker's numbers. A request that cannot be skipped, because
// it begins its batch, makes everything before it forgotten; so a client that sends one change
// in each batch keeps one entry. What `now()` shows is what a message sent now would meet.
//
// A value; pure. The caller bounds the number of changes (ReplyTracker::kOutstandingMax) and
// what they weigh.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pglynx::pool {

// Whether the server may skip a message because of an error before it.
enum class Reach : uint8_t { kCertain, kMayBeSkipped };

template <typename T>
class Revertible {
 public:
  [[nodiscard]] const T& now() const { return changes_.back().value; }
  // For what does not depend on the server, such as a note about the value.
  [[nodiscard]] T& now() { return changes_.back().value; }

  // The request `request` of batch `batch` is sent and makes it something else when it is
  // reached; if it fails then, T(). Returns what is to be filled in now: the former value
  // where that is forgotten, so that its memory is used again, else T().
  T& Change(uint64_t request, uint64_t batch, Reach reach) {
    if (reach == Reach::kCertain) {
      changes_.resize(1);
    } else {
      changes_.emplace_back();
    }
    changes_.back().request = request;
    changes_.back().batch = batch;
    return changes_.back().value;
  }

  // Request `first` failed; those behind it and before `end` were skipped. Nothing happens
  // where they are equal.
  void Strike(uint64_t first, uint64_t end) {
    for (Entry& entry : changes_) {
      if (entry.request == first && first < end) entry.value = T();
    }
    // The first entry is certain, or was answered.
    const auto skipped = [first, end](const Entry& entry) {
      return entry.request > first && entry.request < end;
    };
    changes_.erase(std::remove_if(changes_.begin() + 1, changes_.end(), skipped), changes_.end());
  }

  // Requests before `answered` have been answered: what was before them is forgotten, and
  // their numbers are; the next request may go to another server, which counts on its own.
  void Settle(uint64_t answered) {
    while (changes_.size() > 1 && changes_[1].request < answered) changes_.erase(changes_.begin());
    if (changes_.front().request < answered) changes_.front().request = kSettled;
  }

  // In a batch other than `batch` there is a change that may have been skipped or not: what the
  // value is cannot be told before that has been answered.
  [[nodiscard]] bool Uncertain(uint64_t batch) const {
    return changes_.size() > 1 && changes_.back().batch != batch;
  }

  // All values that it may still be taken back to, and now().
  [[nodiscard]] size_t size() const { return changes_.size(); }

 private:
  static constexpr uint64_t kSettled = ~uint64_t{0};
  struct Entry {
    T value = {};
    uint64_t request = kSettled;
    uint64_t batch = 0;
  };
  std::vector<Entry> changes_ = std::vector<Entry>(1);  // oldest first, never empty
};

}  // namespace pglynx::pool
