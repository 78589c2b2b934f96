#include "sim/fake_vs_real/random_sql.h"

#include <array>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "session/state_probe.h"

namespace pglynx::sim {
namespace {

constexpr auto kValues = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"DateStyle", "German"},
    {"datestyle", "ISO, DMY"},
    {"DateStyle", "sql"},
    {"DateStyle", "iso, mdy"},
    {"DateStyle", "nothing"},
    {"TimeZone", "Europe/Berlin"},
    {"timezone", "utc"},
    {"TimeZone", "Mars/Olympus"},
    {"IntervalStyle", "iso_8601"},
    {"IntervalStyle", "Postgres_Verbose"},
    {"application_name", "an app"},
    {"application_name", "other"},
    {"client_encoding", "latin1"},
    {"client_encoding", "UTF8"},
    {"standard_conforming_strings", "off"},
    {"standard_conforming_strings", "yes"},
    {"statement_timeout", "60000"},
    {"statement_timeout", "90s"},
    {"lock_timeout", "3600000"},
    {"work_mem", "64MB"},
    {"work_mem", "1025"},
    {"work_mem", "1 GB"},
    {"extra_float_digits", "3"},
    {"server_version", "99"},
    {"search_path", "a, b"},
    {"search_path", R"("$user", public)"},
    {"role", "app_reader"},
    {"role", "app_writer"},
    {"role", "none"},
    {"role", "app"},
    {"role", "md5er"},
    {"role", "no_such_role"},
    {R"("lock_timeout")", "1min"},
    {R"("Search_Path")", "b"},
    {"no_such_parameter", "1"},
});

std::string_view OneOf(Dice& dice, std::initializer_list<std::string_view> choices) {
  return choices.begin()[dice.Below(choices.size())];
}

}  // namespace

std::string RandomSql::Statement(Protocol protocol, char status) {
  if (dice_.Chance(status == 'E' ? 0.7 : 0.25)) return Transaction(status);
  switch (dice_.Below(40)) {
    case 0:
      return std::string(OneOf(dice_, {"SELECT FROM FROM", "", "-- nothing", "SELEC 1", "/* c */",
                                       "DISCARD NOTHING", "PREPARE p0 AS BEGIN"}));
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
    case 6:
      return Setting();
    case 7:
      return dice_.Chance(0.6) ? SpecialSetting() : PoolerText();
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
      return Session();
    case 13:
    case 14:
    case 15:
    case 16:
    case 17:
      return Prepared();
    case 18:
    case 19:
    case 20:
    case 21:
    case 22:
    case 23:
    case 24:
    case 25:
    case 26:
    case 27:
      return Table(protocol);
    default:
      return Select(protocol);
  }
}

std::string RandomSql::Transaction(char status) {
  const std::string point(OneOf(dice_, {"a", "a", "b"}));
  if (status == 'I' && dice_.Chance(0.9)) {
    return std::string(OneOf(dice_, {"BEGIN", "BEGIN", "BEGIN", "BEGIN WORK", "START TRANSACTION",
                                     "START TRANSACTION READ WRITE",
                                     "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"}));
  }
  if (status == 'E' && dice_.Chance(0.9)) {
    return std::string(OneOf(
        dice_, {"ROLLBACK", "COMMIT", "ROLLBACK TO a", "ROLLBACK TO a", "ROLLBACK TO SAVEPOINT b",
                "ABORT", "END", "ROLLBACK WORK TO a", "COMMIT AND NO CHAIN"}));
  }
  if (status == 'T' && dice_.Chance(0.3)) return "COMMIT";
  switch (dice_.Below(14)) {
    case 0:
      return "COMMIT";
    case 1:
      return "ROLLBACK";
    case 2:
    case 3:
    case 4:
      return (dice_.Chance(0.5) ? "ROLLBACK TO " : "ROLLBACK TO SAVEPOINT ") + point;
    case 5:
    case 6:
    case 7:
      return (dice_.Chance(0.5) ? "RELEASE " : "RELEASE SAVEPOINT ") + point;
    case 8:
      return "BEGIN";
    default:
      return "SAVEPOINT " + point;
  }
}

