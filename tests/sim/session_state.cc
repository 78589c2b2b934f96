#include "sim/session_state.h"

#include <algorithm>
#include <array>

#include "pglynx/sql/lexer.h"

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
    KnownParameter{"session_authorization", "app", true, true},
    KnownParameter{"standard_conforming_strings", "on", true, false},
    KnownParameter{"TimeZone", "Etc/UTC", true, false},
    KnownParameter{"extra_float_digits", "1", false, false},
    KnownParameter{"lock_timeout", "0", false, false},
    KnownParameter{"search_path", "\"$user\", public", false, false},
    KnownParameter{"statement_timeout", "0", false, false},
    KnownParameter{"work_mem", "4MB", false, false},
};

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  return upper;
}

std::string LowerText(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return lower;
}

bool SameName(std::string_view left, std::string_view right) {
  return sql::EqualsIgnoreCase(left, LowerText(right));
}

std::optional<std::string> DateStyle(std::string_view value) {
  const std::string upper = Upper(value);
  const std::string_view order = upper.find("DMY") != std::string::npos ? "DMY" : "MDY";
  for (const std::string_view style : {"ISO", "SQL", "GERMAN", "POSTGRES"}) {
    if (!upper.starts_with(style)) continue;
    std::string printed(style);
    if (style == "GERMAN") printed = "German";
    if (style == "POSTGRES") printed = "Postgres";
    return printed + ", " + std::string(style == "GERMAN" ? "DMY" : order);
  }
  return std::nullopt;
}

std::optional<std::string> Boolean(std::string_view value) {
  const std::string lower = LowerText(value);
  if (lower == "on" || lower == "true" || lower == "1" || lower == "yes") return "on";
  if (lower == "off" || lower == "false" || lower == "0" || lower == "no") return "off";
  return std::nullopt;
}

std::optional<std::string> Number(std::string_view value) {
  if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  return std::string(value);
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

std::optional<std::string> CanonicalValue(const KnownParameter& parameter, std::string_view value) {
  if (parameter.name == "DateStyle") return DateStyle(value);
  if (parameter.name == "client_encoding") {
    const std::string upper = Upper(value);
    if (upper == "UTF8" || upper == "UTF-8") return "UTF8";
    if (upper == "LATIN1") return "LATIN1";
    return std::nullopt;
  }
  if (parameter.name == "IntervalStyle") {
    const std::string lower = LowerText(value);
    const bool known = lower == "postgres" || lower == "iso_8601" || lower == "sql_standard";
    return known ? std::optional(lower) : std::nullopt;
  }
  if (parameter.name == "standard_conforming_strings" ||
      parameter.name == "default_transaction_read_only") {
    return Boolean(value);
  }
  if (parameter.name == "statement_timeout" || parameter.name == "lock_timeout" ||
      parameter.name == "extra_float_digits") {
    return Number(value);
  }
  return std::string(value);
}

void SessionState::SetStartup(const KnownParameter& parameter, std::string value) {
  startup_[parameter.name] = std::move(value);
}

void SessionState::Set(const KnownParameter& parameter, std::string value) {
  local_.erase(parameter.name);
  now.parameters[parameter.name] = std::move(value);
}

void SessionState::SetLocal(const KnownParameter& parameter, std::string value) {
  local_[parameter.name] = std::move(value);
}

void SessionState::Reset(const KnownParameter& parameter) {
  local_.erase(parameter.name);
  now.parameters.erase(parameter.name);
}

void SessionState::ResetAll() {
  local_.clear();
  now.parameters.clear();
}

std::string SessionState::Value(const KnownParameter& parameter) const {
  for (const auto* values : {&local_, &now.parameters, &startup_}) {
    const auto found = values->find(parameter.name);
    if (found != values->end()) return found->second;
  }
  return std::string(parameter.standard);
}

void SessionState::BeginImplicit() {
  if (transaction != TransactionState::kIdle) return;
  transaction = TransactionState::kImplicit;
  before_ = now;
}

void SessionState::Fail() {
  if (transaction == TransactionState::kBlock || transaction == TransactionState::kFailed) {
    // AbortTransaction undoes everything at once; the block waits for its end.
    now = before_;
    local_.clear();
    notifications.clear();
    transaction = TransactionState::kFailed;
  } else if (transaction == TransactionState::kImplicit) {
    Rollback();
  }
}

void SessionState::Commit() {
  transaction = TransactionState::kIdle;
  local_.clear();
  portals.clear();
}

void SessionState::Rollback() {
  if (transaction != TransactionState::kIdle) now = before_;
  transaction = TransactionState::kIdle;
  local_.clear();
  notifications.clear();
  portals.clear();
}

char SessionState::StatusByte() const {
  switch (transaction) {
    case TransactionState::kBlock:
      return 'T';
    case TransactionState::kFailed:
      return 'E';
    case TransactionState::kIdle:
    case TransactionState::kImplicit:
      break;
  }
  return 'I';
}

void SessionState::DiscardAll() {
  portals.clear();
  ResetAll();
  prepared.clear();
  unnamed_statement.reset();
  now.channels.clear();
  now.temp_tables.clear();
  sequence_values.clear();
  last_sequence.clear();
}

}  // namespace pglynx::sim
