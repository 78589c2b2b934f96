// Goal: an address reads as people and libpq write it. Method: a table.
#include "pglynx/net/address.h"

#include "support/catch.h"

using pglynx::net::Address;

TEST_CASE("Address is written as host and port, or as the socket's file") {
  struct Case {
    Address address;
    const char* text;
    bool is_unix;
  };
  const Case cases[] = {
      {{"127.0.0.1", 5432}, "127.0.0.1:5432", false},
      {{"db.example.org", 65535}, "db.example.org:65535", false},
      {{"::1", 5432}, "[::1]:5432", false},
      {{"fe80::1%eth0", 1}, "[fe80::1%eth0]:1", false},
      {{"/run/postgresql", 5433}, "/run/postgresql/.s.PGSQL.5433", true},
      {{"", 0}, ":0", false},
  };
  for (const Case& c : cases) {
    CHECK(c.address.ToString() == c.text);
    CHECK(c.address.is_unix() == c.is_unix);
  }
}

TEST_CASE("addresses in numbers are told apart from names") {
  for (const char* host : {"127.0.0.1", "::1", "2001:db8::7", "fe80::1%lo"}) {
    CHECK(pglynx::net::IsNumericHost(host));
  }
  for (const char* host : {"localhost", "db.example.org", "10.0.0.300", "db1", "cafe"}) {
    CHECK_FALSE(pglynx::net::IsNumericHost(host));
  }
}

TEST_CASE("Address is a value") {
  const Address one{"a", 1};
  const Address same = one;
  CHECK(one == same);
  CHECK_FALSE(one == Address{"a", 2});
  CHECK_FALSE(one == Address{"b", 1});
}
