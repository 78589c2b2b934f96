#include "pglynx/sql/resets.h"

#include <algorithm>

#include "sql/set_config.h"
#include "sql/words.h"

namespace pglynx::sql {
namespace {

void FindInReset(Words& words, Resets& resets) {
  if (words.Take("all")) {
    resets.ResetAll();
  } else if (words.Take("time")) {
    resets.Reset("timezone");
  } else {
    std::string name = words.TakeName();
    if (!name.empty()) resets.Reset(std::move(name));
  }
}

// Behind SET. SET LOCAL holds to the end of its transaction only.
void FindInSet(Words& words, Resets& resets) {
  words.Take("session");
  std::string name;
  if (words.Take("time")) {
    words.Take("zone");
    name = "timezone";
  } else {
    name = words.TakeName();
    if (name.empty() || !words.TakeAssignment()) return;
  }
  if (words.At("default") || (name == "timezone" && words.At("local"))) {
    resets.Reset(std::move(name));
  } else {
    resets.Set(name);
  }
}

// At the name of set_config.
void FindInCall(const Words& words, Resets& resets) {
  Lexer ahead = words.Rest();
  if (ahead.Next().kind != TokenKind::kOpenParen) return;
  const SetConfigCall call = ReadSetConfig(ahead);
  if (call.name.has_value() && !call.is_local) resets.Set(LowerCase(*call.name));
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [name](const std::string& known) { return EqualsIgnoreCase(name, known); });
}

}  // namespace

bool Resets::Includes(std::string_view name) const {
  return Contains(names, name) || (all && !Contains(kept, name));
}

void Resets::Reset(std::string name) {
  std::erase(kept, name);
  names.push_back(std::move(name));
}

void Resets::ResetAll() {
  all = true;
  names.clear();
  kept.clear();
}

void Resets::Set(const std::string& name) {
  std::erase(names, name);
  if (all) kept.push_back(name);
}

void Resets::Add(const Resets& later) {
  if (later.all) {
    all = true;
    kept.clear();
  }
  for (const std::string& name : later.names) {
    if (!Contains(names, name)) names.push_back(name);
  }
}

Resets FindResets(std::string_view text, StringSyntax syntax) {
  Resets resets;
  FindResets(text, syntax, resets);
  return resets;
}

void FindResets(std::string_view text, StringSyntax syntax, Resets& resets) {
  Words words(text, syntax);
  while (!words.At(TokenKind::kEnd)) {
    if (words.Take("reset")) {
      FindInReset(words, resets);
    } else if (words.Take("set")) {
      FindInSet(words, resets);
    } else if (words.Take("discard") && words.At("all")) {
      resets.ResetAll();
    }
    for (; !words.AtEnd(); words.Skip()) {
      if (IsSetConfig(words.token())) FindInCall(words, resets);
    }
    if (words.At(TokenKind::kSemicolon)) words.Skip();
  }
}

}  // namespace pglynx::sql
