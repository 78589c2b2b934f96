#include "sql/keywords.h"

#include "sql/name_table.h"

namespace pglynx::sql {
namespace {

// Words that became key words after version 15 are among these, whatever they are there:
// on an older server they may name a function.
constexpr std::string_view kUnreserved =
    "abort absent absolute access action add admin after aggregate also alter always asensitive "
    "assertion assignment at atomic attach attribute backward before begin breadth by cache call "
    "called cascade cascaded catalog chain characteristics checkpoint class close cluster columns "
    "comment comments commit committed compression conditional configuration conflict connection "
    "constraints content continue conversion copy cost csv cube current cursor cycle data "
    "database day deallocate declare defaults deferred definer delete delimiter delimiters "
    "depends depth detach dictionary disable discard document domain double drop each empty "
    "enable encoding encrypted enforced enum error escape event exclude excluding exclusive "
    "execute explain expression extension external family filter finalize first following force "
    "format forward function functions generated global granted groups handler header hold hour "
    "identity if ignore immediate immutable implicit import include including increment indent "
    "index indexes inherit inherits inline input insensitive insert instead invoker isolation "
    "keep key keys label language large last leakproof level listen load local location lock "
    "locked logged mapping match matched materialized maxvalue merge method minute minvalue mode "
    "month move name names nested new next nfc nfd nfkc nfkd no normalized nothing notify nowait "
    "nulls object objects of off oids old omit operator option options ordinality others over "
    "overriding owned owner parallel parameter parser partial partition passing password path "
    "period plan plans policy preceding prepare prepared preserve prior privileges procedural "
    "procedure procedures program publication quote quotes range read reassign recheck recursive "
    "ref referencing refresh reindex relative release rename repeatable replace replica reset "
    "respect restart restrict return returns revoke role rollback rollup routine routines rows "
    "rule savepoint scalar schema schemas scroll search second security sequence sequences "
    "serializable server session set sets share show simple skip snapshot source sql stable "
    "standalone start statement statistics stdin stdout storage stored strict string strip "
    "subscription support sysid system tables tablespace target temp template temporary text ties "
    "transaction transform trigger truncate trusted type types uescape unbounded uncommitted "
    "unconditional unencrypted unknown unlisten unlogged until update vacuum valid validate "
    "validator value varying version view views virtual volatile whitespace within without work "
    "wrapper write xml year yes zone";

constexpr std::string_view kTypeOrFunction =
    "authorization binary collation concurrently cross current_schema freeze full ilike inner is "
    "isnull join left like natural notnull outer overlaps right similar tablesample verbose";

constexpr std::string_view kColumn =
    "between bigint bit boolean char character coalesce dec decimal exists extract float greatest "
    "grouping inout int integer interval least national nchar none normalize nullif numeric out "
    "overlay position precision real row setof smallint substring time timestamp treat trim "
    "values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse "
    "xmlpi xmlroot xmlserialize xmltable";

constexpr std::string_view kReserved =
    "all analyse analyze and any array as asc asymmetric both case cast check collate column "
    "constraint create current_catalog current_date current_role current_time current_timestamp "
    "current_user default deferrable desc distinct do else end except false fetch for foreign "
    "from grant group having in initially intersect into lateral leading limit localtime "
    "localtimestamp not null offset on only or order placing primary references returning select "
    "session_user some symmetric table then to trailing true union unique user using "
    "variadic when where window with";

constexpr auto kUnreservedTable = MakeNameTable<CountNames(kUnreserved)>(kUnreserved);
constexpr auto kTypeOrFunctionTable = MakeNameTable<CountNames(kTypeOrFunction)>(kTypeOrFunction);
constexpr auto kColumnTable = MakeNameTable<CountNames(kColumn)>(kColumn);
constexpr auto kReservedTable = MakeNameTable<CountNames(kReserved)>(kReserved);

}  // namespace

KeywordClass ClassOf(std::string_view word) {
  const FoldedName folded(word);
  if (kReservedTable.FindLower(folded.view()) >= 0) return KeywordClass::kReserved;
  if (kColumnTable.FindLower(folded.view()) >= 0) return KeywordClass::kColumn;
  if (kTypeOrFunctionTable.FindLower(folded.view()) >= 0) return KeywordClass::kTypeOrFunction;
  if (kUnreservedTable.FindLower(folded.view()) >= 0) return KeywordClass::kUnreserved;
  return KeywordClass::kNone;
}

}  // namespace pglynx::sql
