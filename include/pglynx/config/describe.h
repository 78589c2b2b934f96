#pragma once

// A configuration in words: the rows of SHOW CONFIG, and the names of its enumerators as
// the file writes them. No secret is in any of them.

#include <string>
#include <string_view>
#include <vector>

#include "pglynx/config/config.h"

namespace pglynx::config {

struct ConfigRow {
  std::string key;            // As in the file: "port", "admin.port", "auth.method".
  std::string value;          // As the file would write it, without quotes; secrets masked.
  std::string default_value;  // What holds if the key is not in the file.
  bool changeable = true;     // A reload applies a change; otherwise a restart does.

  bool operator==(const ConfigRow&) const = default;
};

// Every key of [general], [admin] and [auth], always the same ones in the same order.
std::vector<ConfigRow> Describe(const Config& config);

// The defaults of our own form, or of PgCat's where they differ. Has no pools.
Config DefaultConfig(bool pgcat_form);

// "" if none is set, else a fixed text that tells nothing of it.
std::string_view Masked(const Secret& secret);

// Static strings.
std::string_view Name(PoolMode mode);
std::string_view Name(SessionStatePolicy policy);
std::string_view Name(HiddenStatePolicy policy);
std::string_view Name(AuthMethod method);
std::string_view Name(LogLevel level);
std::string_view Name(LogFormat format);

}  // namespace pglynx::config
