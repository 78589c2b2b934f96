#pragma once

// Looks the names of the servers up again and again (dns_max_ttl), for the connections that are
// there: those to come look theirs up themselves. A lookup that fails changes nothing. Owner:
// Worker, beside the pools.
//
//   NameWatch watch({loop, resolver, log}, [&](const std::string& name, auto addresses) { … });
//   watch.Apply(config);  // at the start and at each reload
//
// One lookup is under way at a time: a resolver that hangs must not keep others from the few
// threads that there are. So a name may be looked up later than it should, never more often.

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pglynx/config/config.h"
#include "pglynx/core/log.h"
#include "pglynx/core/scheduler.h"
#include "pglynx/net/resolver.h"

namespace pglynx::server {

class NameWatch {
 public:
  struct World {
    Scheduler& loop;
    net::Resolver& resolver;
    Log& log;
  };
  // Called after each lookup that succeeded, whether the addresses are others or not: a connection
  // that was under way may have come to an old one.
  using OnAddresses =
      std::function<void(const std::string& name, std::span<const std::string> addresses)>;
  NameWatch(World world, OnAddresses on_addresses);

  // New names are looked up soon, those that are gone no more.
  void Apply(const config::Config& config);
  [[nodiscard]] size_t size() const { return names_.size(); }

 private:
  struct Name {
    TimePoint due{};
    bool failing = false;
    std::vector<std::string> addresses = {};  // of the last lookup that succeeded
  };

  void OnTimer();
  void OnLookup(Result<std::vector<std::string>> addresses);
  void Note(const std::string& text, Name& name, Result<std::vector<std::string>> addresses);
  void ArmTimer();

  const World world_;
  const OnAddresses on_addresses_;
  Duration ttl_{};
  std::map<std::string, Name> names_;
  std::string looked_up_;  // while lookup_ is there
  std::unique_ptr<net::PendingLookup> lookup_;
  Timer timer_ = MemberTimer<&NameWatch::OnTimer>(this);
};

}  // namespace pglynx::server
