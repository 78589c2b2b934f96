#pragma once

// Which session parameters (GUCs) the statements of a text may change beyond the end of their
// transaction: asked for texts in which Judge() has seen kSetsUntracked, kSets, kReset or
// kDiscard, so its speed does not matter. Pure.
//
//   const TouchedSettings touched = FindTouchedSettings(query, StringSyntax::kStandard);

#include <string>
#include <string_view>
#include <vector>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

struct TouchedSettings {
  // Lower case, dots included, each once, in the order of the text. SET x, SET SESSION x,
  // RESET x and set_config('x', …) that is not surely local; SET TIME ZONE is timezone, SET NAMES
  // client_encoding, SET SCHEMA search_path, SET XML OPTION xmloption, SET ROLE role, SET SESSION
  // AUTHORIZATION session_authorization and role, SET SESSION CHARACTERISTICS AS TRANSACTION
  // default_transaction_isolation, default_transaction_read_only and
  // default_transaction_deferrable. Not SET LOCAL, SET TRANSACTION, SET CONSTRAINTS.
  std::vector<std::string> names;
  bool all = false;  // RESET ALL or DISCARD ALL
  // set_config of a name that the text does not say, a form that is not known, broken text, or
  // more than 256 names.
  bool unknown = false;
};

TouchedSettings FindTouchedSettings(std::string_view text, StringSyntax syntax);

}  // namespace pglynx::sql