std::vector<std::string> RandomSql::Story() {
  std::vector<std::string> story;
  if (dice_.Chance(0.2)) {  // what may not follow another statement
    story.push_back(Effect());
    story.emplace_back(OneOf(dice_, {"DISCARD ALL", "SET LOCAL work_mem = '64MB'", "SAVEPOINT a"}));
    story.push_back(Look());
    return story;
  }
  story.emplace_back("BEGIN");
  for (uint64_t rounds = dice_.Between(1, 2); rounds > 0; --rounds) {
    const std::string point(OneOf(dice_, {"a", "b"}));
    if (dice_.Chance(0.5)) story.push_back(Effect());
    story.push_back("SAVEPOINT " + point);
    for (uint64_t effects = dice_.Between(1, 3); effects > 0; --effects) story.push_back(Effect());
    if (dice_.Chance(0.2)) story.emplace_back("SELECT 1/0");
    story.push_back((dice_.Chance(0.6) ? "ROLLBACK TO " : "RELEASE ") + point);
    story.push_back(Look());
  }
  if (dice_.Chance(0.6)) {
    story.emplace_back(dice_.Chance(0.8) ? "COMMIT" : "ROLLBACK");
    story.push_back(Look());
  }
  return story;
}

std::string RandomSql::Effect() {
  switch (dice_.Below(12)) {
    case 9:
      return SpecialSetting();
    case 10:
      return "SELECT " + SettingItem();
    case 11:
      return "SELECT " + HiddenItem();
    case 0:
      return Setting();
    case 1:
      return "SET LOCAL DateStyle TO 'German'";
    case 2:
    case 3:
      return fmt::format("INSERT INTO t0 VALUES ('told {}')", dice_.Below(100));
    case 4:
    case 5:
      return fmt::format("NOTIFY {}", OneOf(dice_, {"c0", "c0", "c1"}));
    case 6:
      return fmt::format("{} {}", OneOf(dice_, {"LISTEN", "LISTEN", "UNLISTEN"}),
                         OneOf(dice_, {"c0", "c1"}));
    default:
      return fmt::format("SELECT {}({})",
                         OneOf(dice_, {"pg_try_advisory_xact_lock", "pg_try_advisory_lock"}),
                         dice_.Between(7, 8));
  }
}

std::string RandomSql::Look() {
  if (dice_.Chance(0.1)) return "SELECT " + OwnSetting();
  return std::string(
      OneOf(dice_, {"SHOW DateStyle", "SHOW work_mem", "SELECT x FROM t0", "SELECT x FROM t0",
                    "SELECT pg_try_advisory_xact_lock(7), pg_try_advisory_xact_lock(8)",
                    "SELECT pg_advisory_unlock_all()", "SELECT pg_advisory_unlock(7)", "NOTIFY c0",
                    "NOTIFY c1", "SHOW role", "SHOW search_path",
                    "SELECT current_setting('role'), current_setting('lock_timeout', true)",
                    session::kStateProbe, session::kStateProbe}));
}

std::string RandomSql::Setting() {
  const auto& [name, value] = kValues[dice_.Below(kValues.size())];
  switch (dice_.Below(10)) {
    case 0:
    case 1:
    case 2:
      return fmt::format("SET {} TO '{}'", name, value);
    case 3:
    case 4:
      return fmt::format("SET LOCAL {} = '{}'", name, value);
    case 5:
      return fmt::format("RESET {}", name);
    case 6:
      return OneOf(dice_, {"SET ", "SET LOCAL ", "SET SESSION "}).data() +
             fmt::format("{} TO DEFAULT", name);
    case 7:
      return "RESET ALL";
    default:  // what the server is called is no business of the fake's
      return fmt::format("SHOW {}", name == "server_version" ? "search_path" : name);
  }
}

std::string RandomSql::TableName() {
  return std::string(OneOf(dice_, {"t0", "t0", "t0", "t0", "t1"}));
}

std::string RandomSql::Table(Protocol protocol) {
  const std::string table = TableName();
  switch (dice_.Below(12)) {
    case 0:
    case 1:
      return fmt::format("CREATE TEMP TABLE {} (x text)", table);
    case 2:
      return fmt::format("DROP TABLE {}", dice_.Chance(0.05) ? "log" : table);
    case 3:
    case 4:
    case 5: {
      const bool parameter = protocol == Protocol::kExtended && dice_.Chance(0.4);
      return fmt::format("INSERT INTO {} VALUES ({})", dice_.Chance(0.1) ? "log" : table,
                         parameter ? "$1" : fmt::format("'row {}'", dice_.Below(100)));
    }
    case 6:
      return fmt::format("COPY (SELECT x, 'c' FROM {}) TO STDOUT", table);
    default:
      return fmt::format("SELECT x{} FROM {}", dice_.Chance(0.05) ? ", y" : "", table);
  }
}

std::string RandomSql::CopyIn() {
  return fmt::format("COPY {} FROM STDIN", dice_.Chance(0.3) ? "log" : TableName());
}

