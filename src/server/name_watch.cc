#include "pglynx/server/name_watch.h"

#include <algorithm>
#include <set>
#include <utility>

#include "pglynx/net/address.h"

namespace pglynx::server {
namespace {

std::set<std::string> NamesOf(const config::Config& config) {
  std::set<std::string> names;
  for (const config::Pool& pool : config.pools) {
    for (const config::Shard& shard : pool.shards) {
      for (const config::ServerTarget& server : shard.servers) {
        const net::Address address{server.host, server.port};
        if (!address.is_unix() && !net::IsNumericHost(server.host)) names.insert(server.host);
      }
    }
  }
  return names;
}

std::string Joined(std::span<const std::string> addresses) {
  std::string joined;
  for (const std::string& address : addresses) {
    if (!joined.empty()) joined += ", ";
    joined += address;
  }
  return joined;
}

}  // namespace

NameWatch::NameWatch(World world, OnAddresses on_addresses)
    : world_(world), on_addresses_(std::move(on_addresses)) {}

void NameWatch::Apply(const config::Config& config) {
  ttl_ = config.general.dns_max_ttl;
  const bool is_off = ttl_ == Duration::zero();
  const std::set<std::string> named = is_off ? std::set<std::string>() : NamesOf(config);
  std::erase_if(names_, [&named](const auto& entry) { return !named.contains(entry.first); });
  if (!names_.contains(looked_up_)) lookup_.reset();
  const TimePoint now = world_.loop.Now();
  for (const std::string& name : named) {
    Name& watched = names_.try_emplace(name, Name{.due = now}).first->second;
    watched.due = std::min(watched.due, now + ttl_);
  }
  ArmTimer();
}

void NameWatch::ArmTimer() {
  TimePoint next = kNever;
  for (const auto& [text, name] : names_) next = std::min(next, name.due);
  world_.loop.Arm(timer_, lookup_ == nullptr ? next : kNever);
}

void NameWatch::OnTimer() {
  const auto first = std::min_element(
      names_.begin(), names_.end(),
      [](const auto& one, const auto& other) { return one.second.due < other.second.due; });
  if (first == names_.end()) return;
  looked_up_ = first->first;
  lookup_ = world_.resolver.Resolve(looked_up_, [this](Result<std::vector<std::string>> addresses) {
    OnLookup(std::move(addresses));
  });
}

void NameWatch::OnLookup(Result<std::vector<std::string>> addresses) {
  lookup_.reset();
  Name& name = names_.at(looked_up_);
  name.due = world_.loop.Now() + ttl_;
  ArmTimer();
  Note(looked_up_, name, std::move(addresses));
}

void NameWatch::Note(const std::string& text, Name& name,
                     Result<std::vector<std::string>> addresses) {
  const bool was_failing = std::exchange(name.failing, !addresses.has_value());
  if (!addresses) {
    if (was_failing) return;
    world_.log.Warn("the name of a server cannot be looked up; the connections to it stay",
                    {{"name", text}, {"cause", addresses.error().detail}});
    return;
  }
  if (was_failing) world_.log.Info("the name of a server is found again", {{"name", text}});
  if (!name.addresses.empty() && name.addresses != *addresses) {
    world_.log.Info(
        "the name of a server has other addresses",
        {{"name", text}, {"before", Joined(name.addresses)}, {"now", Joined(*addresses)}});
  }
  name.addresses = std::move(*addresses);
  on_addresses_(text, name.addresses);
}

}  // namespace pglynx::server
