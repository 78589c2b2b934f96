#include "pglynx/sql/shardless.h"

#include <algorithm>

#include "sql/name_table.h"
#include "sql/shardless_names.h"
#include "sql/shardless_reader.h"

namespace pglynx::sql {
namespace {

constexpr std::string_view kCommands =
    "abort begin close commit deallocate discard end release reset rollback savepoint set show "
    "start unlisten";
constexpr auto kCommandTable = MakeNameTable<CountNames(kCommands)>(kCommands);

// One that the server takes as it stands: not cut, no doubled quotes, and no letters that some
// encodings fold and others do not.
bool IsPlainName(const Token& token) {
  const ServerName server_name(token);
  const std::string_view name = server_name.view();
  if (name.empty() || name.size() > kNameBytesMax) return false;
  return std::all_of(name.begin(), name.end(), [](char byte) {
    return byte != '"' && static_cast<unsigned char>(byte) < 0x80;
  });
}

}  // namespace

bool ShardlessReader::Text() {
  while (!words_.At(TokenKind::kEnd)) {
    if (words_.At(TokenKind::kSemicolon)) {
      words_.Skip();
    } else if (!Statement()) {
      return false;
    }
  }
  return true;
}

bool ShardlessReader::Statement() {
  const Token& first = words_.token();
  const bool is_command = first.kind == TokenKind::kWord && kCommandTable.Contains(first.text());
  return (is_command ? Command() : Query()) && words_.AtEnd();
}

bool ShardlessReader::Command() {
  if (words_.Take("commit") || words_.Take("rollback")) {
    return !words_.At("prepared") && CommandRest();
  }
  if (words_.Take("set")) {
    if (!words_.Take("session")) words_.Take("local");
    if (words_.Take("transaction") && words_.At("snapshot")) return false;
    return CommandRest();
  }
  if (words_.Take("close")) return words_.Take("all");
  if (words_.Take("unlisten")) return words_.token().text() == "*" && CommandRest();
  return CommandRest();
}

// In these commands no expression can stand, and nothing with a semicolon in it.
bool ShardlessReader::CommandRest() {
  for (; !words_.AtEnd(); words_.Skip()) {
    if (words_.At(TokenKind::kInvalid) || words_.At(TokenKind::kUnterminated)) return false;
  }
  return true;
}

// Its WITH list counts as long as it does.
bool ShardlessReader::Query() {
  const size_t known = with_name_count_;
  if (words_.Take("with") && !WithList()) return false;
  if (!QueryTerm() || !QueryRest()) return false;
  with_name_count_ = known;
  return true;
}

// A name is not known in its own query and those before it, unless the list is recursive; and
// then those behind it are not looked for, although the server would.
bool ShardlessReader::WithList() {
  const bool is_recursive = words_.Take("recursive");
  do {
    const Token name = words_.token();
    if (!words_.AtIdentifier()) return false;
    words_.Skip();
    if (words_.At(TokenKind::kOpenParen) && !NameList()) return false;
    if (!words_.Take("as")) return false;
    words_.Take("not");
    words_.Take("materialized");
    if (is_recursive && !AddWithName(name)) return false;
    if (!Open(TokenKind::kOpenParen) || !Query() || !Close(TokenKind::kCloseParen)) return false;
    if (!is_recursive && !AddWithName(name)) return false;
  } while (TakeComma());
  return true;
}

bool ShardlessReader::QueryTerm() {
  if (words_.Take("select")) return Select();
  if (words_.Take("values")) return Expressions();
  return words_.At(TokenKind::kOpenParen) && Parenthesis();
}

// What may follow a query, and what of it may follow the arguments of a call.
bool ShardlessReader::QueryRest() {
  while (true) {
    if (words_.Take("union") || words_.Take("intersect") || words_.Take("except")) {
      if (!words_.Take("all")) words_.Take("distinct");
      if (!QueryTerm()) return false;
    } else if (words_.Take("order")) {
      if (!words_.Take("by") || !Expressions()) return false;
    } else if (words_.Take("limit") || words_.Take("offset")) {
      if (!Expressions()) return false;
    } else {
      return true;
    }
  }
}

bool ShardlessReader::Select() {
  if (words_.Take("distinct") && words_.Take("on") && !Parenthesis()) return false;
  if (!Expressions()) return false;
  if (words_.Take("from") && !FromList()) return false;
  if (words_.Take("where") && !Expressions()) return false;
  if (words_.Take("group") && (!words_.Take("by") || !Expressions())) return false;
  return !words_.Take("having") || Expressions();
}

bool ShardlessReader::FromList() {
  do {
    if (!FromItem() || !Joins()) return false;
  } while (TakeComma());
  return true;
}

bool ShardlessReader::FromItem() {
  if (!words_.Take("only")) words_.Take("lateral");
  if (words_.At(TokenKind::kOpenParen)) return FromParenthesis() && Alias();
  Name name;
  if (!TakeName(name)) return false;
  if (words_.At(TokenKind::kOpenParen)) {
    if (!Call(name) || (words_.Take("with") && !words_.Take("ordinality"))) return false;
  } else {
    if (!IsShardlessRelation(name) && !IsWithName(name)) return false;
    if (words_.token().text() == "*") words_.Skip();  // with the tables that inherit from it
  }
  return Alias();
}

// A query or joined relations; in FROM ((SELECT 1) UNION SELECT 2) first the one, then the other.
bool ShardlessReader::FromParenthesis() {
  if (!Open(TokenKind::kOpenParen)) return false;
  const bool is_understood = AtQuery() ? Query() : FromList() && QueryRest();
  return is_understood && Close(TokenKind::kCloseParen);
}

bool ShardlessReader::Joins() {
  while (true) {
    if (words_.Take("on")) {
      if (!Expressions(Until::kJoin)) return false;
    } else if (words_.Take("using")) {
      if (!NameList() || !Alias()) return false;
    } else if (words_.At(TokenKind::kWord) && BeginsJoin(words_.token().text())) {
      words_.Take("natural");
      if (words_.Take("left") || words_.Take("right") || words_.Take("full")) {
        words_.Take("outer");
      } else if (!words_.Take("inner")) {
        words_.Take("cross");
      }
      if (!words_.Take("join") || !FromItem()) return false;
    } else {
      return true;
    }
  }
}

// [[AS] name [(columns)]]. Columns with types have a type to be looked at and are not understood.
bool ShardlessReader::Alias() {
  const bool has_as = words_.Take("as");
  const bool is_name =
      words_.At(TokenKind::kWord) ? MayNameColumn(words_.token().text()) : words_.AtIdentifier();
  if (!is_name) return !has_as;
  words_.Skip();
  return !words_.At(TokenKind::kOpenParen) || NameList();
}

bool ShardlessReader::NameList() {
  if (!Open(TokenKind::kOpenParen)) return false;
  do {
    if (!words_.AtIdentifier()) return false;
    words_.Skip();
  } while (TakeComma());
  return Close(TokenKind::kCloseParen);
}

// With all its parts, but for the * of t.*
bool ShardlessReader::TakeName(Name& name) {
  if (!words_.AtIdentifier()) return false;
  name = {words_.token(), words_.token(), 1};
  words_.Skip();
  while (words_.At(TokenKind::kDot)) {
    words_.Skip();
    ++name.parts;
    if (!words_.AtIdentifier()) return words_.token().text() == "*";
    name.last = words_.token();
    words_.Skip();
  }
  return true;
}

bool ShardlessReader::TakeComma() {
  if (!words_.At(TokenKind::kComma)) return false;
  words_.Skip();
  return true;
}

bool ShardlessReader::Open(TokenKind kind) {
  if (!words_.At(kind) || depth_ == kDepthMax) return false;
  ++depth_;
  words_.Skip();
  return true;
}

bool ShardlessReader::Close(TokenKind kind) {
  if (!words_.At(kind)) return false;
  --depth_;
  words_.Skip();
  return true;
}

bool ShardlessReader::AddWithName(const Token& name) {
  if (with_name_count_ == kWithNamesMax) return false;
  with_names_[with_name_count_++] = name;
  return true;
}

bool ShardlessReader::IsWithName(const Name& name) const {
  if (with_name_count_ == 0 || name.parts > 1 || !IsPlainName(name.first)) return false;
  const ServerName wanted(name.first);
  return std::any_of(with_names_.begin(),
                     with_names_.begin() + static_cast<std::ptrdiff_t>(with_name_count_),
                     [&](const Token& known) { return ServerName(known).view() == wanted.view(); });
}

bool NeedsShard(std::string_view text, StringSyntax syntax) {
  return !ShardlessReader(text, syntax).Text();
}

}  // namespace pglynx::sql