std::string RandomSql::Session() {
  const std::string_view channel = OneOf(dice_, {"c0", "c1"});
  switch (dice_.Below(11)) {
    case 0:
    case 1:
    case 2:
      return fmt::format("LISTEN {}", channel);
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
      return fmt::format("NOTIFY {}", channel);
    case 8:
      return fmt::format("UNLISTEN {}", channel);
    case 9:
      return "UNLISTEN *";
    default:
      return std::string(OneOf(dice_, {"DISCARD ALL", "DISCARD ALL", "DISCARD SEQUENCES",
                                       "DISCARD TEMP", "DISCARD PLANS"}));
  }
}

// Each name has statements of one shape only: what Describe says of EXECUTE is fixed at Parse.
std::string RandomSql::Prepared() {
  switch (dice_.Below(11)) {
    case 9:
      return "PREPARE p2 (text) AS SELECT $1, $1";
    case 10:
      return "DEALLOCATE PREPARE p0";
    case 0:
      return fmt::format(
          "PREPARE p0 AS SELECT {}",
          OneOf(dice_, {"'a'", "x FROM t0", "repeat('b', 2)", "'c' FROM generate_series(1, 3)",
                        "current_setting('nope')"}));
    case 1:
      return fmt::format("PREPARE p1 AS INSERT INTO {} VALUES ($1)", TableName());
    case 2:
      return "PREPARE p2 AS SELECT $1, $1";
    case 3:
      return "EXECUTE p0";
    case 4:
      return "EXECUTE p1('by execute')";
    case 5:
      return dice_.Chance(0.8) ? "EXECUTE p2('by execute')" : "EXECUTE p2";
    case 6:
      return "DEALLOCATE ALL";
    default:
      return fmt::format("DEALLOCATE {}", OneOf(dice_, {"p0", "p1", "p2", "s0", "s1"}));
  }
}

std::string RandomSql::Select(Protocol protocol) {
  if (dice_.Chance(0.1)) {
    return fmt::format("SELECT {}({}), 'locked'",
                       OneOf(dice_, {"pg_advisory_lock", "pg_advisory_xact_lock"}),
                       100 + connection_);
  }
  std::string sql = "SELECT " + Item(protocol);
  for (uint64_t more = dice_.Chance(0.3) ? dice_.Between(1, 2) : 0; more > 0; --more) {
    sql += ", " + Item(protocol);
  }
  if (dice_.Chance(0.3)) sql += fmt::format(" FROM generate_series(1, {})", dice_.Below(6));
  if (dice_.Chance(0.1)) return fmt::format("COPY ({}) TO STDOUT", sql);
  return sql;
}

std::string RandomSql::Item(Protocol protocol) {
  switch (dice_.Below(21)) {
    case 17:
    case 18:
      return SettingItem();
    case 19:
      return HiddenItem();
    case 0:
      return std::to_string(dice_.Below(100));
    case 1:
      return fmt::format("repeat('ab', {})", dice_.Below(4));
    case 2:
      return fmt::format("current_setting('{}')", kValues[dice_.Below(13)].first);
    case 3:
      return "pg_backend_pid()";
    case 4:
    case 5:
      return SequenceItem();
    case 6:
    case 7:
      return LockItem();
    case 8:
      if (dice_.Chance(0.3)) return "pg_sleep(0)";
      return std::string(OneOf(dice_, {"1/0", "1/0", "x", "no_function(1)",
                                       "current_setting('nope')", "$2", "nextval('sq9')"}));
    case 9:
    case 10:
    case 11:
      if (protocol == Protocol::kExtended || dice_.Chance(0.1)) return "$1";
      [[fallthrough]];
    default:
      return fmt::format("'it''s {}'", dice_.Below(100));
  }
}

std::string RandomSql::LockItem() {
  const uint64_t own = 100 + connection_;
  const uint64_t key = dice_.Chance(0.3) ? own : dice_.Between(7, 8);
  switch (dice_.Below(7)) {
    case 0:
    case 1:
      return fmt::format("pg_try_advisory_lock({})", key);
    case 2:
      return fmt::format("pg_try_advisory_xact_lock({})", key);
    case 3:
      return "pg_advisory_unlock_all()";
    default:
      return fmt::format("pg_advisory_unlock({})", key);
  }
}

std::string RandomSql::SequenceItem() {
  switch (dice_.Below(4)) {
    case 0:
      return "lastval()";
    case 1:
      return fmt::format("currval('sq{}')", dice_.Below(2));
    default:
      return fmt::format("nextval('sq{}')", dice_.Below(2));
  }
}

}  // namespace pglynx::sim
