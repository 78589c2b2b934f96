#include "pglynx/core/timer_queue.h"

#include "pglynx/core/check.h"

namespace pglynx {

void Timer::Disarm() {
  if (queue_ != nullptr) queue_->Disarm(*this);
}

TimerQueue::~TimerQueue() {
  for (Timer* timer : heap_) timer->queue_ = nullptr;
}

void TimerQueue::Arm(Timer& timer, TimePoint deadline) {
  if (deadline == kNever) {
    timer.Disarm();
    return;
  }
  PGLYNX_CHECK(timer.queue_ == nullptr || timer.queue_ == this);
  timer.deadline_ = deadline;
  timer.order_ = next_order_++;
  if (timer.queue_ == nullptr) {
    timer.queue_ = this;
    heap_.push_back(&timer);
    timer.index_ = heap_.size() - 1;
  }
  SiftUp(timer.index_);
  SiftDown(timer.index_);
}

void TimerQueue::Disarm(Timer& timer) {
  PGLYNX_CHECK(timer.queue_ == this);
  const size_t hole = timer.index_;
  Timer* last = heap_.back();
  heap_.pop_back();
  timer.queue_ = nullptr;
  if (last == &timer) return;
  Place(*last, hole);
  SiftUp(hole);
  SiftDown(last->index_);
}

void TimerQueue::Advance(TimePoint now) {
  for (size_t calls = heap_.size(); calls > 0 && NextDeadline() <= now; --calls) {
    Timer& timer = *heap_.front();
    Disarm(timer);
    timer.function_(timer.context_);
  }
}

bool TimerQueue::Before(const Timer& left, const Timer& right) {
  if (left.deadline_ != right.deadline_) return left.deadline_ < right.deadline_;
  return left.order_ < right.order_;
}

void TimerQueue::Place(Timer& timer, size_t index) {
  heap_[index] = &timer;
  timer.index_ = index;
}

void TimerQueue::SiftUp(size_t index) {
  while (index > 0) {
    const size_t parent = (index - 1) / 2;
    if (!Before(*heap_[index], *heap_[parent])) return;
    Timer& above = *heap_[parent];
    Place(*heap_[index], parent);
    Place(above, index);
    index = parent;
  }
}

void TimerQueue::SiftDown(size_t index) {
  for (;;) {
    size_t first = index;
    for (size_t child = 2 * index + 1; child <= 2 * index + 2 && child < heap_.size(); ++child) {
      if (Before(*heap_[child], *heap_[first])) first = child;
    }
    if (first == index) return;
    Timer& below = *heap_[first];
    Place(*heap_[index], first);
    Place(below, index);
    index = first;
  }
}

}  // namespace pglynx
