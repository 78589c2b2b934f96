#include "config/expand.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace pglynx::config {

namespace {

bool IsVariableName(std::string_view name) {
  const auto is_name_byte = [](char byte) {
    return byte == '_' || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z');
  };
  return !name.empty() && (name[0] < '0' || name[0] > '9') &&
         std::all_of(name.begin(), name.end(), is_name_byte);
}

}  // namespace

Result<std::string> Expand(std::string_view text, const Environment& environment) {
  std::string expanded;
  for (;;) {
    const size_t start = text.find("${");
    expanded += text.substr(0, start);
    if (start == std::string_view::npos) return expanded;
    if (start > 0 && text[start - 1] == '$') {  // "$${": one '$' is in already
      expanded += '{';
      text.remove_prefix(start + 2);
      continue;
    }
    const size_t end = text.find('}', start);
    const std::string name(
        text.substr(start + 2, end == std::string_view::npos ? 0 : end - start - 2));
    if (!IsVariableName(name)) {
      return Error{ErrorCode::kConfigFile,
                   "'${' must be followed by a variable's name and '}'; "
                   "write '$${' for a literal '${'"};
    }
    const std::optional<std::string> value = environment.Get(name);
    if (!value) {
      return Error{ErrorCode::kConfigFile,
                   fmt::format("environment variable '{}' is not set", name)};
    }
    expanded += *value;
    text.remove_prefix(end + 1);
  }
}

bool HasVariable(std::string_view text) {
  for (size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", at + 2)) {
    if (at == 0 || text[at - 1] != '$') return true;
  }
  return false;
}

}  // namespace pglynx::config
