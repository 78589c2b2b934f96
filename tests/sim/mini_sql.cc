#include "sim/mini_sql.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "pglynx/sql/lexer.h"

namespace pglynx::sim {
namespace {

using sql::Lexer;
using sql::StringSyntax;
using sql::Token;
using sql::TokenKind;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return lower;
}

std::string Unquote(std::string_view quoted) {
  const char quote = quoted[0];
  std::string content;
  for (size_t i = 1; i + 1 < quoted.size(); ++i) {
    content += quoted[i];
    if (quoted[i] == quote) ++i;
  }
  return content;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), lexer_(text, StringSyntax::kStandard) {
    Advance();
  }

  MiniStatement Run() {
    MiniStatement statement = Command();
    if (!ok_ || token_.kind != TokenKind::kEnd) statement.kind = StatementKind::kSyntaxError;
    statement.text = text_;
    return statement;
  }

 private:
  void Advance() { token_ = lexer_.Next(); }
  bool At(std::string_view word) const {
    return token_.kind == TokenKind::kWord && sql::EqualsIgnoreCase(token_.text(), word);
  }
  bool Take(std::string_view word) {
    if (!At(word)) return false;
    Advance();
    return true;
  }
  bool Take(TokenKind kind) {
    if (token_.kind != kind) return false;
    Advance();
    return true;
  }
  void Need(bool taken) { ok_ = ok_ && taken; }

  // A name, folded as Postgres folds it; empty if there is none.
  std::string Name() {
    std::string name;
    if (token_.kind == TokenKind::kWord) name = Lower(token_.text());
    if (token_.kind == TokenKind::kQuotedWord) name = Unquote(token_.text());
    Need(!name.empty());
    if (!name.empty()) Advance();
    return name;
  }

  // A string, number or word, as a value of SET.
  std::string Value() {
    std::string value;
    if (token_.kind == TokenKind::kString) {
      value = Unquote(token_.text());
    } else if (token_.kind == TokenKind::kNumber || token_.kind == TokenKind::kWord) {
      value = token_.text();
    } else {
      Need(false);
      return value;
    }
    Advance();
    return value;
  }

  MiniStatement Of(StatementKind kind) {
    MiniStatement statement;
    statement.kind = kind;
    return statement;
  }
  MiniStatement Named(StatementKind kind) {
    MiniStatement statement = Of(kind);
    statement.name = Name();
    return statement;
  }

  MiniStatement Command() {
    if (token_.kind == TokenKind::kEnd) return Of(StatementKind::kEmpty);
    if (Take("select")) return Select();
    if (Take("show")) return Named(StatementKind::kShow);
    if (Take("set")) return Set();
    if (Take("reset")) {
      return Take("all") ? Of(StatementKind::kResetAll) : Named(StatementKind::kReset);
    }
    if (Take("begin")) return Of(StatementKind::kBegin);
    if (Take("commit")) return Of(StatementKind::kCommit);
    if (Take("rollback")) {
      if (!Take("to")) return Of(StatementKind::kRollback);
      Take("savepoint");
      return Named(StatementKind::kRollbackTo);
    }
    if (Take("savepoint")) return Named(StatementKind::kSavepoint);
    if (Take("copy")) return Copy();
    if (Take("listen")) return Named(StatementKind::kListen);
    if (Take("notify")) return Named(StatementKind::kNotify);
    if (Take("execute")) return Execute();
    if (Take("deallocate")) {
      return Take("all") ? Of(StatementKind::kDeallocateAll) : Named(StatementKind::kDeallocate);
    }
    return LongCommand();
  }

  MiniStatement LongCommand() {
    if (Take("discard")) {
      MiniStatement statement = Named(StatementKind::kDiscard);
      Need(statement.name == "all" || statement.name == "sequences" || statement.name == "temp" ||
           statement.name == "plans");
      return statement;
    }
    if (Take("release")) {
      Take("savepoint");
      return Named(StatementKind::kRelease);
    }
    if (Take("unlisten")) {
      MiniStatement statement = Of(StatementKind::kUnlisten);
      if (!Take(TokenKind::kOperator)) statement.name = Name();
      return statement;
    }
    if (Take("create")) {
      Need(Take("temp"));
      Need(Take("table"));
      MiniStatement statement = Named(StatementKind::kCreateTemp);
      Need(Take(TokenKind::kOpenParen) && Take("x") && Take("text"));
      Need(Take(TokenKind::kCloseParen));
      return statement;
    }
    if (Take("drop")) {
      Need(Take("table"));
      return Named(StatementKind::kDropTable);
    }
    if (Take("insert")) return Insert();
    if (Take("prepare")) {
      MiniStatement statement = Named(StatementKind::kPrepare);
      Need(At("as"));
      if (!ok_) return statement;
      statement.value = text_.substr(static_cast<size_t>(token_.begin - text_.data()) + 2);
      Advance();
      // The inner statement is part of this one's syntax.
      const bool select = Take("select");
      Need(select || Take("insert"));
      if (!ok_) return statement;
      if (select) {
        Select();
      } else {
        Insert();
      }
      return statement;
    }
    return Of(StatementKind::kSyntaxError);
  }

  MiniStatement Insert() {
    Need(Take("into"));
    MiniStatement statement = Named(StatementKind::kInsert);
    Need(Take("values") && Take(TokenKind::kOpenParen));
    statement.items.push_back(Item());
    Need(Take(TokenKind::kCloseParen));
    return statement;
  }

