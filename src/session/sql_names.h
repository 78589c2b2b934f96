#pragma once

// What a text with SQL's PREPARE, EXECUTE or DEALLOCATE becomes on its way to a server: names are
// replaced by those that servers know. Plain values, made by client_sql_names.cc; one of them is
// under way at a time, since what names mean is known when the text has been answered.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pglynx/pool/parameters.h"
#include "pglynx/pool/statements.h"
#include "pglynx/sql/judge.h"
#include "pglynx/sql/lexer.h"
#include "session/error_names.h"

namespace pglynx::session {

// What becomes of the client's names when a statement has been carried out.
struct NameChange {
  enum class Kind : uint8_t { kPrepare, kDeallocate, kDeallocateAll };
  Kind kind;
  size_t statement;             // which of the text
  std::string name;             // the client's
  pool::StatementRef prepared;  // kPrepare
  bool made_on_server = false;  // kPrepare: the server holds it under its own name
  uint64_t request = 0;         // the number of its Bind, where it came by the protocol
};

// The same for a text that came in a Parse.
struct ParseShift {
  uint64_t request;
  TextShift shift;
  std::string server_name;  // what stands there, and what the client wrote
  std::string name;
};

struct RenamedText {
  uint64_t request = 0;  // the number of its Query
  std::string text;
  std::vector<TextShift> shifts;
  std::vector<NameChange> changes;  // in the order of the text
  // Server names that are none of a Statement, and the client's.
  std::vector<std::pair<std::string, std::string>> names;
  size_t answered = 0;  // statements
};

// What the answers of the requests under way will mean, of one client at one server.
struct RequestNotes {
  std::unique_ptr<RenamedText> renamed;
  std::vector<NameChange> changes;           // of Binds that have not been carried out
  std::vector<ParseShift> shifts;            // of Parses, in the order sent
  std::vector<uint64_t> set_ups;             // statements of kHiddenSetup, in the order sent
  std::unique_ptr<std::string> setup_error;  // why what comes next may lack a statement
  std::unique_ptr<pool::Parameter> set;      // what a SET sets
  uint64_t set_request = 0;
  [[nodiscard]] bool empty() const {
    return renamed == nullptr && changes.empty() && shifts.empty() && set_ups.empty() &&
           setup_error == nullptr && set == nullptr;
  }
};

// Statements that exist on a server for one text alone. The first is for a PREPARE of what the
// server holds already; those of DEALLOCATE are numbered.
inline constexpr std::string_view kPassingStatement = "pglynx_passing";
// No statement of a client has this name on a server.
inline constexpr std::string_view kNoStatement = "pglynx_none";
inline constexpr std::string_view kGoneStatement = "pglynx_gone";

// A Parse's body behind the name: nothing, and no parameter types.
inline constexpr std::string_view kEmptyContents("\0\0\0", 3);

// What stands behind the name of a PREPARE; nullopt: something else.
struct PrepareParts {
  std::string_view types;  // with their parentheses; empty: none
  std::string_view body;
};
std::optional<PrepareParts> SplitPrepare(std::string_view rest, sql::StringSyntax syntax);

// Characters of UTF-8; in other encodings the position of an error may be off.
size_t Characters(std::string_view text);

// Whether a text of these effects has names of SQL's PREPARE in it.
bool UsesNames(sql::StateEffects effects);

}  // namespace pglynx::session
