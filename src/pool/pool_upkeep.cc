// Time and orders: servers that are old, idle for long or replaced; pause, reload and the end.

#include <algorithm>

#include "pglynx/core/check.h"
#include "pglynx/pool/pool.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::pool {
namespace {

// How long a server goes on in place of the one that is to replace it and is connecting.
constexpr Duration kReplaceGrace = std::chrono::seconds(10);

}  // namespace

void Pool::Apply(PoolSettings settings) {
  settings_ = std::move(settings);
  share_.Join(settings_.limited, settings_.limits);
  for (PooledServer* server = idle_.front(); server != nullptr; server = idle_.Next(*server)) {
    Budget::NoteUsed(*server);
    world_.budget.NoteIdle(*server);  // where a limit is new
  }
  while (share_.IsOver() && !idle_.empty()) idle_.front()->Close();
  line_.ArmTimer();
  world_.loop.Arm(maintenance_, world_.loop.Now());
  world_.loop.Post(serve_);
}

void Pool::ReplaceServers() {
  canonical_.clear();
  welcome_.reset();
  greeting_.reset();
  last_failure_.reset();
  lost_all_ = false;
  retry_delay_ = Duration::zero();
  for (const std::unique_ptr<PooledServer>& server : servers_) server->close_needed = true;
  while (PooledServer* server = idle_.front()) server->Close();
  world_.loop.Post(serve_);
}

size_t Pool::ReplaceServersNotAt(std::span<const std::string> addresses) {
  std::vector<PooledServer*> moved;
  for (const std::unique_ptr<PooledServer>& server : servers_) {
    const std::string host = server->PeerHost();
    const bool stays =
        host.empty() || std::find(addresses.begin(), addresses.end(), host) != addresses.end();
    if (!stays && !server->close_needed) moved.push_back(server.get());
  }
  for (PooledServer* server : moved) {
    server->close_needed = true;
    if (server->state == ServerState::kIdle) server->Close();
  }
  if (!moved.empty()) world_.loop.Post(serve_);
  return moved.size();
}

void Pool::Shutdown(const Error& error) {
  stopping_ = true;
  share_.LeaveLine();
  line_.FailAll(error);
  for (const std::unique_ptr<PooledServer>& server : servers_) server->close_needed = true;
  while (PooledServer* server = idle_.front()) server->Close();
}

void Pool::Pause() {
  paused_ = true;
  share_.LeaveLine();
  while (PooledServer* server = idle_.front()) server->Close();
}

void Pool::Resume() {
  paused_ = false;
  world_.loop.Post(serve_);
}

void Pool::Kill() {
  Pause();
  // Each Close() takes the server out of the table.
  while (!servers_.empty()) servers_.back()->Close();
}

size_t Pool::close_needed_count() const {
  return static_cast<size_t>(std::count_if(
      servers_.begin(), servers_.end(), [](const auto& server) { return server->close_needed; }));
}

// An idle server at the end of its lifetime. One that nobody has used is not missed.
void Pool::Retire(PooledServer& server) {
  const bool needed = server.used || servers_.size() <= MinServers();
  const bool can_connect =
      needed && !stopping_ && !paused_ && !last_failure_.has_value() && !server.close_needed;
  const TimePoint now = world_.loop.Now();
  if (can_connect && !server.retiring && servers_.size() < settings_.pool_size &&
      !share_.MustWait()) {
    server.retiring = true;
    server.expires = now + kReplaceGrace;
    LaunchOne(server.id());
    return;
  }
  server.Close();
  if (can_connect) LaunchSpare();
}

// In place of one that has just been closed for its age, where no client waits for it.
void Pool::LaunchSpare() {
  const bool may = !stopping_ && !paused_ && !last_failure_.has_value() &&
                   servers_.size() < settings_.pool_size && logins_ == 0 && !share_.MustWait();
  if (may) LaunchOne(0);
}

void Pool::FinishReplacement(uint64_t old_id) {
  for (const std::unique_ptr<PooledServer>& server : servers_) {
    if (server->id() != old_id) continue;
    server->close_needed = true;
    if (server->state == ServerState::kIdle) server->Close();
    return;
  }
}

