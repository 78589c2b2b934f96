// Goal: names become addresses in numbers, off the loop. Method: a real loop and the system's own
// names; "localhost" is known everywhere, what ends in ".invalid" nowhere.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pglynx/net/resolver.h"
#include "support/catch.h"
#include "support/loopback.h"

using pglynx::Result;
using pglynx::test::Loopback;

TEST_CASE("Resolve gives the addresses of a name in numbers") {
  Loopback world;
  std::optional<Result<std::vector<std::string>>> outcome;
  const auto done = [&](Result<std::vector<std::string>> addresses) {
    outcome = std::move(addresses);
    world.loop.Stop();
  };
  SECTION("of one that is known") {
    const auto lookup = world.loop.Resolve("localhost", done);
    CHECK_FALSE(outcome.has_value());
    REQUIRE(world.RunUntil([&] { return outcome.has_value(); }));
    REQUIRE(outcome->has_value());
    const std::vector<std::string>& addresses = **outcome;
    CHECK(std::count(addresses.begin(), addresses.end(), "127.0.0.1") == 1);
    CHECK(std::is_sorted(addresses.begin(), addresses.end()));
  }
  SECTION("of one that is not") {
    const auto lookup = world.loop.Resolve("no-such-name.invalid", done);
    REQUIRE(world.RunUntil([&] { return outcome.has_value(); }));
    REQUIRE_FALSE(outcome->has_value());
    CHECK(outcome->error().detail.starts_with("cannot resolve the name no-such-name.invalid: "));
  }
  SECTION("of one that cannot be") {
    const auto lookup = world.loop.Resolve(std::string(10'000, 'a'), done);
    CHECK_FALSE(outcome.has_value());
    REQUIRE(world.RunUntil([&] { return outcome.has_value(); }));
    CHECK_FALSE(outcome->has_value());
  }
}

TEST_CASE("A lookup that is given up calls nobody") {
  Loopback world;
  bool called = false;
  const auto note = [&](const Result<std::vector<std::string>>&) { called = true; };
  world.loop.Resolve("localhost", note).reset();
  world.loop.Resolve(std::string(10'000, 'a'), note).reset();
  std::unique_ptr<pglynx::net::PendingLookup> lookup;
  lookup = world.loop.Resolve("localhost", [&](const Result<std::vector<std::string>>&) {
    lookup.reset();  // as its owner may
    world.loop.Stop();
  });
  REQUIRE(world.RunUntil([&] { return lookup == nullptr; }));
  CHECK_FALSE(called);
}
