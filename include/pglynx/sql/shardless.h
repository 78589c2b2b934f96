#pragma once

// Whether the answer to a text may depend on the shard that gives it, read from the text alone:
// what decides, together with what the client has chosen, which shard it is sent to. Pure; linear
// in the text; allocates nothing; quick to say yes by the first word of INSERT, UPDATE, DELETE and
// of any other command that is not listed below.
//
// No shard is needed only by a text of which every statement is one of these:
//   - BEGIN, START, COMMIT, END, ROLLBACK, ABORT, SAVEPOINT, RELEASE; SET, RESET, SHOW; DISCARD,
//     and the parts of DISCARD ALL: DEALLOCATE, CLOSE ALL, UNLISTEN *. Not: what names a prepared
//     transaction or an exported snapshot;
//   - SELECT, VALUES or WITH that reads relations of pg_catalog and information_schema alone
//     (named with their schema, or without one and beginning with pg_), or none; calls nothing but
//     built-in functions that are harmless (src/sql/harmless_functions.h), act on nothing outside
//     the statement and tell nothing of rows, transactions or the log; casts to built-in types;
//     has no INTO and no FOR UPDATE or SHARE;
//   - nothing at all.
// What is not understood needs a shard: rarer clauses (WINDOW, FETCH, TABLESAMPLE, GROUPING SETS),
// nesting deeper than 32, more than 32 names of WITH at a time, broken text, U&"..." names.
//
// What a text cannot show, as with Judge(): user-defined operators and overloads that look like
// built-in ones, a function called as row.name, relations of users whose names begin with pg_
// (those of extensions, say), search paths in which another schema hides pg_catalog. Catalogs
// count as equal on all shards, statistics among them.
//
//   if (NeedsShard(query, StringSyntax::kStandard)) Bind(client); else UseHomeShard(client);

#include <string_view>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

// Encodings: as Lexer.
bool NeedsShard(std::string_view text, StringSyntax syntax);

}  // namespace pglynx::sql
