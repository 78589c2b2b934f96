// Goal: what a client costs while it does nothing, and that nothing of it stays.
// Method: two thousand clients that log in and stay; the kernel's count of the pooler's resident
// memory before, with and after them.

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/e2e/app.h"

using pglynx::e2e::AppPooler;
using pglynx::e2e::Eventually;
using pglynx::e2e::Pooler;
using pglynx::e2e::RaiseDescriptorLimit;
using pglynx::e2e::RawClient;

namespace {

constexpr size_t kClients = 2'000;
constexpr uint64_t kBytesPerClientMax = 1'200;  // G9 in PERFORMANCE.md
constexpr uint64_t kLeftBytesMax = 1'000'000;
constexpr std::chrono::milliseconds kToShrink{10'000};
constexpr size_t kDescriptorsNeeded = kClients + 200;

// Sanitizers keep what was freed, and more beside it.
bool IsSanitized(const Pooler& pooler) {
  std::ifstream file("/proc/" + std::to_string(pooler.pid()) + "/maps");
  for (std::string line; std::getline(file, line);) {
    if (line.find("libasan") != std::string::npos) return true;
  }
  return false;
}

// Why memory cannot be measured here; empty if it can.
std::string Obstacle(const Pooler& pooler) {
  if (!pooler.resident_bytes()) return "there is no /proc/PID/smaps_rollup";
  if (IsSanitized(pooler)) return "the pooler is a sanitized build";
  return "";
}

void UseOnce(const AppPooler& pooler) {
  RawClient client = pooler.Raw();
  client.Send(RawClient::Query("select 1"));
  client.ReadUntil('Z');
}

std::string Clients(const AppPooler& pooler) {
  return pooler.Shown("lists", "list", "used_clients", "items");
}

}  // namespace

TEST_CASE("an idle client costs no more than 1.5 kB, and leaves nothing behind") {
  if (!RaiseDescriptorLimit(kDescriptorsNeeded)) {
    WARN("skipped: the limit of open files cannot be raised to " << kDescriptorsNeeded);
    return;
  }
  const AppPooler pooler({.pool_size = 1, .general = "max_client_conn = 3000"});
  if (const std::string obstacle = Obstacle(pooler); !obstacle.empty()) {
    WARN("skipped: " << obstacle);
    return;
  }
  UseOnce(pooler);
  REQUIRE(Eventually([&] { return Clients(pooler) == "0"; }));
  const uint64_t start = pooler.resident_bytes().value();
  const size_t descriptors = pooler.descriptors().value();
  {
    std::vector<RawClient> clients;
    clients.reserve(kClients);
    while (clients.size() < kClients) clients.push_back(pooler.Raw());
    const uint64_t full = pooler.resident_bytes().value();
    CAPTURE(start, full);
    CHECK(full <= start + kClients * kBytesPerClientMax);
    CHECK(Clients(pooler) == std::to_string(kClients));
    clients.back().Send(RawClient::Query("select 1"));
    CHECK(clients.back().ReadUntil('Z').back().body == "I");
  }
  const bool shrunk = Eventually(
      [&] { return pooler.resident_bytes().value() <= start + kLeftBytesMax; }, kToShrink);
  const uint64_t end = pooler.resident_bytes().value();
  CAPTURE(start, end);
  CHECK(shrunk);
  CHECK(Clients(pooler) == "0");
  CHECK(Eventually([&] { return pooler.descriptors().value() <= descriptors; }));
}
