#pragma once

// What the libuv files share: the loop's handles, its turn-end work and the one read
// block. Owned by UvEventLoop.

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include <uv.h>

#include "pglynx/core/log.h"
#include "pglynx/net/uv_event_loop.h"

namespace pglynx::net {

// A stream that its owner has finished with and that still says goodbye.
class LingeringStream : public ListNode<LingeringStream> {
 public:
  virtual void CloseNow() = 0;

 protected:
  ~LingeringStream() = default;
};

struct UvEventLoop::Impl {
  // One block for every read of the loop (PERFORMANCE.md section 3, rule 1).
  static constexpr size_t kReadBlockBytes = size_t{64} * 1024;

  explicit Impl(Log& log_in);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  TimePoint Now();
  void Arm(Timer& timer, TimePoint deadline);
  void Post(Task& task);
  // Posted tasks, then deletions, until there are none; then the clock is stale.
  void EndTurn();

  struct SignalHandle {
    uv_signal_t handle;
    std::function<void()> handler;
  };

  uv_loop_t loop{};
  Log& log;
  BlockPool blocks;
  TimerQueue timers;
  SocketOptions socket_options;
  IntrusiveList<Task> tasks;
  std::vector<std::unique_ptr<Deletable>> doomed;
  std::list<SignalHandle> signals;
  IntrusiveList<LingeringStream> lingering;
  std::array<char, kReadBlockBytes> read_block{};
  UvEventLoop::Load load;

 private:
  void ArmUvTimer();
  void OnUvTimer();
  void NoteLoad();

  uv_timer_t uv_timer_{};
  uv_prepare_t prepare_{};
  uv_check_t check_{};
  TimePoint uv_timer_deadline_ = kNever;
  TimePoint now_{};
  bool now_valid_ = false;
};

// Closes a heap-allocated handle and frees it when libuv is done with it.
template <typename Handle>
void CloseAndFree(std::unique_ptr<Handle> handle) {
  uv_close(reinterpret_cast<uv_handle_t*>(handle.release()), [](uv_handle_t* closed) {
    std::default_delete<Handle>()(reinterpret_cast<Handle*>(closed));
  });
}

}  // namespace pglynx::net
