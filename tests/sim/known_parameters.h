#pragma once

// The parameters (GUCs) that FakePostgres and the clients' models know: names, defaults and how
// a value is printed, as PostgreSQL 15's guc.c does it. Constants and pure functions.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pglynx::sim {

// A parameter that the server knows.
struct KnownParameter {
  std::string_view name;  // as it is printed
  std::string_view standard;
  bool reported = false;
  bool fixed = false;  // nobody can set it
};
// nullptr: unknown. Names compare without case.
const KnownParameter* FindParameter(std::string_view name);
// In the order in which they are reported at a login.
std::vector<const KnownParameter*> ReportedParameters();
// The value as the server prints it; nothing if it is refused. `current` is the value before:
// DateStyle keeps the part that is not named.
std::optional<std::string> CanonicalValue(const KnownParameter& parameter, std::string_view value,
                                          std::string_view current);

}  // namespace pglynx::sim
