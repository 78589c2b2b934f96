#include "pglynx/sql/touched_settings.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "sql/set_config.h"
#include "sql/words.h"

namespace pglynx::sql {
namespace {

// So that a long text cannot make the search for known names slow.
constexpr size_t kNamesMax = 256;

void Touch(TouchedSettings& touched, std::string name) {
  const bool is_known =
      std::find(touched.names.begin(), touched.names.end(), name) != touched.names.end();
  if (is_known) return;
  if (touched.names.size() < kNamesMax) {
    touched.names.push_back(std::move(name));
  } else {
    touched.unknown = true;
  }
}

// The role goes back to none with every new user of the session.
void TouchUser(TouchedSettings& touched) {
  Touch(touched, "session_authorization");
  Touch(touched, "role");
}

void TouchNamed(TouchedSettings& touched, std::string name) {
  if (name.empty()) {
    touched.unknown = true;
  } else if (name == "session_authorization") {
    TouchUser(touched);
  } else {
    Touch(touched, std::move(name));
  }
}

// Behind RESET.
void FindInReset(Words& words, TouchedSettings& touched) {
  if (words.Peek().kind == TokenKind::kDot) {
    TouchNamed(touched, words.TakeName());
  } else if (words.Take("all")) {
    touched.all = true;
  } else if (words.Take("time")) {
    Touch(touched, "timezone");
  } else if (words.Take("session")) {
    TouchUser(touched);
  } else if (words.Take("transaction")) {
    Touch(touched, "transaction_isolation");
  } else {
    TouchNamed(touched, words.TakeName());
  }
}

// SET forms without an assignment. False if it is none of them.
bool FindInSpecialSet(Words& words, TouchedSettings& touched) {
  if (words.Take("session")) {
    if (!words.At("characteristics") && !words.At("authorization")) return false;
  }
  if (words.Take("characteristics")) {
    Touch(touched, "default_transaction_isolation");
    Touch(touched, "default_transaction_read_only");
    Touch(touched, "default_transaction_deferrable");
  } else if (words.Take("authorization")) {
    TouchUser(touched);
  } else if (words.Take("time")) {
    Touch(touched, "timezone");
  } else if (words.Take("names")) {
    Touch(touched, "client_encoding");
  } else if (words.Take("schema")) {
    Touch(touched, "search_path");
  } else if (words.Take("xml")) {
    Touch(touched, "xmloption");
  } else if (words.Take("role")) {
    Touch(touched, "role");
  } else {
    return false;
  }
  return true;
}

// Behind SET.
void FindInSet(Words& words, TouchedSettings& touched) {
  if (!words.AtParameter()) {
    if (words.At("local")) return;
    words.Take("session");
  }
  if (!words.AtParameter()) {
    if (words.At("transaction") || words.At("constraints")) return;
    if (FindInSpecialSet(words, touched)) return;
  }
  std::string name = words.TakeName();
  // SET x FROM CURRENT is the other form that ends in no value of its own.
  const bool is_set = words.TakeAssignment() || words.At("from");
  TouchNamed(touched, is_set ? std::move(name) : std::string());
}

// At the name of set_config in whatever else a statement is.
void FindInCall(const Words& words, TouchedSettings& touched) {
  Lexer ahead = words.Rest();
  if (ahead.Next().kind != TokenKind::kOpenParen) return;
  const SetConfigCall call = ReadSetConfig(ahead);
  if (!call.is_local) TouchNamed(touched, LowerCase(call.name.value_or("")));
}

}  // namespace

TouchedSettings FindTouchedSettings(std::string_view text, StringSyntax syntax) {
  TouchedSettings touched;
  Words words(text, syntax);
  while (!words.At(TokenKind::kEnd)) {
    if (words.Take("reset")) {
      FindInReset(words, touched);
    } else if (words.Take("set")) {
      FindInSet(words, touched);
    } else if (words.Take("discard")) {
      touched.all = touched.all || words.At("all");
    }
    for (; !words.AtEnd(); words.Skip()) {
      const TokenKind kind = words.token().kind;
      touched.unknown = touched.unknown || kind == TokenKind::kUnicodeWord ||
                        kind == TokenKind::kInvalid || kind == TokenKind::kUnterminated;
      if (IsSetConfig(words.token())) FindInCall(words, touched);
    }
    if (words.At(TokenKind::kSemicolon)) words.Skip();
  }
  return touched;
}

}  // namespace pglynx::sql
