#pragma once

// Which parameters the statements of a text take back to the session's start: RESET x,
// RESET ALL, SET x TO DEFAULT, SET TIME ZONE LOCAL, DISCARD ALL. Pure; asked for texts in
// which Judge() has seen kReset or kDiscard, so its speed does not matter.
//
//   const Resets resets = FindResets(query, StringSyntax::kStandard);
//   if (resets.Includes("TimeZone")) ...

#include <string>
#include <string_view>
#include <vector>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

struct Resets {
  // Compares without case.
  [[nodiscard]] bool Includes(std::string_view name) const;

  // What comes later wins: a SET, or set_config of a constant name, behind a RESET keeps its value.
  void Reset(std::string name);
  void ResetAll();
  void Set(const std::string& name);
  // All of `later` in addition, whatever was set between.
  void Add(const Resets& later);

  bool all = false;                // RESET ALL or DISCARD ALL
  std::vector<std::string> names;  // lower case, in the order of the text
  std::vector<std::string> kept;   // set again behind the RESET ALL
};

Resets FindResets(std::string_view text, StringSyntax syntax);
// The same for a text that runs behind what `resets` was found in.
void FindResets(std::string_view text, StringSyntax syntax, Resets& resets);

}  // namespace pglynx::sql
