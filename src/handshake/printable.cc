#include "handshake/printable.h"

namespace pglynx::handshake {
namespace {

bool IsContinuationByte(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

}  // namespace

std::string Printable(std::string_view text, size_t bytes_max) {
  size_t end = text.size();
  if (end > bytes_max) {
    end = bytes_max;
    while (end > 0 && IsContinuationByte(text[end])) --end;
  }
  std::string printable(text.substr(0, end));
  for (char& c : printable) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  return printable;
}

}  // namespace pglynx::handshake
