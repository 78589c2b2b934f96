#pragma once

// An event loop in virtual time, whose work off the loop is done when the test says so. Header
// only, see fake_scheduler.h.
//
//   FakeEventLoop loop;
//   loop.turns.Pass(std::chrono::seconds(5));
//   loop.FinishWork();

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "pglynx/net/event_loop.h"
#include "support/fake_scheduler.h"

namespace pglynx::test {

class FakeEventLoop final : public net::EventLoop {
 public:
  TimePoint Now() override { return turns.Now(); }
  int64_t WallClockMicros() override { return 0; }
  void Arm(Timer& timer, TimePoint deadline) override { turns.Arm(timer, deadline); }
  void Post(Task& task) override { turns.Post(task); }
  void DeferDelete(std::unique_ptr<Deletable> object) override {
    turns.DeferDelete(std::move(object));
  }
  std::unique_ptr<net::OffloadedWork> Offload(std::function<void()> work,
                                              std::function<void()> done) override {
    auto job = std::make_shared<Job>(Job{std::move(work), std::move(done)});
    jobs.push_back(job);
    return std::make_unique<Handle>(std::move(job));
  }
  BlockPool& blocks() override { return blocks_; }

  // The oldest work runs and ends.
  void FinishWork() {
    const std::shared_ptr<Job> job = jobs.at(0);
    jobs.pop_front();
    job->work();
    if (const std::function<void()> done = std::exchange(job->done, nullptr)) done();
  }

 private:
  BlockPool blocks_;  // outlives what the scheduler still deletes

 public:
  struct Job {
    std::function<void()> work;
    std::function<void()> done;  // empty: nobody wants the result
  };
  FakeScheduler turns;
  std::deque<std::shared_ptr<Job>> jobs;

 private:
  struct Handle final : net::OffloadedWork {
    explicit Handle(std::shared_ptr<Job> job_in) : job(std::move(job_in)) {}
    ~Handle() override { job->done = nullptr; }
    std::shared_ptr<Job> job;
  };
};

}  // namespace pglynx::test
