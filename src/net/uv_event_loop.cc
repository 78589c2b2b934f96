#include "pglynx/net/uv_event_loop.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "net/uv_loop_impl.h"
#include "pglynx/core/check.h"

namespace pglynx::net {
namespace {

// A turn that takes longer is worth a line in the log.
constexpr Duration kSlowTurn = std::chrono::seconds(1);

template <typename T>
T& Self(void* data) {
  return *static_cast<T*>(data);
}

}  // namespace

UvEventLoop::Impl::Impl(Log& log_in) : log(log_in) {
  PGLYNX_CHECK(uv_loop_init(&loop) == 0);
  uv_timer_init(&loop, &uv_timer_);
  uv_timer_.data = this;
  uv_prepare_init(&loop, &prepare_);
  prepare_.data = this;
  uv_prepare_start(&prepare_, [](uv_prepare_t* handle) { Self<Impl>(handle->data).EndTurn(); });
  uv_check_init(&loop, &check_);
  check_.data = this;
  uv_check_start(&check_, [](uv_check_t* handle) { Self<Impl>(handle->data).EndTurn(); });
}

UvEventLoop::Impl::~Impl() {
  EndTurn();
  while (LingeringStream* stream = lingering.front()) stream->CloseNow();
  for (SignalHandle& signal : signals) {
    uv_close(reinterpret_cast<uv_handle_t*>(&signal.handle), nullptr);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&uv_timer_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&prepare_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&check_), nullptr);
  // Work that runs off the loop ends by itself; its callbacks find nobody.
  while (uv_run(&loop, UV_RUN_ONCE) != 0) {
  }
  PGLYNX_CHECK(uv_loop_close(&loop) == 0);
}

TimePoint UvEventLoop::Impl::Now() {
  if (!now_valid_) {
    now_ = TimePoint(Duration(static_cast<int64_t>(uv_hrtime() / 1000)));
    now_valid_ = true;
  }
  return now_;
}

void UvEventLoop::Impl::Arm(Timer& timer, TimePoint deadline) {
  timers.Arm(timer, deadline);
  if (timers.NextDeadline() < uv_timer_deadline_) ArmUvTimer();
}

// The uv timer may fire early, when the timer it was set for is gone: cheaper than moving
// it with every query.
void UvEventLoop::Impl::ArmUvTimer() {
  uv_timer_deadline_ = timers.NextDeadline();
  if (uv_timer_deadline_ == kNever) return;
  const Duration left = uv_timer_deadline_ - Now();
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  uv_update_time(&loop);
  uv_timer_start(
      &uv_timer_, [](uv_timer_t* handle) { Self<Impl>(handle->data).OnUvTimer(); },
      millis > 0 ? static_cast<uint64_t>(millis) : 0, 0);
}

void UvEventLoop::Impl::OnUvTimer() {
  timers.Advance(Now());
  uv_timer_deadline_ = kNever;
  ArmUvTimer();
}

void UvEventLoop::Impl::Post(Task& task) {
  if (!task.linked()) tasks.PushBack(task);
}

void UvEventLoop::Impl::EndTurn() {
  while (!tasks.empty() || !doomed.empty()) {
    while (Task* task = tasks.front()) {
      task->Unlink();
      task->Run();
    }
    std::vector<std::unique_ptr<Deletable>> dying;
    dying.swap(doomed);
    for (std::unique_ptr<Deletable>& object : dying) object.reset();  // in their order
  }
  NoteLoad();
  now_valid_ = false;
}

void UvEventLoop::Impl::NoteLoad() {
  if (!now_valid_) return;
  const Duration turn = TimePoint(Duration(static_cast<int64_t>(uv_hrtime() / 1000))) - now_;
  load.busy += turn;
  load.longest = std::max(load.longest, turn);
  if (turn < kSlowTurn) return;
  log.Warn("the loop was busy: nobody was served meanwhile",
           {{"ms", std::to_string(turn.count() / 1000)}});
}

UvEventLoop::Load UvEventLoop::TakeLoad() {
  return std::exchange(impl_->load, {});
}

UvEventLoop::UvEventLoop(Log& log) : impl_(std::make_unique<Impl>(log)) {}
UvEventLoop::~UvEventLoop() = default;

void UvEventLoop::Run() {
  uv_run(&impl_->loop, UV_RUN_DEFAULT);
}
void UvEventLoop::Stop() {
  uv_stop(&impl_->loop);
}
void UvEventLoop::FinishTurn() {
  impl_->EndTurn();
}
TimePoint UvEventLoop::Now() {
  return impl_->Now();
}

int64_t UvEventLoop::WallClockMicros() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

void UvEventLoop::Arm(Timer& timer, TimePoint deadline) {
  impl_->Arm(timer, deadline);
}
void UvEventLoop::Post(Task& task) {
  impl_->Post(task);
}

void UvEventLoop::DeferDelete(std::unique_ptr<Deletable> object) {
  impl_->doomed.push_back(std::move(object));
}

BlockPool& UvEventLoop::blocks() {
  return impl_->blocks;
}

void UvEventLoop::SetSocketOptions(const SocketOptions& options) {
  impl_->socket_options = options;
}

void UvEventLoop::OnSignal(int signal_number, std::function<void()> handler) {
  Impl::SignalHandle& signal = impl_->signals.emplace_back();
  signal.handler = std::move(handler);
  uv_signal_init(&impl_->loop, &signal.handle);
  signal.handle.data = &signal;
  uv_signal_start(
      &signal.handle,
      [](uv_signal_t* handle, int) { Self<Impl::SignalHandle>(handle->data).handler(); },
      signal_number);
}

}  // namespace pglynx::net
