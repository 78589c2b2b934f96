// Session parameters as SQL (pool/parameters.h).
//
// Properties: a statement that sets a parameter is read by the lexer as exactly that, one
// statement with the name and the value that were meant, whatever bytes are in them; the
// messages that take a server from one set of parameters to another, carried out by a model
// of a server that reads each message by the rules in force when it begins, leave it with the
// wanted set; a table interns equal sets as one.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "pglynx/pool/parameters.h"
#include "pglynx/sql/lexer.h"

namespace pglynx::fuzz {
namespace {

using sql::Lexer;
using sql::StringSyntax;
using sql::Token;
using sql::TokenKind;
using Values = std::map<std::string, std::string>;  // names in lower case

std::string Undoubled(std::string_view quoted, char quote) {
  std::string text;
  PGLYNX_CHECK(quoted.size() >= 2 && quoted.front() == quote && quoted.back() == quote);
  quoted = quoted.substr(1, quoted.size() - 2);
  for (size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] == quote) PGLYNX_CHECK(++i < quoted.size() && quoted[i] == quote);
    text += quoted[i];
  }
  return text;
}

// A string constant as a server reads it. Escapes other than doubled quotes and backslashes
// would be a value that was not meant.
std::string StringValue(const Token& token, StringSyntax syntax) {
  PGLYNX_CHECK(token.kind == TokenKind::kString || token.kind == TokenKind::kEscapeString);
  if (syntax == StringSyntax::kBackslash) {
    PGLYNX_CHECK(token.text().find('\\') == std::string_view::npos);
  }
  return Undoubled(token.text(), '\'');
}

// One assignment or reset that a server reads.
struct Change {
  std::string name;
  std::optional<std::string> value;  // nothing: RESET
  bool local = false;
};

// Reads statements of the forms that AppendParameterChanges may write; nothing else passes.
class Reader {
 public:
  Reader(std::string_view text, StringSyntax syntax) : lexer_(text, syntax), syntax_(syntax) {
    Take();
  }

  std::vector<Change> Changes() {
    std::vector<Change> changes;
    while (token_.kind != TokenKind::kEnd) {
      changes.push_back(Statement());
      if (token_.kind == TokenKind::kEnd) break;
      Expect(";");
    }
    return changes;
  }

 private:
  Change Statement() {
    Change change;
    if (TakeIf("RESET")) {
      change.name = Name();
    } else if (TakeIf("SET")) {
      change.local = TakeIf("LOCAL");
      change.name = Name();
      Expect("TO");
      change.value = StringValue(Take(), syntax_);
    } else {
      for (const std::string_view word : {"SELECT", "pg_catalog", ".", "set_config", "("}) {
        Expect(word);
      }
      change.name = StringValue(Take(), syntax_);
      Expect(",");
      change.value = StringValue(Take(), syntax_);
      Expect(",");
      change.local = TakeIf("true");
      if (!change.local) Expect("false");
      Expect(")");
    }
    return change;
  }

  std::string Name() {
    const Token token = Take();
    PGLYNX_CHECK(token.kind == TokenKind::kQuotedWord);
    return Undoubled(token.text(), '"');
  }
  Token Take() {
    const Token taken = token_;
    token_ = lexer_.Next();
    return taken;
  }
  bool TakeIf(std::string_view text) {
    if (token_.text() != text) return false;
    Take();
    return true;
  }
  void Expect(std::string_view text) { PGLYNX_CHECK(TakeIf(text)); }

  Lexer lexer_;
  StringSyntax syntax_;
  Token token_;
};

constexpr std::string_view kStrings = "standard_conforming_strings";

StringSyntax SyntaxOf(const Values& values) {
  const auto found = values.find(std::string(kStrings));
  const bool on = found == values.end() || found->second == "on";
  return on ? StringSyntax::kStandard : StringSyntax::kBackslash;
}

Values AsMap(const pool::ParameterSet& set) {
  Values values;
  for (const pool::Parameter& parameter : set.all()) {
    PGLYNX_CHECK(values.emplace(pool::LowerCase(parameter.name), parameter.value).second);
    PGLYNX_CHECK(*set.Find(parameter.name) == parameter.value);
  }
  return values;
}

