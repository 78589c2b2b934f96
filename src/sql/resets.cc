#include "pglynx/sql/resets.h"

#include <algorithm>

namespace pglynx::sql {
namespace {

// One statement's words, as far as they matter: keywords and names, folded.
class Words {
 public:
  Words(Lexer& lexer, Token& token) : lexer_(lexer), token_(token) {}

  [[nodiscard]] bool At(std::string_view lower_case) const {
    return token_.kind == TokenKind::kWord && EqualsIgnoreCase(token_.text(), lower_case);
  }
  bool Take(std::string_view lower_case) {
    if (!At(lower_case)) return false;
    token_ = lexer_.Next();
    return true;
  }
  [[nodiscard]] bool AtEnd() const {
    return token_.kind == TokenKind::kEnd || token_.kind == TokenKind::kSemicolon;
  }
  void Skip() { token_ = lexer_.Next(); }

  // A parameter's name with its dots; empty if there is none.
  std::string TakeName() {
    std::string name;
    while (token_.kind == TokenKind::kWord || token_.kind == TokenKind::kQuotedWord) {
      const bool quoted = token_.kind == TokenKind::kQuotedWord;
      for (const char c : quoted ? QuotedContent(token_) : token_.text()) {
        name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
      }
      Skip();
      if (token_.kind != TokenKind::kDot) break;
      name += '.';
      Skip();
    }
    return name;
  }
  bool TakeAssignment() {
    if (Take("to")) return true;
    if (token_.kind != TokenKind::kOperator || token_.text() != "=") return false;
    Skip();
    return true;
  }

 private:
  Lexer& lexer_;
  Token& token_;
};

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

}  // namespace

namespace {

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
  Lexer lexer(text, syntax);
  Token token = lexer.Next();
  Words words(lexer, token);
  while (token.kind != TokenKind::kEnd) {
    if (words.Take("reset")) {
      FindInReset(words, resets);
    } else if (words.Take("set")) {
      FindInSet(words, resets);
    } else if (words.Take("discard") && words.At("all")) {
      resets.ResetAll();
    }
    while (!words.AtEnd()) words.Skip();
    if (token.kind == TokenKind::kSemicolon) token = lexer.Next();
  }
}

}  // namespace pglynx::sql
