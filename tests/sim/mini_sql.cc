#include "sim/mini_sql.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "pglynx/sql/lexer.h"
#include "session/state_probe.h"
#include "sim/session_syntax.h"
#include "sim/sql_reader.h"

namespace pglynx::sim {
namespace {

using sql::Lexer;
using sql::StringSyntax;
using sql::Token;
using sql::TokenKind;

class Parser : private SqlReader {
 public:
  explicit Parser(std::string_view text) : SqlReader(text) {}

  MiniStatement Run() {
    MiniStatement statement = Command();
    if (!ok() || !AtEnd()) statement.kind = StatementKind::kSyntaxError;
    statement.text = text();
    return statement;
  }

 private:
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
    if (AtEnd()) return Of(StatementKind::kEmpty);
    if (Take("select")) return Select();
    if (IsSettingCommand(*this)) return ParseSetting(*this);
    if (IsTransactionCommand(*this)) return ParseTransaction(*this);
    if (Take("copy")) return Copy();
    if (Take("listen")) return Named(StatementKind::kListen);
    if (Take("notify")) return Named(StatementKind::kNotify);
    if (Take("execute")) return Execute();
    if (Take("deallocate")) {
      Take("prepare");
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
    if (Take("prepare")) return Prepare();
    return Of(StatementKind::kSyntaxError);
  }

  // The inner statement is part of this one's syntax.
  MiniStatement Prepare() {
    MiniStatement statement = Named(StatementKind::kPrepare);
    if (Take(TokenKind::kOpenParen)) {
      do {
        Need(Take("text"));
        ++statement.declared;
      } while (ok() && Take(TokenKind::kComma));
      Need(Take(TokenKind::kCloseParen));
    }
    Need(At("as"));
    if (!ok()) return statement;
    statement.value = text().substr(position() + 2);
    Advance();
    if (Take("select")) {
      Select();
    } else {
      Need(Take("insert"));
      if (ok()) Insert();
    }
    return statement;
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
    } while (ok() && Take(TokenKind::kComma));
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
    switch (token().kind) {
      case TokenKind::kString:
        item.text = Value();
        return item;
      case TokenKind::kNumber:
        item.kind = SelectItem::Kind::kNumber;
        item.text = Value();
        if (TakeOperator("/")) {
          item.kind = SelectItem::Kind::kDivision;
          Need(Value() == "0");
        }
        return item;
      case TokenKind::kParameter:
        item.kind = SelectItem::Kind::kParameter;
        item.text = token().text().substr(1);
        Advance();
        return item;
      default:
        break;
    }
    if (Take("case")) return OwnSetting();
    item.kind = SelectItem::Kind::kColumn;
    item.text = Name();
    if (item.text == "pg_catalog" && Take(TokenKind::kDot)) item.text = Name();
    if (!Take(TokenKind::kOpenParen)) return item;
    item.kind = SelectItem::Kind::kCall;
    item.arguments = Arguments();
    return item;
  }

  // Behind CASE. Its condition is read by the one word in it that matters.
  SelectItem OwnSetting() {
    bool asks = false;
    while (!AtEnd() && !At("then")) {
      asks = asks || token().text() == "'session'";
      Advance();
    }
    Need(asks && Take("then"));
    if (!ok()) return {};
    const SelectItem call = Item();
    Need(call.kind == SelectItem::Kind::kCall && call.text == "current_setting" &&
         !call.arguments.empty() && Take("end"));
    if (!ok()) return {};
    return {SelectItem::Kind::kOwnSetting, call.arguments[0], {}};
  }
};

// Its five columns, numbered; its text is beyond this parser.
MiniStatement Probe(std::string_view text) {
  constexpr int kColumns = 5;
  MiniStatement statement;
  statement.kind = StatementKind::kSelect;
  statement.text = text;
  for (int i = 0; i < kColumns; ++i) {
    statement.items.push_back({SelectItem::Kind::kHeld, std::to_string(i), {}});
  }
  return statement;
}

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
  std::string_view trimmed = text;
  while (trimmed.starts_with(' ')) trimmed.remove_prefix(1);
  while (trimmed.ends_with(' ')) trimmed.remove_suffix(1);
  if (trimmed == session::kStateProbe) return Probe(text);
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
