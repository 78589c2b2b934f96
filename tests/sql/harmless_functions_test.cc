// Goal: the list holds what it should and nothing that keeps state or runs given SQL.
// Method: properties of the whole list; tables of names that must and must not be on it.
#include "sql/harmless_functions.h"

#include <set>
#include <string>

#include "support/catch.h"

using pglynx::sql::HarmlessFunctions;
using pglynx::sql::IsHarmlessFunction;

TEST_CASE("HarmlessFunctions are lower-case names, each once and each found") {
  std::set<std::string_view> seen;
  for (const std::string_view name : HarmlessFunctions()) {
    CAPTURE(std::string(name));
    CHECK(seen.insert(name).second);
    CHECK(IsHarmlessFunction(name));
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") ==
          std::string_view::npos);
    CHECK_FALSE(name.empty());
    CHECK_FALSE(IsHarmlessFunction(std::string(name) + "x_"));
  }
  CHECK(seen.size() > 700);
}

TEST_CASE("IsHarmlessFunction knows functions of every kind") {
  for (const char* name : {"count",
                           "sum",
                           "json_agg",
                           "percentile_cont",
                           "row_number",
                           "abs",
                           "random",
                           "lower",
                           "format",
                           "regexp_replace",
                           "now",
                           "date_trunc",
                           "to_char",
                           "unnest",
                           "generate_series",
                           "jsonb_build_object",
                           "jsonb_path_query",
                           "xpath",
                           "gen_random_uuid",
                           "to_tsvector",
                           "ts_headline",
                           "version",
                           "current_setting",
                           "has_table_privilege",
                           "to_regclass",
                           "pg_get_viewdef",
                           "pg_table_is_visible",
                           "pg_total_relation_size",
                           "txid_current",
                           "pg_advisory_xact_lock",
                           "pg_notify",
                           "pg_terminate_backend",
                           "pg_stat_get_activity",
                           "pg_backend_pid",
                           "pg_is_in_recovery",
                           "pg_typeof",
                           "md5",
                           "sha256",
                           "encode",
                           "left"}) {
    CAPTURE(name);
    CHECK(IsHarmlessFunction(name));
  }
}

TEST_CASE("IsHarmlessFunction does not know functions with an effect") {
  for (const char* name : {"",
                           "set_config",
                           "setseed",
                           "nextval",
                           "setval",
                           "currval",
                           "lastval",
                           "pg_advisory_lock",
                           "pg_advisory_lock_shared",
                           "pg_try_advisory_lock",
                           "pg_try_advisory_lock_shared",
                           "pg_advisory_unlock",
                           "pg_advisory_unlock_shared",
                           "pg_advisory_unlock_all",
                           "lo_open",
                           "lo_creat",
                           "lo_import",
                           "lowrite",
                           "loread",
                           "query_to_xml",
                           "query_to_xmlschema",
                           "query_to_xml_and_xmlschema",
                           "cursor_to_xml",
                           "table_to_xml",
                           "schema_to_xml",
                           "database_to_xml",
                           "pg_read_file",
                           "pg_read_binary_file",
                           "ts_stat",
                           "ts_rewrite",
                           "pg_logical_emit_message",
                           "pg_logical_slot_get_changes",
                           "pg_export_snapshot",
                           "pg_replication_origin_session_setup",
                           "dblink",
                           "dblink_connect",
                           "crosstab",
                           "xpath_table",
                           "pg_stat_force_next_flush",
                           "binary_upgrade_create_empty_extension",
                           "LOWER",
                           "lower ",
                           "f"}) {
    CAPTURE(name);
    CHECK_FALSE(IsHarmlessFunction(name));
  }
  CHECK_FALSE(IsHarmlessFunction(std::string(64, 'a')));
  CHECK_FALSE(IsHarmlessFunction(std::string(1000, 'l')));
}
