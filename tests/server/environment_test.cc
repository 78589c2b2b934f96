#include "pglynx/server/environment.h"

#include "support/catch.h"

using pglynx::server::ServerEnvironment;

TEST_CASE("a pattern for comments is judged when the file is loaded") {
  const ServerEnvironment environment;
  CHECK_FALSE(environment.PatternFault(R"(/\* shard: (\d+) \*/)").has_value());
  CHECK(environment.PatternFault("(unclosed").has_value());
  CHECK(environment.PatternFault("no group").has_value());
  CHECK(environment.Get("PATH").has_value());
}
