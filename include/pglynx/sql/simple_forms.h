#pragma once

// Texts of one short statement which a pooler can answer itself, known exactly: the beginning
// and the end of a transaction, SET x TO v, SHOW x. Anything else, even two statements or a
// form of a later version, is kOther; so is any text with bytes beyond ASCII, which the server
// might refuse, and one with a name that it would cut. Comments, white space, case and one
// closing semicolon (or several) do not matter. Pure; linear; allocates nothing; quick to say no
// by the first word.
//
//   const SimpleForm form = FindSimpleForm(query, StringSyntax::kStandard);
//   if (form.kind == SimpleForm::Kind::kBegin) ...

#include <cstdint>
#include <string_view>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

struct SimpleForm {
  enum class Kind : uint8_t {
    kOther,
    kBegin,     // BEGIN [WORK | TRANSACTION] or START TRANSACTION, with or without modes
    kCommit,    // COMMIT | END [WORK | TRANSACTION] [AND NO CHAIN]
    kRollback,  // ROLLBACK | ABORT [WORK | TRANSACTION] [AND NO CHAIN]; not TO SAVEPOINT
    kSet,       // SET [SESSION] name {TO | =} value: one word, number (with its sign) or string
    kShow,      // SHOW name, SHOW TIME ZONE (name is timezone); not SHOW ALL
    kDiscardAll,
    kDeallocateAll,  // DEALLOCATE [PREPARE] ALL
  };
  Kind kind = Kind::kOther;
  // kBegin: it began with START (whose tag is "START TRANSACTION"), not BEGIN ("BEGIN").
  bool starts = false;
  // kBegin: transaction modes were given (ISOLATION LEVEL …, READ ONLY, READ WRITE, [NOT]
  // DEFERRABLE, separated by commas or not).
  bool has_modes = false;
  // kSet, kShow: points into the text: an unquoted or quoted word without dots inside quotes,
  // or several unquoted ones joined by dots with no blanks between (app.tenant). Not folded,
  // without quotes. Names with special syntax are not simple: role, session_authorization,
  // names, schema, time (zone), xml, transaction, session, local, constraints,
  // characteristics; nor are those that are no settings of a session: seed, and
  // transaction_isolation, _read_only and _deferrable.
  std::string_view name;
  // kSet: the token(s) of the value as written, quotes and sign included. Never DEFAULT; never a
  // list; a string is '…' only, without backslash (E'…', U&'…', $$…$$ are kOther); nothing that
  // spells pg_temp, which as a search_path makes the next new table a temporary one.
  std::string_view value;
};

SimpleForm FindSimpleForm(std::string_view text, StringSyntax syntax);

}  // namespace pglynx::sql
