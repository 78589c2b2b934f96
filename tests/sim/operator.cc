#include "sim/operator.h"

#include <algorithm>

namespace pglynx::sim {
namespace {

using admin::SteerWhat;

}  // namespace

void Operator::Tick() {
  while (!undo_.empty() && undo_.begin()->first <= sim_.Now()) {
    const std::function<void()> undo = std::move(undo_.begin()->second);
    undo_.erase(undo_.begin());
    undo();
  }
  if (sim_.dice().Chance(eagerness_)) Act();
}

void Operator::UndoAll() {
  for (const auto& [at, undo] : undo_) undo();
  undo_.clear();
  for (const net::Address& server : servers_) sim_.pooler().Ban(server, std::nullopt);
}

void Operator::Act() {
  SimPooler& pooler = sim_.pooler();
  const std::string database = SomeDatabase();
  if (!servers_.empty() && sim_.dice().Chance(0.3)) return BanSome();
  switch (sim_.dice().Below(8)) {
    case 0:
      pooler.Steer(SteerWhat::kPause, database);
      UndoLater([&pooler, database] { pooler.Steer(SteerWhat::kResume, database); });
      break;
    case 1:
      pooler.Steer(SteerWhat::kDisable, database);
      UndoLater([&pooler, database] { pooler.Steer(SteerWhat::kEnable, database); });
      break;
    case 2:
      pooler.Steer(SteerWhat::kKill, database);
      UndoLater([&pooler, database] { pooler.Steer(SteerWhat::kResume, database); });
      break;
    case 3:
      pooler.Drain(true);
      UndoLater([&pooler] { pooler.Drain(false); });
      break;
    case 4:
      RemovePool();
      break;
    case 5:
      pooler.Steer(SteerWhat::kReconnect, database);
      break;
    default:
      pooler.KillSomeClient(sim_.dice().random().Next64());
      break;
  }
}

void Operator::BanSome() {
  const net::Address& server = servers_[sim_.dice().Below(servers_.size())];
  if (sim_.dice().Chance(0.3)) {
    sim_.pooler().Ban(server, std::nullopt);
  } else {
    sim_.pooler().Ban(server, std::chrono::seconds(sim_.dice().Between(1, 3)));
  }
}

std::string Operator::SomeDatabase() {
  const config::Config& config = sim_.pooler().config();
  if (sim_.dice().Chance(0.5)) return "";
  return config.pools[sim_.dice().Below(config.pools.size())].name;
}

void Operator::UndoLater(std::function<void()> undo) {
  undo_.emplace(sim_.Now() + sim_.dice().Between(Duration::zero(), kHoldMax), std::move(undo));
}

void Operator::RemovePool() {
  config::Config config = sim_.pooler().config();
  if (pool_is_out_ || config.pools.size() < 2) return;
  const auto at =
      config.pools.begin() + static_cast<std::ptrdiff_t>(sim_.dice().Below(config.pools.size()));
  const config::Pool pool = *at;
  config.pools.erase(at);
  sim_.pooler().Reload(std::move(config));
  pool_is_out_ = true;
  UndoLater([this, pool] {
    config::Config with = sim_.pooler().config();
    with.pools.push_back(pool);
    sim_.pooler().Reload(std::move(with));
    pool_is_out_ = false;
  });
}

}  // namespace pglynx::sim
