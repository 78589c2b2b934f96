#pragma once

// What a configuration is loaded with here: the variables of the process, and a judge of patterns.

#include <optional>
#include <string>
#include <string_view>

#include "pglynx/config/load.h"

namespace pglynx::server {

class ServerEnvironment final : public config::ProcessEnvironment {
 public:
  [[nodiscard]] std::optional<std::string> PatternFault(std::string_view pattern) const override;
};

}  // namespace pglynx::server
