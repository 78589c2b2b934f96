// RandomSql: what a pooler says of itself, and what it has to see through.

#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include "session/state_probe.h"
#include "sim/fake_vs_real/random_sql.h"

namespace pglynx::sim {
namespace {

std::string OneOf(Dice& dice, std::initializer_list<std::string_view> choices) {
  return std::string(choices.begin()[dice.Below(choices.size())]);
}

}  // namespace

std::string RandomSql::SpecialSetting() {
  return OneOf(dice_, {
                          "SET ROLE app_reader",
                          "SET ROLE app_writer",
                          "SET LOCAL ROLE app_reader",
                          "SET ROLE NONE",
                          "SET ROLE 'app'",
                          "SET role TO app_writer",
                          "SET \"role\" TO 'app_reader'",
                          "RESET ROLE",
                          "RESET \"role\"",
                          "SET SESSION AUTHORIZATION app",
                          "SET LOCAL SESSION AUTHORIZATION 'app'",
                          "SET SESSION AUTHORIZATION md5er",
                          "SET SESSION SESSION AUTHORIZATION no_such_role",
                          "SET SESSION AUTHORIZATION DEFAULT",
                          "RESET SESSION AUTHORIZATION",
                          "SET \"session_authorization\" TO 'app'",
                          "SHOW session_authorization",
                          "SHOW SESSION AUTHORIZATION",
                          "SHOW role",
                          "SET TIME ZONE 'asia/tokyo'",
                          "SET TIME ZONE LOCAL",
                          "SET LOCAL TIME ZONE DEFAULT",
                          "SHOW TIME ZONE",
                          "RESET TIME ZONE",
                          "SET SCHEMA 'other'",
                          "SET NAMES 'latin1'",
                          "SET NAMES",
                          "SET search_path TO a, \"B c\", \"$user\"",
                          "SET search_path = 'x,y', Z",
                          "SET search_path TO ''",
                          "SET LOCAL search_path TO public, \"user\"",
                          "SET DateStyle TO SQL, DMY",
                          "SET work_mem TO 1, 2",
                          "SET work_mem TO 2048",
                          "SET statement_timeout = '61s'",
                          "SET lock_timeout TO 86400000",
                          "SET extra_float_digits TO -3",
                          "SET application_name TO Unquoted",
                          "SET application_name TO 'it''s; -- \"'",
                          "SET standard_conforming_strings TO ON",
                          "SHOW \"DateStyle\"",
                          "SHOW search_path",
                          "RESET \"work_mem\"",
                          "RESET ALL",
                          "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL "
                          "REPEATABLE READ, NOT DEFERRABLE",
                          "SET SESSION CHARACTERISTICS AS TRANSACTION DEFERRABLE",
                          "SET SESSION CHARACTERISTICS AS TRANSACTION",
                          "SHOW default_transaction_isolation",
                          "SET default_transaction_isolation TO 'READ uncommitted'",
                          "SET app.tenant TO 'blue'",
                          "SET \"app.tenant\" TO 'red'",
                          "SET LOCAL app.tenant TO 'it''s'",
                          "RESET app.request",
                          "SHOW app.tenant",
                          "SHOW app.request",
                          "SET TO 1",
                          "SET ROLE",
                      });
}

std::string RandomSql::SettingItem() {
  const std::string name =
      OneOf(dice_, {"search_path", "work_mem", "lock_timeout", "role", "TimeZone", "DateStyle",
                    "session_authorization", "application_name", "no_such", "it''s \"x\"",
                    "app.tenant", "app.request", "default_transaction_isolation"});
  switch (dice_.Below(4)) {
    case 0:
      return fmt::format("current_setting('{}')", name);
    case 1:
    case 2:
      return fmt::format("{}current_setting('{}', {})", dice_.Chance(0.5) ? "pg_catalog." : "",
                         name, dice_.Chance(0.9) ? "true" : "false");
    default:
      break;
  }
  const std::string assignment =
      OneOf(dice_,
            {"'search_path', 'a, \"B\"'", "'search_path', ','", "'work_mem', '3MB'",
             "'lock_timeout', '5000'", "'role', 'app_writer'", "'role', 'none'", "'role', 'md5er'",
             "'TimeZone', 'Asia/Tokyo'", "'TimeZone', 'nowhere'", "'DateStyle', 'SQL'",
             "'session_authorization', 'app'", "'application_name', 'set'", "'app.tenant', 'green'",
             "'app.request', ''", "'no_such', 'x'", "'server_version', '1'"});
  return fmt::format("set_config({}, {})", assignment, dice_.Chance(0.5) ? "true" : "false");
}

std::string RandomSql::HiddenItem() {
  switch (dice_.Below(6)) {
    case 0:
      return fmt::format("hidden_lock({})", 100 + connection_);
    case 1:
      return "hidden_temp()";
    case 2:
      return fmt::format("hidden_listen('c{}')", dice_.Below(2));
    case 3:
      return OneOf(dice_, {"hidden_set('work_mem', '5MB')", "hidden_set('TimeZone', 'utc')",
                           "hidden_set('no_such', '1')", "hidden_set('app.request', 'me')",
                           "hidden_set('role', 'app_reader')"});
    case 4:
      return "hidden_nothing()";
    default:
      return OneOf(dice_, {"hidden_other()", "hidden_temp(1)"});
  }
}

std::string RandomSql::OwnSetting() {
  const std::string name =
      OneOf(dice_, {"search_path", "work_mem", "lock_timeout", "role", "timezone", "datestyle",
                    "session_authorization", "no_such", "app.tenant", "app.request"});
  return fmt::format(
      "CASE WHEN COALESCE((SELECT source OPERATOR(pg_catalog.=) 'session' FROM "
      "pg_catalog.pg_settings WHERE pg_catalog.lower(name) OPERATOR(pg_catalog.=) '{0}'), true) "
      "THEN pg_catalog.current_setting('{0}', true) END",
      name);
}

std::string RandomSql::PoolerText() {
  if (dice_.Chance(0.3)) return fmt::format("SELECT {}, {}", OwnSetting(), OwnSetting());
  return OneOf(
      dice_, {session::kStateProbe, session::kStateProbe, session::kStateProbe,
              "SELECT pg_catalog.current_setting('search_path', true), "
              "pg_catalog.current_setting('no_such', true)",
              "SET \"search_path\" TO \"$user\", public",
              "SELECT set_config('search_path', 'a', false)", "PREPARE pglynx_7 AS SELECT 'again'",
              "EXECUTE pglynx_7", "DEALLOCATE pglynx_7", "DEALLOCATE pglynx_gone"});
}

}  // namespace pglynx::sim