constexpr std::string_view kNames[] = {"client_encoding", "standard_conforming_strings",
                                       "search_path",     "DateStyle",
                                       "TimeZone",        "application_name",
                                       "temp_tablespaces"};

// The value of a name that a server has checked; free for all but two.
std::string ValueOf(std::string_view name, std::string_view text) {
  if (name == kStrings) return text.size() % 2 == 0 ? "on" : "off";
  if (pool::LowerCase(name) != "client_encoding") return std::string(text);
  std::string value(text);  // a name of a list, without quotes or backslashes
  std::erase_if(value, [](char c) { return c == '\\'; });
  return value;
}

struct Sets {
  pool::ParameterRef actual;
  pool::ParameterRef wanted;
};

Sets ReadSets(Input& input, pool::ParameterTable& table) {
  Sets sets{table.Empty(), table.Empty()};
  while (!input.empty()) {
    const uint8_t choice = input.Byte();
    const std::string own_name(choice % 8 < std::size(kNames) ? "" : input.CString());
    const std::string_view name =
        choice % 8 < std::size(kNames) ? kNames[choice % 8] : std::string_view(own_name);
    const std::string value = ValueOf(name, input.CString());
    // The name in a case of its own must not matter, but is not one of the two.
    if (pool::LowerCase(name) == kStrings && name != kStrings) continue;
    pool::ParameterRef& set = (choice & 8U) != 0 ? sets.wanted : sets.actual;
    Values model = AsMap(*set);
    if ((choice & 16U) != 0) {
      model.erase(pool::LowerCase(name));
      set = table.Without(set, name);
    } else {
      model[pool::LowerCase(name)] = value;
      set = table.With(set, name, value);
    }
    PGLYNX_CHECK(AsMap(*set) == model);
  }
  return sets;
}

}  // namespace

// Input: a name to a byte 0xFF, then a value. Neither has a NUL: both came from C strings.
void FuzzSetStatement(std::string_view bytes) {
  Input input(bytes);
  const std::string_view name = input.CString();
  const std::string_view value = input.CString();
  for (const auto scope : {pool::SetScope::kSession, pool::SetScope::kLocal}) {
    const ExactBytes sql(pool::SetStatement(name, value, scope));
    const std::vector<Change> changes = Reader(sql.view(), StringSyntax::kStandard).Changes();
    PGLYNX_CHECK(changes.size() == 1);
    PGLYNX_CHECK(changes[0].name == name && changes[0].value == value);
    PGLYNX_CHECK(changes[0].local == (scope == pool::SetScope::kLocal));
  }
}

// Input: assignments, each a byte that chooses name and set, then a name of its own where the
// byte says so, then a value; texts end at a byte 0xFF.
void FuzzParameterChanges(std::string_view bytes) {
  Input input(bytes);
  pool::ParameterTable table;
  const Sets sets = ReadSets(input, table);
  const Values wanted = AsMap(*sets.wanted);
  PGLYNX_CHECK((sets.actual == sets.wanted) == (sets.actual->all() == sets.wanted->all()));

  std::string out;
  const int messages =
      pool::AppendParameterChanges(out, {*sets.actual, *table.Empty(), false}, *sets.wanted);
  const std::vector<Frame> frames = WholeFrames(out);
  PGLYNX_CHECK(frames.size() == static_cast<size_t>(messages) && messages <= 2);
  Values server = AsMap(*sets.actual);
  PGLYNX_CHECK((messages == 0) == (server == wanted));
  for (const Frame& frame : frames) {
    PGLYNX_CHECK(frame.type == 'Q' && frame.body.ends_with('\0'));
    const std::string_view text = frame.body.substr(0, frame.body.size() - 1);
    PGLYNX_CHECK(text.find('\0') == std::string_view::npos);
    for (const Change& change : Reader(text, SyntaxOf(server)).Changes()) {
      PGLYNX_CHECK(!change.local);
      if (change.value) {
        server[pool::LowerCase(change.name)] = *change.value;
      } else {
        server.erase(pool::LowerCase(change.name));
      }
    }
  }
  // Set on the way, and back to what it is where it is not set.
  if (!wanted.contains(std::string(kStrings)) && SyntaxOf(server) == StringSyntax::kStandard) {
    server.erase(std::string(kStrings));
  }
  PGLYNX_CHECK(server == wanted);
}

}  // namespace pglynx::fuzz
