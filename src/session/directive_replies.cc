#include "session/directive_replies.h"

#include "pglynx/core/bytes.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::session {
std::optional<sql::Directive> DirectiveOf(std::string_view text, sql::StringSyntax syntax) {
  if (!MayBeDirective(text)) return std::nullopt;
  return sql::ParseDirective(text, syntax);
}

void AppendOneColumn(std::string& out, std::string_view column) {
  const wire::MessageScope message(out, 'T');
  out.append("\0\1", 2);
  wire::AppendCString(out, column);
  out.append("\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0", 18);
}

void AppendOneRow(std::string& out, std::string_view value) {
  const wire::MessageScope message(out, 'D');
  out.append("\0\1", 2);
  AppendU32(out, static_cast<uint32_t>(value.size()));
  out += value;
}

void AppendBare(std::string& out, char type) {
  out += type;
  out.append("\0\0\0\4", 4);
}

}  // namespace pglynx::session
