#pragma once

// Turns backend messages into text that a test can compare: one line a message, its type
// first. Frontend messages are put together here too.
//
//   CHECK(Transcript(out) == "T version:25\nD pglynx 0.1.0\nC SHOW\nZ I\n");

#include <string>
#include <string_view>

#include "pglynx/core/bytes.h"

namespace pglynx::admin {

inline std::string FieldsText(std::string_view body) {
  std::string text;
  ByteReader reader(body);
  while (const uint8_t code = reader.U8()) {
    const std::string_view value = reader.CString();
    if (code == 'V' || code == 'R') continue;
    text += ' ';
    if (code == 'D' || code == 'H') text += static_cast<char>(code) + std::string("=");
    text += value;
  }
  return reader.AtEnd() ? text : " MALFORMED";
}

inline std::string ColumnsText(std::string_view body) {
  std::string text;
  ByteReader reader(body);
  const uint16_t count = reader.U16();
  for (uint16_t i = 0; i < count; ++i) {
    text += ' ' + std::string(reader.CString());
    const bool no_table = reader.U32() == 0 && reader.U16() == 0;
    text += ':' + std::to_string(reader.U32());
    reader.U16();
    const bool plain = reader.U32() == 0xffffffffU && reader.U16() == 0;
    if (!no_table || !plain) text += '!';
  }
  return reader.AtEnd() ? text : " MALFORMED";
}

inline std::string RowText(std::string_view body) {
  std::string text;
  ByteReader reader(body);
  const uint16_t count = reader.U16();
  for (uint16_t i = 0; i < count; ++i) {
    const uint32_t length = reader.U32();
    text += i == 0 ? " " : "|";
    text += length == 0xffffffffU ? "NULL" : reader.Bytes(length);
  }
  return reader.AtEnd() ? text : " MALFORMED";
}

inline std::string Transcript(std::string_view bytes) {
  std::string text;
  ByteReader reader(bytes);
  while (reader.ok() && !reader.AtEnd()) {
    const char type = static_cast<char>(reader.U8());
    const uint32_t length = reader.U32();
    const std::string_view body = reader.Bytes(length - sizeof length);
    text += type;
    if (type == 'T') {
      text += ColumnsText(body);
    } else if (type == 'D') {
      text += RowText(body);
    } else if (type == 'E' || type == 'N') {
      text += FieldsText(body);
    } else if (type == 'C') {
      text += ' ' + std::string(body.substr(0, body.find('\0')));
    } else if (type == 'Z') {
      text += ' ' + std::string(body);
    } else if (type == 't') {
      text += body == std::string_view("\0\0", 2) ? " 0" : " MALFORMED";
    } else if (!body.empty()) {
      text += " MALFORMED";
    }
    text += '\n';
  }
  return reader.ok() ? text : text + "CUT\n";
}

inline std::string CString(std::string_view text) {
  return std::string(text) + '\0';
}

inline std::string U16(uint16_t value) {
  std::string bytes;
  AppendU16(bytes, value);
  return bytes;
}

inline std::string U32(uint32_t value) {
  std::string bytes;
  AppendU32(bytes, value);
  return bytes;
}

}  // namespace pglynx::admin
