// A named prepared statement on its way to the server: what ClientSession does with Bind, Parse and
// Close (session/client_statements.cc), as far as it goes without a session.

#include <memory>
#include <string>

#include "micro/micro_case.h"
#include "pglynx/core/bytes.h"
#include "pglynx/core/check.h"
#include "pglynx/pool/statements.h"
#include "pglynx/wire/message_writer.h"
#include "session/prepared_statements.h"
#include "session/write_batch.h"

namespace pglynx::micro {
namespace {

constexpr size_t kStatements = 100;  // of the client, and held by the server

std::string NameOf(size_t number) {
  return "__asyncpg_stmt_" + std::to_string(number) + "__";
}

std::string ContentsOf(size_t number) {
  std::string contents =
      "SELECT abalance, " + std::to_string(number) + " FROM pgbench_accounts WHERE aid = $1";
  contents += std::string_view("\0\0\0", 3);
  return contents;
}

struct World {
  World() {
    for (size_t number = 0; number < kStatements; ++number) {
      pool::StatementRef statement = cache.Get(ContentsOf(number), settings, 0);
      server.Sent(statement->id);
      server.Confirm();
      client.Add(NameOf(number), std::move(statement));
      client.Settle();
    }
  }

  uint64_t ddl_count = 0;
  pool::ParameterTable table;
  pool::ParameterRef settings = table.With(table.Empty(), "TimeZone", "UTC");
  pool::StatementCache cache{ddl_count};
  session::PreparedStatements client;
  pool::ServerStatements server;
  session::WriteBatch batch;
};

}  // namespace

std::unique_ptr<Case> RenameBind() {
  std::string bind;
  {
    const wire::MessageScope message(bind, 'B');
    wire::AppendCString(bind, "");
    wire::AppendCString(bind, NameOf(42));
    AppendU16(bind, 0);
    AppendU16(bind, 1);
    AppendU32(bind, 5);
    bind += "12345";
    AppendU16(bind, 0);
  }
  return Repeat([world = std::make_unique<World>(), bind = std::move(bind)] {
    world->batch.Clear();
    ByteReader reader(std::string_view(bind).substr(wire::kHeaderBytes));
    const std::string_view portal = reader.CString();
    const std::string_view name = reader.CString();
    const pool::Statement* statement = world->client.Find(name);
    PGLYNX_CHECK(reader.ok() && statement != nullptr && world->server.Touch(statement->id));
    const size_t name_at = wire::kHeaderBytes + portal.size() + 1;
    std::string& head = world->batch.NewOwned();
    head.assign(bind, 0, name_at);
    StoreU32(head.data() + 1, LoadU32(head.data() + 1) - static_cast<uint32_t>(name.size()) +
                                  static_cast<uint32_t>(statement->name.size()));
    head += statement->name;
    world->batch.AddOwned(head);
    world->batch.Add(std::string_view(bind).substr(name_at + name.size()));
    Keep(world->batch.bytes());
  });
}

std::unique_ptr<Case> ParseKnownText() {
  return Repeat([world = std::make_unique<World>(), contents = ContentsOf(42)] {
    const pool::StatementRef statement = world->cache.Get(contents, world->settings, 0);
    PGLYNX_CHECK(world->server.Touch(statement->id));
  });
}

std::unique_ptr<Case> ParseAndClose() {
  return Repeat([world = std::make_unique<World>(), contents = ContentsOf(42)] {
    world->client.Add("s1", world->cache.Get(contents, world->settings, 0));
    world->client.Settle();
    world->client.Remove("s1");
    world->client.Settle();
  });
}

}  // namespace pglynx::micro
