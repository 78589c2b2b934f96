#include "session/error_names.h"

#include <charconv>

#include "pglynx/core/bytes.h"
#include "pglynx/pool/statements.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::session {
namespace {

bool IsNamePart(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_';
}

std::string Renamed(std::string_view text, const NameLookup& name_of) {
  constexpr std::string_view kPrefix = pool::StatementCache::kNamePrefix;
  std::string renamed;
  for (;;) {
    const size_t at = text.find(kPrefix);
    if (at == std::string_view::npos) return renamed += text;
    size_t end = at + kPrefix.size();
    while (end < text.size() && IsNamePart(text[end])) ++end;
    const std::string_view found = text.substr(at, end - at);
    const std::string_view own = name_of(found);
    renamed += text.substr(0, at);
    renamed += own.empty() ? found : own;
    text.remove_prefix(end);
  }
}

std::string Shifted(std::string_view position, const std::vector<TextShift>& shifts) {
  int64_t at = 0;
  const auto [end, error] = std::from_chars(position.data(), position.data() + position.size(), at);
  if (error != std::errc() || end != position.data() + position.size()) {
    return std::string(position);
  }
  int64_t moved = at;
  for (const TextShift& shift : shifts) {
    if (at > static_cast<int64_t>(shift.characters_before)) moved -= shift.added;
  }
  return std::to_string(moved);
}

}  // namespace

void AppendInClientsTerms(std::string& out, std::string_view message, const NameLookup& name_of,
                          const std::vector<TextShift>& shifts) {
  const wire::MessageScope scope(out, message[0]);
  ByteReader reader(message.substr(wire::kHeaderBytes));
  for (char field = static_cast<char>(reader.U8()); field != '\0' && reader.ok();
       field = static_cast<char>(reader.U8())) {
    const std::string_view text = reader.CString();
    out += field;
    if (field == 'M' || field == 'D' || field == 'H') {
      wire::AppendCString(out, Renamed(text, name_of));
    } else if (field == 'P' && !shifts.empty()) {
      wire::AppendCString(out, Shifted(text, shifts));
    } else {
      wire::AppendCString(out, text);
    }
  }
  out += '\0';
}

}  // namespace pglynx::session
