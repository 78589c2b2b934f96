#pragma once

// What a pooler asks a server behind statements whose text does not say what they left in the
// session. Everything is written with its schema, operators too, so that no search_path of a
// client decides what is called. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pglynx::session {

// One row of five booleans, in the order of HeldState. At the end of a transaction: what is held
// then outlives it. Advisory locks of this backend ("pg_locks" in the manual); objects in its
// temporary schema (each depends on the schema, by which they are dropped at the session's end:
// RemoveTempRelations, src/backend/catalog/namespace.c); cursors (those WITHOUT HOLD are gone);
// channels; statements of SQL's PREPARE that the pooler did not name.
inline constexpr std::string_view kStateProbe =
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) "
    "'advisory' AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()), "
    "CASE WHEN pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.=) 0::pg_catalog.oid THEN false "
    "ELSE EXISTS (SELECT FROM pg_catalog.pg_depend WHERE refclassid OPERATOR(pg_catalog.=) "
    "2615::pg_catalog.oid AND refobjid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()) END, "
    "EXISTS (SELECT FROM pg_catalog.pg_cursor()), "
    "EXISTS (SELECT FROM pg_catalog.pg_listening_channels()), "
    "EXISTS (SELECT FROM pg_catalog.pg_prepared_statement() WHERE from_sql AND NOT "
    "pg_catalog.starts_with(name, 'pglynx_'))";

// A set of what was found, by the columns of kStateProbe.
enum HeldState : uint8_t {
  kHoldsAdvisoryLock = 1,
  kHoldsTemporary = 2,
  kHoldsCursor = 4,
  kHoldsChannel = 8,
  kHoldsPrepared = 16,
};

}  // namespace pglynx::session