// Closes what has been idle or alive for too long, and what is too many since a reload.
void Pool::OnMaintenance() {
  const TimePoint now = world_.loop.Now();
  PooledServer* next = nullptr;
  for (PooledServer* server = idle_.front(); server != nullptr; server = next) {
    next = idle_.Next(*server);
    const bool idle_too_long = servers_.size() > MinServers() &&
                               DeadlineAfter(server->idle_since, settings_.idle_timeout) <= now;
    if (servers_.size() > settings_.pool_size || idle_too_long || server->close_needed) {
      server->Close();
    } else if (Expired(*server, now)) {
      Retire(*server);
    } else if (server->check_due <= now) {
      StartCheck(*server);
    }
  }
  LaunchServers();
  ArmMaintenance();
}

void Pool::ArmMaintenance() {
  const TimePoint now = world_.loop.Now();
  TimePoint next = kNever;
  for (const PooledServer* server = idle_.front(); server != nullptr;
       server = idle_.Next(*server)) {
    const TimePoint idle_end = DeadlineAfter(server->idle_since, settings_.idle_timeout);
    next = std::min({next, server->expires, server->check_due});
    // Kept for min_pool_size: looked at again when that may have changed.
    if (idle_end > now) next = std::min(next, idle_end);
  }
  // The budget did not allow what min_pool_size asks for.
  if (servers_.size() < MinServers() && !paused_ && !stopping_ &&
      settings_.server_retry_max > Duration::zero()) {
    next = std::min(next, now + settings_.server_retry_max);
  }
  world_.loop.Arm(maintenance_, next);
}

namespace {

Parameter* FindStandby(std::optional<Welcome>& welcome) {
  if (!welcome.has_value()) return nullptr;
  const auto found =
      std::find_if(welcome->fixed.begin(), welcome->fixed.end(),
                   [](const Parameter& fixed) { return fixed.name == kInHotStandby; });
  return found == welcome->fixed.end() ? nullptr : &*found;
}

}  // namespace

void Pool::SetWelcome(Welcome welcome) {
  if (home_ != nullptr && !home_->welcome_.has_value()) home_->SetWelcome(welcome);
  welcome_ = std::move(welcome);
  greeting_.reset();
  const Parameter* standby = FindStandby(welcome_);
  in_hot_standby_ = standby != nullptr && standby->value == "on";
}

void Pool::LearnStandby(std::string_view value) {
  in_hot_standby_ = value == "on";
  if (Parameter* standby = FindStandby(welcome_)) standby->value = value;
  greeting_.reset();
}

void Pool::LearnDefault(std::string_view name, std::string_view value) {
  if (!welcome_.has_value()) return;
  welcome_->defaults = world_.parameters.With(welcome_->defaults, name, value);
  greeting_.reset();
}

const Pool::Greeting* Pool::FindGreeting(std::span<const wire::StartupParameter> settings) const {
  if (!greeting_.has_value() || !std::ranges::equal(greeting_->settings, settings)) {
    return nullptr;
  }
  return &*greeting_;
}

const Pool::Greeting& Pool::MakeGreeting(std::vector<wire::StartupParameter> settings,
                                         ParameterRef parameters) {
  std::string messages;
  for (const Parameter& fixed : welcome_->fixed) {
    wire::AppendParameterStatus(messages, fixed.name, fixed.value);
  }
  for (const Parameter& parameter : parameters->all()) {
    if (welcome_->defaults->Find(parameter.name) == nullptr) continue;
    wire::AppendParameterStatus(messages, parameter.name, parameter.value);
  }
  greeting_ = {std::move(settings), std::move(parameters), std::move(messages)};
  return *greeting_;
}

const Parameter* Pool::FindCanonical(std::string_view name, std::string_view value) const {
  const std::string key = LowerCase(name) + '\0' + std::string(value);
  const auto found = canonical_.find(key);
  return found == canonical_.end() ? nullptr : &found->second;
}

void Pool::LearnCanonical(std::string_view name, std::string_view value, Parameter canonical) {
  if (canonical_.size() >= kCanonicalValuesMax) canonical_.erase(canonical_.begin());
  canonical_[LowerCase(name) + '\0' + std::string(value)] = std::move(canonical);
}

}  // namespace pglynx::pool
