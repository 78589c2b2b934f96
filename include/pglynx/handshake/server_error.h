#pragma once

// An ErrorResponse of a server ("Error and Notice Message Fields" in the PostgreSQL manual)
// as a value: the fields that a person or a decision needs. Texts are the server's own, in
// its language and encoding, with newlines: not fit for a log line as they are.
//
//   std::optional<ServerError> error = ParseServerError(body);  // behind type and length

#include <optional>
#include <string>
#include <string_view>

namespace pglynx::handshake {

struct ServerError {
  std::string severity;  // not translated where the server sends it so (since 9.6)
  std::string sqlstate;  // as sent; five characters from every Postgres
  std::string message;
  std::string detail;
  std::string hint;
};

// nullopt if the layout is broken. Missing fields are empty.
std::optional<ServerError> ParseServerError(std::string_view body);

}  // namespace pglynx::handshake
