// What the line of clients that wait asks its pool.

#include <fmt/format.h>

#include "pglynx/pool/pool.h"

namespace pglynx::pool {

LineLimits Pool::Limits() const {
  const bool reserve = settings_.reserve_pool_size > 0;
  return {.query_wait_timeout = settings_.query_wait_timeout,
          .query_wait_notify = settings_.query_wait_notify,
          .look_again = reserve ? settings_.reserve_pool_timeout : Duration::zero(),
          .pool_size = settings_.pool_size};
}

std::string Pool::LineName() const {
  return fmt::format("pool {}", Name());
}

void Pool::OnGaveUp(Duration waited) {
  stats_.wait_time += static_cast<uint64_t>(waited.count());
}

std::string Pool::WhyNot() const {
  if (paused_) return "the pool is paused by the console's PAUSE or KILL";
  std::string why = share_.ReachedLimit();
  if (last_failure_.has_value()) {
    if (!why.empty()) why += "; ";
    why += last_failure_->detail;
  } else if (logins_ > 0 && logins_ == servers_.size()) {
    if (!why.empty()) why += "; ";
    why += fmt::format("the login at {} is not done yet", servers_.front()->Peer());
  }
  return why;
}

std::string Pool::WhyNoServer() const {
  std::string why = WhyNot();
  return why.empty() ? why : ": " + why;
}

}  // namespace pglynx::pool
