#include "sim/known_parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <span>

#include "pglynx/sql/lexer.h"
#include "sim/sql_reader.h"

namespace pglynx::sim {
namespace {

constexpr std::array kKnown = {
    KnownParameter{"application_name", "", true, false},
    KnownParameter{"client_encoding", "UTF8", true, false},
    KnownParameter{"DateStyle", "ISO, MDY", true, false},
    KnownParameter{"default_transaction_read_only", "off", true, false},
    KnownParameter{"in_hot_standby", "off", true, true},
    KnownParameter{"integer_datetimes", "on", true, true},
    KnownParameter{"IntervalStyle", "postgres", true, false},
    KnownParameter{"is_superuser", "off", true, true},
    KnownParameter{"server_encoding", "UTF8", true, true},
    KnownParameter{"server_version", "16.4", true, true},
    KnownParameter{"session_authorization", "app", true, false, true},
    KnownParameter{"standard_conforming_strings", "on", true, false},
    KnownParameter{"TimeZone", "Etc/UTC", true, false},
    KnownParameter{"app.tenant", "", false, false, false, true},
    KnownParameter{"app.request", "", false, false, false, true},
    KnownParameter{"default_transaction_deferrable", "off", false, false},
    KnownParameter{"default_transaction_isolation", "read committed", false, false},
    KnownParameter{"extra_float_digits", "1", false, false},
    KnownParameter{"lock_timeout", "0", false, false},
    KnownParameter{"role", "none", false, false, true},
    KnownParameter{"search_path", "\"$user\", public", false, false},
    KnownParameter{"statement_timeout", "0", false, false},
    KnownParameter{"work_mem", "4MB", false, false},
};

constexpr std::array<std::string_view, 7> kTimeZones = {
    "Etc/UTC", "UTC", "GMT", "Europe/Berlin", "Europe/Paris", "Asia/Tokyo", "America/New_York"};
constexpr std::array<std::string_view, 4> kIsolations = {"serializable", "repeatable read",
                                                         "read committed", "read uncommitted"};
constexpr std::array<std::string_view, 4> kIntervalStyles = {"postgres", "postgres_verbose",
                                                             "sql_standard", "iso_8601"};

// How many of the base unit one of this unit is; the largest first.
struct Unit {
  std::string_view name;
  uint64_t size;
};
constexpr std::array<Unit, 5> kTimeUnits = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"min", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 4> kMemoryUnits = {
    {{"TB", 1ULL << 30U}, {"GB", 1ULL << 20U}, {"MB", 1ULL << 10U}, {"kB", 1}}};
constexpr std::array<std::string_view, 2> kGrantedRoles = {"app_reader", "app_writer"};
constexpr uint64_t kIntegerMax = 2'147'483'647;
constexpr uint64_t kWorkMemMin = 64;

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  return upper;
}

bool SameName(std::string_view left, std::string_view right) {
  return sql::EqualsIgnoreCase(left, Lower(right));
}

// The one of `choices` that this is, whatever its case.
std::optional<std::string> Choice(std::string_view value,
                                  std::span<const std::string_view> choices) {
  for (const std::string_view choice : choices) {
    if (SameName(choice, value)) return std::string(choice);
  }
  return std::nullopt;
}

// Style and order, each of them kept where it is not named (check_DateStyle in variable.c).
std::optional<std::string> DateStyle(std::string_view value, std::string_view current) {
  const size_t comma = current.find(", ");
  std::string style(current.substr(0, comma));
  std::string order(current.substr(comma + 2));
  bool has_order = false;
  for (size_t at = 0; at <= value.size();) {
    const size_t end = std::min(value.find(',', at), value.size());
    std::string word = Upper(value.substr(at, end - at));
    std::erase(word, ' ');
    at = end + 1;
    if (word == "ISO" || word == "SQL") {
      style = word;
    } else if (word == "POSTGRES") {
      style = "Postgres";
    } else if (word == "GERMAN") {
      style = "German";
      if (!has_order) order = "DMY";
    } else if (word == "YMD" || word == "DMY" || word == "MDY") {
      order = word;
      has_order = true;
    } else {
      return std::nullopt;
    }
  }
  return style + ", " + order;
}

std::optional<std::string> Boolean(std::string_view value) {
  const std::string lower = Lower(value);
  if (lower == "on" || lower == "true" || lower == "1" || lower == "yes") return "on";
  if (lower == "off" || lower == "false" || lower == "0" || lower == "no") return "off";
  return std::nullopt;
}

// An integer with a unit, printed in the largest unit that leaves it whole.
std::optional<std::string> Quantity(std::string_view value, std::span<const Unit> units,
                                    uint64_t min) {
  uint64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, number);
  if (parsed.ec != std::errc()) return std::nullopt;
  std::string_view rest(parsed.ptr, static_cast<size_t>(end - parsed.ptr));
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const auto named = std::find_if(units.begin(), units.end(),
                                  [rest](const Unit& unit) { return unit.name == rest; });
  if (!rest.empty() && named == units.end()) return std::nullopt;
  if (named != units.end()) number *= named->size;
  if (number < min || number > kIntegerMax) return std::nullopt;
  if (number == 0) return "0";
  for (const Unit& unit : units) {
    if (number % unit.size == 0) {
      return std::to_string(number / unit.size) + std::string(unit.name);
    }
  }
  return std::nullopt;
}

