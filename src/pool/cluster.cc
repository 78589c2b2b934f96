#include "pglynx/pool/cluster.h"

#include <utility>

#include <fmt/format.h>

#include "pglynx/core/check.h"
#include "pool/cluster_shard.h"

namespace pglynx::pool {

Cluster::Cluster(World world, ClusterSettings settings, std::vector<std::vector<Host>> shards)
    : world_(world), settings_(settings) {
  home_ = shards.front().front().pool;
  for (std::vector<Host>& hosts : shards) {
    PGLYNX_CHECK(!hosts.empty());  // the configuration has them
    const auto number = static_cast<uint32_t>(shards_.size());
    shards_.push_back(std::make_unique<Shard>(*this, number, std::move(hosts), home_));
  }
  home_->cluster = this;
}

Cluster::~Cluster() {
  home_->cluster = nullptr;
}

Pool::Outcome Cluster::Acquire(Waiter& waiter, Route route) {
  PGLYNX_CHECK(route.shard < shards_.size());
  return shards_[route.shard]->Acquire(waiter, route.role, route.primary_reads);
}

Lease Cluster::AcquireAgain(uint64_t server_id, uint64_t client_id) {
  for (const std::unique_ptr<Shard>& shard : shards_) {
    if (Lease lease = shard->AcquireAgain(server_id, client_id)) return lease;
  }
  return {};
}

std::vector<Cluster::Waiting> Cluster::TakeWaiters() {
  std::vector<Waiting> waiting;
  for (uint32_t shard = 0; shard < shards_.size(); ++shard) {
    shards_[shard]->TakeWaiters(shard, waiting);
  }
  return waiting;
}

void Cluster::AcquireAnew(Pool& home, const Waiting& client) {
  Pool::Outcome outcome = Pool::Queued{};
  if (home.cluster == nullptr) {
    outcome = home.Acquire(*client.waiter);
  } else if (client.route.shard < home.cluster->shard_count()) {
    outcome = home.cluster->Acquire(*client.waiter, client.route);
  } else {
    outcome = Error{ErrorCode::kInvalidParameterValue,
                    fmt::format("shard {} is gone since a reload", client.route.shard)};
  }
  if (auto* lease = std::get_if<Lease>(&outcome)) {
    client.waiter->OnLease(std::move(*lease));
  } else if (const auto* error = std::get_if<Error>(&outcome)) {
    client.waiter->OnWaitFailed(*error);
  }
}

void Cluster::Shutdown(const Error& error) {
  for (const std::unique_ptr<Shard>& shard : shards_) shard->FailAll(error);
}

void Cluster::OnBansChanged() {
  for (const std::unique_ptr<Shard>& shard : shards_) shard->OnBansChanged();
}

void Cluster::OnSettings() {
  for (const std::unique_ptr<Shard>& shard : shards_) shard->OnSettings();
}

bool Cluster::IsHealthy(uint32_t shard) const {
  return shard < shards_.size() && shards_[shard]->IsHealthy();
}

uint32_t Cluster::SomeHealthyShard() const {
  for (uint32_t shard = 0; shard < shards_.size(); ++shard) {
    if (IsHealthy(shard)) return shard;
  }
  return 0;
}

size_t Cluster::waiter_count(uint32_t shard) const {
  return shards_[shard]->waiter_count();
}

TimePoint Cluster::OldestWait(uint32_t shard) const {
  return shards_[shard]->OldestWait();
}

size_t Cluster::waiter_count() const {
  size_t count = 0;
  for (const std::unique_ptr<Shard>& shard : shards_) count += shard->waiter_count();
  return count;
}

}  // namespace pglynx::pool
