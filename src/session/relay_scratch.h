#pragma once

// What the sessions of a loop share between events: the gathered writes (one event is
// handled at a time), and what follows from a set of parameters for the reading of a
// statement's text.

#include "pglynx/pool/parameters.h"
#include "pglynx/sql/lexer.h"
#include "session/write_batch.h"

namespace pglynx::session {

// How the server reads the text of a statement under a client's settings.
struct TextSettings {
  sql::StringSyntax syntax = sql::StringSyntax::kStandard;
  // False in encodings whose characters may hold a byte that looks like a backslash or a
  // quote: such text is not judged.
  bool judgeable = true;
  // The settings without those that do not bear on a statement's meaning.
  pool::ParameterRef identity;
};

// Computed once for the settings seen last: nearly all clients of a pool share theirs.
class TextSettingsCache {
 public:
  explicit TextSettingsCache(pool::ParameterTable& table) : table_(table) {}

  const TextSettings& Of(const pool::ParameterRef& parameters) {
    if (!(parameters_ == parameters)) Compute(parameters);
    return settings_;
  }

 private:
  void Compute(const pool::ParameterRef& parameters);

  pool::ParameterTable& table_;
  pool::ParameterRef parameters_;
  TextSettings settings_;
};

struct RelayScratch {
  explicit RelayScratch(pool::ParameterTable& table) : text_settings(table) {}

  WriteBatch to_server;
  WriteBatch to_client;
  TextSettingsCache text_settings;
};

}  // namespace pglynx::session
