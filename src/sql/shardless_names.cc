#include "sql/shardless_names.h"

#include "sql/harmless_functions.h"
#include "sql/keywords.h"

namespace pglynx::sql {
namespace {

// Harmless to a session, and yet not the same on every shard: they act on others, or tell what a
// shard holds and how far it has come.
constexpr std::string_view kShardFunctions =
    "pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_cancel_backend pg_current_snapshot "
    "pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_current_xact_id "
    "pg_current_xact_id_if_assigned pg_database_size pg_indexes_size pg_last_committed_xact "
    "pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_notify "
    "pg_prepared_xact pg_relation_size pg_sequence_last_value pg_table_size pg_tablespace_size "
    "pg_terminate_backend pg_total_relation_size pg_try_advisory_xact_lock "
    "pg_try_advisory_xact_lock_shared pg_xact_commit_timestamp pg_xact_commit_timestamp_origin "
    "pg_xact_status txid_current txid_current_if_assigned txid_current_snapshot txid_status";
constexpr auto kShardFunctionTable = MakeNameTable<CountNames(kShardFunctions)>(kShardFunctions);

// Not harmless to a session, but the same as SET and as a part of DISCARD ALL.
constexpr std::string_view kSessionFunctions = "pg_advisory_unlock_all set_config";
constexpr auto kSessionFunctionTable =
    MakeNameTable<CountNames(kSessionFunctions)>(kSessionFunctions);

// Those of pg_catalog that hold what users have stored.
constexpr std::string_view kShardRelations =
    "pg_largeobject pg_largeobject_metadata pg_prepared_xacts pg_sequences";
constexpr auto kShardRelationTable = MakeNameTable<CountNames(kShardRelations)>(kShardRelations);

// The types of pg_catalog, and the grammar's names for them.
constexpr std::string_view kTypes =
    "aclitem anyarray bigint bit bool boolean box bpchar bytea char character cid cidr circle "
    "cstring date datemultirange daterange dec decimal double float float4 float8 gtsvector inet "
    "int int2 int2vector int4 int4multirange int4range int8 int8multirange int8range integer "
    "interval json jsonb jsonpath line lseg macaddr macaddr8 money name nchar numeric "
    "nummultirange numrange oid oidvector path pg_lsn pg_node_tree pg_snapshot point polygon real "
    "record refcursor regclass regcollation regconfig regdictionary regnamespace regoper "
    "regoperator regproc regprocedure regrole regtype smallint text tid time timestamp "
    "timestamptz timetz tsmultirange tsquery tsrange tstzmultirange tstzrange tsvector "
    "txid_snapshot unknown uuid varbit varchar void xid xid8 xml";
constexpr auto kTypeTable = MakeNameTable<CountNames(kTypes)>(kTypes);

// The operators of versions 13 to 18, and => before an argument.
constexpr std::string_view kOperators =
    "!! !~ !~* !~~ !~~* != # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / "
    "< <-> << <<= <<| <= <> <@ <^ = => > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ "
    "^@ | |&> |/ |>> || ||/ ~ ~* ~<=~ ~<~ ~= ~>=~ ~>~ ~~ ~~*";
constexpr auto kOperatorTable = MakeNameTable<CountNames(kOperators)>(kOperators);

constexpr std::string_view kJoins = "cross full inner join left natural right";
constexpr auto kJoinTable = MakeNameTable<CountNames(kJoins)>(kJoins);

bool IsNamed(const Token& token, std::string_view lower_case) {
  return ServerName(token).view() == lower_case;
}

// Whether a name has no schema or that of the built-in things.
bool MayBeBuiltIn(const Name& name) {
  return name.parts == 1 || (name.parts == 2 && IsNamed(name.first, "pg_catalog"));
}

}  // namespace

bool IsShardlessFunction(const Name& name) {
  const ServerName last(name.last);
  const std::string_view function = last.view();
  // The helpers of the views of information_schema.
  if (name.parts == 2 && IsNamed(name.first, "information_schema")) {
    return function.substr(0, 4) == "_pg_";
  }
  if (!MayBeBuiltIn(name)) return false;
  if (kSessionFunctionTable.FindLower(function) >= 0) return true;
  return IsHarmlessFunction(function) && kShardFunctionTable.FindLower(function) < 0;
}

bool IsShardlessRelation(const Name& name) {
  if (name.parts == 2 && IsNamed(name.first, "information_schema")) return true;
  if (!MayBeBuiltIn(name)) return false;
  const ServerName last(name.last);
  const bool is_prefixed = last.view().substr(0, 3) == "pg_";
  return (is_prefixed || name.parts == 2) && kShardRelationTable.FindLower(last.view()) < 0;
}

bool IsBuiltInType(const Name& name) {
  if (name.parts == 2 && IsNamed(name.first, "information_schema")) return true;
  return MayBeBuiltIn(name) && kTypeTable.FindLower(ServerName(name.last).view()) >= 0;
}

bool IsBuiltInOperator(std::string_view symbol) {
  return kOperatorTable.FindLower(symbol) >= 0;
}

bool BeginsJoin(std::string_view word) {
  return kJoinTable.Contains(word);
}

bool MayNameColumn(std::string_view word) {
  const KeywordClass word_class = ClassOf(word);
  return word_class != KeywordClass::kReserved && word_class != KeywordClass::kTypeOrFunction;
}

}  // namespace pglynx::sql
