// Goal: SecretString is an ordinary value that leaves its source empty when moved from.
#include "pglynx/auth/secret.h"

#include <utility>

#include "support/catch.h"

using pglynx::auth::SecretString;

TEST_CASE("SecretString copies and moves as a value") {
  const SecretString original("open sesame");
  SecretString copy = original;
  CHECK(copy.view() == "open sesame");
  SecretString moved = std::move(copy);
  CHECK(moved.view() == "open sesame");
  CHECK(copy.empty());  // NOLINT: promised by the header
  SecretString assigned("old");
  assigned = moved;
  CHECK(assigned.view() == "open sesame");
  CHECK(moved.view() == "open sesame");
  assigned = SecretString("x");
  CHECK(assigned.view() == "x");
  const SecretString& self = assigned;
  assigned = self;
  CHECK(assigned.view() == "x");
}

TEST_CASE("SecretString keeps every byte and may be empty") {
  CHECK(SecretString().empty());
  CHECK(SecretString(std::string_view("a\0b", 3)).view() == std::string_view("a\0b", 3));
}
