// Goal: a client's names follow what the server really did, whatever was sent ahead.
#include "session/prepared_statements.h"

#include "support/catch.h"

using pglynx::pool::ParameterTable;
using pglynx::pool::StatementCache;
using pglynx::session::PreparedStatements;

namespace {

struct Fixture {
  pglynx::pool::StatementRef Get(std::string_view text) {
    return cache.Get(text, parameters.Empty(), 0);
  }
  ParameterTable parameters;
  uint64_t ddl_count = 0;
  StatementCache cache{ddl_count};
  PreparedStatements statements;
};

}  // namespace

TEST_CASE("a name is visible from the moment its Parse is sent") {
  Fixture fixture;
  fixture.statements.Add("s", fixture.Get("select 1"));
  REQUIRE(fixture.statements.Find("s") != nullptr);
  CHECK(fixture.statements.Find("s")->contents() == "select 1");
  CHECK(fixture.statements.Find("t") == nullptr);
}

TEST_CASE("a Parse that the server skipped is taken back") {
  Fixture fixture;
  fixture.statements.Add("a", fixture.Get("select 1"));
  fixture.statements.Add("b", fixture.Get("select 2"));
  fixture.statements.Settle();
  fixture.statements.Undo(1);
  CHECK(fixture.statements.Find("a") != nullptr);
  CHECK(fixture.statements.Find("b") == nullptr);
}

TEST_CASE("a Close that the server skipped is taken back") {
  Fixture fixture;
  fixture.statements.Add("a", fixture.Get("select 1"));
  fixture.statements.Settle();
  fixture.statements.Remove("a");
  CHECK(fixture.statements.Find("a") == nullptr);
  fixture.statements.Undo(1);
  REQUIRE(fixture.statements.Find("a") != nullptr);
  CHECK(fixture.statements.Find("a")->contents() == "select 1");
}

TEST_CASE("close and parse again of one name is undone to the statement it began with") {
  Fixture fixture;
  fixture.statements.Add("a", fixture.Get("select 1"));
  fixture.statements.Settle();
  fixture.statements.Remove("a");
  fixture.statements.Add("a", fixture.Get("select 2"));
  fixture.statements.Undo(2);
  REQUIRE(fixture.statements.Find("a") != nullptr);
  CHECK(fixture.statements.Find("a")->contents() == "select 1");
}

TEST_CASE("undoing more than there is undoes what there is") {
  Fixture fixture;
  fixture.statements.Add("a", fixture.Get("select 1"));
  fixture.statements.Undo(5);
  CHECK(fixture.statements.size() == 0);
  fixture.statements.Settle();
  CHECK(fixture.statements.size() == 0);
}

TEST_CASE("clearing keeps what was sent behind the statement that cleared") {
  Fixture fixture;
  fixture.statements.Add("before", fixture.Get("select 1"));
  fixture.statements.Settle();
  fixture.statements.Add("behind", fixture.Get("select 2"));
  fixture.statements.Clear();
  CHECK(fixture.statements.Find("before") == nullptr);
  CHECK(fixture.statements.Find("behind") != nullptr);
}
