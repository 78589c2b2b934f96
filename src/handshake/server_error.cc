#include "pglynx/handshake/server_error.h"

#include "pglynx/core/bytes.h"

namespace pglynx::handshake {

std::optional<ServerError> ParseServerError(std::string_view body) {
  ServerError error;
  bool has_plain_severity = false;
  ByteReader reader(body);
  for (uint8_t field = reader.U8(); field != 0; field = reader.U8()) {
    const std::string_view text = reader.CString();
    switch (field) {
      case 'V':  // the severity in English; 'S' may be translated
        error.severity = text;
        has_plain_severity = true;
        break;
      case 'S':
        if (!has_plain_severity) error.severity = text;
        break;
      case 'C':
        error.sqlstate = text;
        break;
      case 'M':
        error.message = text;
        break;
      case 'D':
        error.detail = text;
        break;
      case 'H':
        error.hint = text;
        break;
      default:  // the manual: skip unknown fields
        break;
    }
  }
  if (!reader.AtEnd()) return std::nullopt;
  return error;
}

}  // namespace pglynx::handshake
