// Goal: which role serves what is wanted. Method: the whole table.
#include "pglynx/balancer/host.h"

#include "support/catch.h"

using pglynx::balancer::HasRole;
using pglynx::balancer::HostSpec;
using pglynx::balancer::Role;
using pglynx::balancer::WantedRole;

TEST_CASE("HasRole: a peer serves all, a primary no replica's reads") {
  struct Case {
    Role role;
    bool any, primary, replica;
  };
  const Case cases[] = {{Role::kPrimary, true, true, false},
                        {Role::kReplica, true, false, true},
                        {Role::kPeer, true, true, true}};
  for (const Case& c : cases) {
    CHECK(HasRole(c.role, WantedRole::kAny) == c.any);
    CHECK(HasRole(c.role, WantedRole::kPrimary) == c.primary);
    CHECK(HasRole(c.role, WantedRole::kReplica) == c.replica);
  }
}

TEST_CASE("HostSpec: without a role and a weight it is a peer among equals") {
  const HostSpec host;
  CHECK(host.role == Role::kPeer);
  CHECK(host.weight == 1);
}
