#include "sim/session_syntax.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

namespace pglynx::sim {
namespace {

using sql::TokenKind;

bool IsOneOf(const SqlReader& reader, std::span<const std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&reader](std::string_view word) { return reader.At(word); });
}

// Their order and number do not matter. In a transaction they change nothing here; `defaults` are
// the parameters that say what they are where nothing is said.
void TakeModes(SqlReader& reader, std::vector<std::string>& defaults) {
  constexpr auto kFirst =
      std::to_array<std::string_view>({"isolation", "read", "not", "deferrable"});
  bool more = IsOneOf(reader, kFirst);
  while (reader.ok() && more) {
    if (reader.Take("isolation")) {
      reader.Need(reader.Take("level"));
      defaults.emplace_back("default_transaction_isolation");
      if (reader.Take("repeatable")) {
        reader.Need(reader.Take("read"));
        defaults.emplace_back("repeatable read");
      } else if (reader.Take("read")) {
        defaults.emplace_back(reader.At("committed") ? "read committed" : "read uncommitted");
        reader.Need(reader.Take("committed") || reader.Take("uncommitted"));
      } else {
        reader.Need(reader.Take("serializable"));
        defaults.emplace_back("serializable");
      }
    } else if (reader.Take("read")) {
      defaults.emplace_back("default_transaction_read_only");
      defaults.emplace_back(reader.At("only") ? "on" : "off");
      reader.Need(reader.Take("only") || reader.Take("write"));
    } else {
      defaults.emplace_back("default_transaction_deferrable");
      defaults.emplace_back(reader.Take("not") ? "off" : "on");
      reader.Need(reader.Take("deferrable"));
    }
    more = reader.Take(TokenKind::kComma) || IsOneOf(reader, kFirst);
  }
}

// ----- parameters -----

// The names that have a syntax of their own; else one that dots may join.
std::string ParameterName(SqlReader& reader) {
  if (reader.Take("time")) {
    reader.Need(reader.Take("zone"));
    return "timezone";
  }
  if (reader.Take("session")) {
    reader.Need(reader.Take("authorization"));
    return "session_authorization";
  }
  return reader.DottedName();
}

void TakeValues(SqlReader& reader, MiniStatement& statement) {
  if (reader.Take("default")) {
    statement.to_default = true;
    return;
  }
  do {
    statement.arguments.push_back(reader.SettingValue());
  } while (reader.ok() && reader.Take(TokenKind::kComma));
}

// SET ROLE x and its like, which have neither TO nor =. False: it is none of them.
bool TakeSpecialSet(SqlReader& reader, MiniStatement& statement) {
  if (reader.Take("time")) {
    reader.Need(reader.Take("zone"));
    statement.name = "timezone";
    statement.to_default = reader.Take("local");
    if (statement.to_default) return true;
  } else if (reader.Take("authorization")) {
    statement.name = "session_authorization";
  } else if (reader.Take("names")) {
    statement.name = "client_encoding";
    statement.to_default = reader.AtEnd();
    if (statement.to_default) return true;
  } else if (reader.Take("schema")) {
    statement.name = "search_path";
  } else {
    return false;
  }
  TakeValues(reader, statement);
  return true;
}

MiniStatement ParseSet(SqlReader& reader) {
  MiniStatement statement;
  statement.kind = reader.Take("local") ? StatementKind::kSetLocal : StatementKind::kSet;
  // SET SESSION x, SET SESSION AUTHORIZATION x, SET LOCAL SESSION AUTHORIZATION x, …
  if (reader.Take("session")) reader.Take("session");
  if (reader.Take("characteristics")) {
    statement.kind = StatementKind::kCharacteristics;
    reader.Need(reader.Take("as") && reader.Take("transaction"));
    TakeModes(reader, statement.arguments);
    reader.Need(!statement.arguments.empty());
    return statement;
  }
  if (TakeSpecialSet(reader, statement)) return statement;
  const bool role = reader.At("role");
  statement.name = reader.DottedName();
  const bool assigns = reader.Take("to") || reader.TakeOperator("=");
  reader.Need(assigns || role);
  TakeValues(reader, statement);
  return statement;
}

// ----- transactions -----

void TakeNoise(SqlReader& reader) {
  if (!reader.Take("work")) reader.Take("transaction");
}

MiniStatement ParseBegin(SqlReader& reader) {
  MiniStatement statement;
  statement.kind = StatementKind::kBegin;
  statement.name = "BEGIN";
  if (reader.Take("begin")) {
    TakeNoise(reader);
  } else {
    reader.Need(reader.Take("start"));
    reader.Need(reader.Take("transaction"));
    statement.name = "START TRANSACTION";
  }
  std::vector<std::string> modes;
  TakeModes(reader, modes);
  return statement;
}

// COMMIT or ROLLBACK, but for ROLLBACK TO.
MiniStatement ParseEnd(SqlReader& reader) {
  MiniStatement statement;
  const bool rolls_back = reader.At("rollback");
  const bool commits = reader.At("commit") || reader.At("end");
  statement.kind = commits ? StatementKind::kCommit : StatementKind::kRollback;
  reader.Advance();
  TakeNoise(reader);
  if (rolls_back && reader.Take("to")) {
    reader.Take("savepoint");
    statement.kind = StatementKind::kRollbackTo;
    statement.name = reader.Name();
  } else if (reader.Take("and")) {
    reader.Need(reader.Take("no"));
    reader.Need(reader.Take("chain"));
  }
  return statement;
}

}  // namespace

bool IsSettingCommand(const SqlReader& reader) {
  constexpr auto kWords = std::to_array<std::string_view>({"set", "reset", "show"});
  return IsOneOf(reader, kWords);
}

MiniStatement ParseSetting(SqlReader& reader) {
  if (reader.Take("set")) return ParseSet(reader);
  MiniStatement statement;
  const bool shows = reader.At("show");
  reader.Advance();
  statement.kind = shows ? StatementKind::kShow : StatementKind::kReset;
  if (!shows && reader.Take("all")) {
    statement.kind = StatementKind::kResetAll;
  } else {
    statement.name = ParameterName(reader);
  }
  return statement;
}

bool IsTransactionCommand(const SqlReader& reader) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"});
  return IsOneOf(reader, kWords);
}

MiniStatement ParseTransaction(SqlReader& reader) {
  if (reader.At("begin") || reader.At("start")) return ParseBegin(reader);
  MiniStatement statement;
  if (reader.Take("savepoint")) {
    statement.kind = StatementKind::kSavepoint;
    statement.name = reader.Name();
    return statement;
  }
  if (reader.Take("release")) {
    reader.Take("savepoint");
    statement.kind = StatementKind::kRelease;
    statement.name = reader.Name();
    return statement;
  }
  return ParseEnd(reader);
}

}  // namespace pglynx::sim
