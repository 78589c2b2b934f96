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
  bool fixed = false;         // nobody can set it
  bool survives_all = false;  // RESET ALL leaves it (GUC_NO_RESET_ALL)
  // Of an application: unknown to a session until its first SET or RESET, and known from then on,
  // even if that is rolled back.
  bool custom = false;
};
inline constexpr std::string_view kRoleParameter = "role";
inline constexpr std::string_view kAuthorizationParameter = "session_authorization";

// nullptr: unknown. Names compare without case.
const KnownParameter* FindParameter(std::string_view name);
// In the order in which they are reported at a login.
std::vector<const KnownParameter*> ReportedParameters();
// All that can be set.
std::vector<const KnownParameter*> OpenParameters();
// What the values of SET come to, as one text (flatten_set_variable_args in guc.c); nothing: it
// takes one value only.
std::optional<std::string> FlatValue(const KnownParameter& parameter,
                                     const std::vector<std::string>& values);
// The names in a list such as search_path, which may be empty; nothing: it is none
// (SplitIdentifierString in varlena.c).
std::optional<std::vector<std::string>> SplitNames(std::string_view list);
// Roles that every user of FakePostgres may take on by SET ROLE.
bool IsGrantedRole(std::string_view name);
// The value as the server prints it; nothing if it is refused. `current` is the value before:
// DateStyle keeps the part that is not named. Which roles a user may take on is not known here.
std::optional<std::string> CanonicalValue(const KnownParameter& parameter, std::string_view value,
                                          std::string_view current);

}  // namespace pglynx::sim
