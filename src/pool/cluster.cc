#include "pglynx/pool/cluster.h"

#include "pglynx/core/check.h"
#include "pool/cluster_shard.h"

namespace pglynx::pool {

Cluster::Cluster(World world, ClusterSettings settings, std::vector<std::vector<Host>> shards)
    : world_(world), settings_(settings) {
  for (std::vector<Host>& hosts : shards) {
    PGLYNX_CHECK(!hosts.empty());  // the configuration has them
    const auto number = static_cast<uint32_t>(shards_.size());
    shards_.push_back(std::make_unique<Shard>(*this, number, std::move(hosts)));
  }
}

Cluster::~Cluster() = default;

Pool::Outcome Cluster::Acquire(Waiter& waiter, Route route) {
  PGLYNX_CHECK(route.shard < shards_.size());
  return shards_[route.shard]->Acquire(waiter, route.role);
}

Lease Cluster::AcquireAgain(uint64_t server_id, uint64_t client_id) {
  for (const std::unique_ptr<Shard>& shard : shards_) {
    if (Lease lease = shard->AcquireAgain(server_id, client_id)) return lease;
  }
  return {};
}

void Cluster::Shutdown(const Error& error) {
  for (const std::unique_ptr<Shard>& shard : shards_) shard->FailAll(error);
}

void Cluster::OnBansChanged() {
  for (const std::unique_ptr<Shard>& shard : shards_) shard->Advance();
}

size_t Cluster::waiter_count() const {
  size_t count = 0;
  for (const std::unique_ptr<Shard>& shard : shards_) count += shard->waiter_count();
  return count;
}

}  // namespace pglynx::pool
