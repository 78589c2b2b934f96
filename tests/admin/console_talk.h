#pragma once

// Frontend messages for a Console without a connection, and what it answers to them. Header
// only.
//
//   CHECK(Talk(console, {Query("SELECT 1")}) == "T ?column?:23\nD 1\nC SELECT 1\nZ I\n");

#include <string>
#include <string_view>
#include <vector>

#include "admin/backend_transcript.h"
#include "pglynx/admin/console.h"

namespace pglynx::admin {

struct Message {
  char type;
  std::string body;
};

inline Message Query(std::string_view sql) {
  return {'Q', CString(sql)};
}
inline Message Parse(std::string_view name, std::string_view sql) {
  return {'P', CString(name) + CString(sql) + U16(0)};
}
inline Message Bind(std::string_view portal, std::string_view statement,
                    std::string formats = U16(0)) {
  return {'B', CString(portal) + CString(statement) + U16(0) + U16(0) + formats};
}
inline Message Describe(char kind, std::string_view name) {
  return {'D', kind + CString(name)};
}
inline Message Execute(std::string_view portal, uint32_t rows = 0) {
  return {'E', CString(portal) + U32(rows)};
}
inline Message Close(char kind, std::string_view name) {
  return {'C', kind + CString(name)};
}
inline const Message kSync{'S', ""};

// The transcript of all replies. "CLOSE" ends it where the console closes, "WAIT" where it
// takes no more messages.
inline std::string Talk(Console& console, const std::vector<Message>& messages) {
  std::string out;
  for (const Message& message : messages) {
    const Next next = console.OnMessage(message.type, message.body, out);
    if (next == Next::kClose) return Transcript(out) + "CLOSE\n";
    if (next == Next::kWait) return Transcript(out) + "WAIT\n";
  }
  return Transcript(out);
}

// What Continue appends, ended by "WAIT" as long as the console waits.
inline std::string TalkOn(Console& console) {
  std::string out;
  const Next next = console.Continue(out);
  return Transcript(out) + (next == Next::kWait ? "WAIT\n" : "");
}

}  // namespace pglynx::admin
