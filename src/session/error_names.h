#pragma once

// An ErrorResponse of a server in the client's own terms: names of statements that the pooler has
// given are replaced by the client's, and the position in a text that was changed on its way
// points into the text as the client sent it ("Error and Notice Message Fields" in the manual).
// Pure.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pglynx::session {

// Where a text that was sent is longer (or shorter, negative) than the client's.
struct TextShift {
  size_t characters_before;  // of the sent text, up to the end of what was replaced
  int64_t added;             // characters
};

// The client's name for the statement which servers know as `server_name`; empty: it has none.
using NameLookup = std::function<std::string_view(std::string_view server_name)>;

// Appends the message, header included. `message` is one whole ErrorResponse.
void AppendInClientsTerms(std::string& out, std::string_view message, const NameLookup& name_of,
                          const std::vector<TextShift>& shifts);

}  // namespace pglynx::session