std::optional<std::string> FloatDigits(std::string_view value) {
  int number = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < -15 || number > 3) {
    return std::nullopt;
  }
  return std::to_string(number);
}

// quote_identifier in ruleutils.c; of the keywords only those that tests meet.
std::string QuotedName(const std::string& name) {
  constexpr std::array<std::string_view, 3> kReserved = {"user", "table", "select"};
  const bool safe =
      !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
      std::all_of(
          name.begin(), name.end(),
          [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }) &&
      std::find(kReserved.begin(), kReserved.end(), name) == kReserved.end();
  if (safe) return name;
  std::string quoted = "\"";
  for (const char c : name) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

const KnownParameter* FindParameter(std::string_view name) {
  for (const KnownParameter& known : kKnown) {
    if (SameName(known.name, name)) return &known;
  }
  return nullptr;
}

std::vector<const KnownParameter*> ReportedParameters() {
  std::vector<const KnownParameter*> reported;
  for (const KnownParameter& known : kKnown) {
    if (known.reported) reported.push_back(&known);
  }
  return reported;
}

std::vector<const KnownParameter*> OpenParameters() {
  std::vector<const KnownParameter*> open;
  for (const KnownParameter& known : kKnown) {
    if (!known.fixed) open.push_back(&known);
  }
  return open;
}

std::optional<std::vector<std::string>> SplitNames(std::string_view list) {
  SqlReader reader(list);
  std::vector<std::string> names;
  if (reader.AtEnd()) return names;
  do {
    const bool quoted_nothing = reader.token().text() == "\"\"";
    names.push_back(quoted_nothing ? "" : reader.Name());
    if (quoted_nothing) reader.Advance();
  } while (reader.ok() && reader.Take(sql::TokenKind::kComma));
  if (!reader.ok() || !reader.AtEnd()) return std::nullopt;
  return names;
}

std::optional<std::string> FlatValue(const KnownParameter& parameter,
                                     const std::vector<std::string>& values) {
  const bool quotes = parameter.name == "search_path";
  const bool lists = quotes || parameter.name == "DateStyle";
  if (values.size() != 1 && !lists) return std::nullopt;
  std::string flat;
  for (const std::string& value : values) {
    if (!flat.empty()) flat += ", ";
    flat += quotes ? QuotedName(value) : value;
  }
  return flat;
}

bool IsGrantedRole(std::string_view name) {
  return std::find(kGrantedRoles.begin(), kGrantedRoles.end(), name) != kGrantedRoles.end();
}

std::optional<std::string> CanonicalValue(const KnownParameter& parameter, std::string_view value,
                                          std::string_view current) {
  const std::string_view name = parameter.name;
  if (name == "DateStyle") return DateStyle(value, current);
  if (name == "TimeZone") return Choice(value, kTimeZones);
  if (name == "IntervalStyle") return Choice(value, kIntervalStyles);
  if (name == "default_transaction_isolation") return Choice(value, kIsolations);
  if (name == "client_encoding") {
    const std::string upper = Upper(value);
    if (upper == "UTF8" || upper == "UTF-8") return "UTF8";
    if (upper == "LATIN1") return "LATIN1";
    return std::nullopt;
  }
  if (name == "standard_conforming_strings" || name == "default_transaction_read_only" ||
      name == "default_transaction_deferrable") {
    return Boolean(value);
  }
  if (name == "statement_timeout" || name == "lock_timeout") {
    return Quantity(value, kTimeUnits, 0);
  }
  if (name == "work_mem") return Quantity(value, kMemoryUnits, kWorkMemMin);
  if (name == "extra_float_digits") return FloatDigits(value);
  if (name == "search_path" && !SplitNames(value).has_value()) return std::nullopt;
  return std::string(value);
}

}  // namespace pglynx::sim