  MiniStatement Execute() {
    MiniStatement statement = Named(StatementKind::kExecute);
    if (Take(TokenKind::kOpenParen)) statement.arguments = Arguments();
    return statement;
  }

  // Up to the closing parenthesis.
  std::vector<std::string> Arguments() {
    std::vector<std::string> arguments;
    while (ok_ && token_.kind != TokenKind::kCloseParen) {
      arguments.push_back(Value());
      if (token_.kind != TokenKind::kCloseParen) Need(Take(TokenKind::kComma));
    }
    Need(Take(TokenKind::kCloseParen));
    return arguments;
  }

  MiniStatement Set() {
    MiniStatement statement = Of(Take("local") ? StatementKind::kSetLocal : StatementKind::kSet);
    Take("session");
    statement.name = Name();
    if (!Take("to")) Need(token_.text() == "=" && Take(TokenKind::kOperator));
    if (At("default")) {
      Advance();
      statement.to_default = true;
      return statement;
    }
    statement.value = Value();
    while (Take(TokenKind::kComma)) statement.value += ", " + Value();
    return statement;
  }

  MiniStatement Copy() {
    if (Take(TokenKind::kOpenParen)) {
      Need(Take("select"));
      MiniStatement statement = Select();
      statement.kind = StatementKind::kCopyOut;
      Need(Take(TokenKind::kCloseParen) && Take("to") && Take("stdout"));
      return statement;
    }
    MiniStatement statement = Named(StatementKind::kCopyIn);
    Need(Take("from") && Take("stdin"));
    return statement;
  }

  MiniStatement Select() {
    MiniStatement statement = Of(StatementKind::kSelect);
    do {
      statement.items.push_back(Item());
    } while (ok_ && Take(TokenKind::kComma));
    if (!Take("from")) return statement;
    statement.table = Name();
    if (statement.table != "generate_series" || !Take(TokenKind::kOpenParen)) return statement;
    statement.table.clear();
    statement.from_series = true;
    Value();
    Need(Take(TokenKind::kComma));
    const std::string last = Value();
    std::from_chars(last.data(), last.data() + last.size(), statement.series);
    Need(Take(TokenKind::kCloseParen));
    return statement;
  }

  SelectItem Item() {
    SelectItem item;
    switch (token_.kind) {
      case TokenKind::kString:
        item.text = Value();
        return item;
      case TokenKind::kNumber:
        item.kind = SelectItem::Kind::kNumber;
        item.text = Value();
        if (token_.text() == "/" && Take(TokenKind::kOperator)) {
          item.kind = SelectItem::Kind::kDivision;
          Need(Value() == "0");
        }
        return item;
      case TokenKind::kParameter:
        item.kind = SelectItem::Kind::kParameter;
        item.text = token_.text().substr(1);
        Advance();
        return item;
      default:
        break;
    }
    item.kind = SelectItem::Kind::kColumn;
    item.text = Name();
    if (item.text == "pg_catalog" && Take(TokenKind::kDot)) item.text = Name();
    if (!Take(TokenKind::kOpenParen)) return item;
    item.kind = SelectItem::Kind::kCall;
    item.arguments = Arguments();
    return item;
  }

  std::string_view text_;
  Lexer lexer_;
  Token token_;
  bool ok_ = true;
};

uint32_t TakeNumber(std::string_view text, size_t& at) {
  uint32_t number = 0;
  const auto result = std::from_chars(text.data() + at, text.data() + text.size(), number);
  at = static_cast<size_t>(result.ptr - text.data());
  return number;
}

}  // namespace

size_t MiniStatement::ParameterCount() const {
  size_t count = 0;
  for (const SelectItem& item : items) {
    if (item.kind != SelectItem::Kind::kParameter) continue;
    size_t at = 0;
    count = std::max(count, size_t{TakeNumber(item.text, at)});
  }
  return count;
}

std::vector<std::string> SplitStatements(std::string_view text) {
  std::vector<std::string> statements;
  Lexer lexer(text, StringSyntax::kStandard);
  size_t begin = 0;
  bool blank = true;
  for (;;) {
    const Token token = lexer.Next();
    const bool at_end = token.kind == TokenKind::kEnd;
    if (!at_end && token.kind != TokenKind::kSemicolon) {
      blank = false;
      continue;
    }
    const size_t end = at_end ? text.size() : static_cast<size_t>(token.begin - text.data());
    if (!blank) {
      statements.emplace_back(text.substr(begin, end - begin));
    } else if (at_end && !statements.empty()) {
      statements.back() += text.substr(begin, end - begin);  // a comment behind the last one
    }
    if (at_end) return statements;
    begin = end + 1;
    blank = true;
  }
}

MiniStatement ParseStatement(std::string_view text) {
  return Parser(text).Run();
}

Marker FindMarker(std::string_view text) {
  constexpr std::string_view kPrefix = "client-";
  const size_t found = text.find(kPrefix);
  if (found == std::string_view::npos) return {};
  size_t at = found + kPrefix.size();
  Marker marker;
  marker.client = TakeNumber(text, at);
  if (at < text.size() && text[at] == '/') {
    ++at;
    marker.number = TakeNumber(text, at);
  }
  return marker;
}

}  // namespace pglynx::sim
