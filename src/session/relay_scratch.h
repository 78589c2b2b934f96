#pragma once

// What the sessions of a loop share between events: the gathered writes (one event is
// handled at a time), and what follows from a set of parameters for the reading of a
// statement's text.

#include <array>

#include "pglynx/pool/parameters.h"
#include "pglynx/sql/judge.h"
#include "pglynx/sql/lexer.h"
#include "session/write_batch.h"

namespace pglynx::session {

// How the server reads the text of a statement under a client's settings.
struct TextSettings {
  sql::StringSyntax syntax = sql::StringSyntax::kStandard;
  // False in encodings whose characters may hold a byte that looks like a backslash or a
  // quote: such text is not judged.
  bool judgeable = true;
  // Those of the settings that bear on a statement's meaning when it is parsed.
  pool::ParameterRef identity;
};

// Computed once for each of the settings seen last: clients of a pool share a few.
class TextSettingsCache {
 public:
  explicit TextSettingsCache(pool::ParameterTable& table) : table_(table) {}

  // Valid until the next call.
  const TextSettings& Of(const pool::ParameterRef& parameters) {
    if (!(entries_[last_].parameters == parameters)) Find(parameters);
    return entries_[last_].settings;
  }

 private:
  static constexpr size_t kEntries = 8;
  struct Entry {
    pool::ParameterRef parameters;
    TextSettings settings;
  };
  void Find(const pool::ParameterRef& parameters);
  TextSettings Compute(const pool::ParameterRef& parameters);

  pool::ParameterTable& table_;
  std::array<Entry, kEntries> entries_;
  size_t last_ = 0;
  size_t next_ = 0;  // to be replaced next
};

struct RelayScratch {
  explicit RelayScratch(pool::ParameterTable& table) : text_settings(table) {}

  WriteBatch to_server;
  WriteBatch to_client;
  // What was found in a text of the message being handled.
  std::string_view judged_text;
  sql::StateEffects judged_effects;
  std::string_view behind_message;  // what the client has sent behind the message being handled
  TextSettingsCache text_settings;
};

}  // namespace pglynx::session
