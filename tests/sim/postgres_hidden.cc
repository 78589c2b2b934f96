// FakePostgres: the product's probe, and functions that leave behind what it looks for without
// saying so in the text.

#include <algorithm>

#include "sim/postgres_session.h"

namespace pglynx::sim {

// In the order of session::HeldState.
bool PostgresSession::Holds(std::string_view column) const {
  switch (column[0]) {
    case '0':
      return server_.locks().Holds(*this);
    case '1':
      return !state_.now.temp_tables.empty();
    case '2':
      // No WITH HOLD here; but portals of the protocol are cursors too, as long as their
      // transaction lasts. That of a simple Query is invisible (exec_simple_query).
      return std::any_of(state_.portals.begin(), state_.portals.end(), [this](const auto& entry) {
        return is_extended_ || !entry.first.empty();
      });
    case '3':
      return !state_.heard_channels.empty();
    default:
      return std::any_of(state_.prepared.begin(), state_.prepared.end(), [](const auto& entry) {
        const auto& [name, statement] = entry;
        return statement.from_sql && !name.starts_with(kPoolerPrefix);
      });
  }
}

// The view pg_settings does not show where the role and the parameters of applications come from:
// those count as set.
SqlValue PostgresSession::OwnSetting(const std::string& name) const {
  const KnownParameter* known = state_.Find(name);
  if (known == nullptr) return std::nullopt;
  const bool shown =
      !known->custom && known->name != kRoleParameter && known->name != kAuthorizationParameter;
  if (shown && !state_.IsSet(*known)) return std::nullopt;
  return state_.Value(*known);
}

std::optional<SqlError> PostgresSession::EvaluateHidden(const SelectItem& item) {
  const std::string& name = item.text;
  if (name == "hidden_temp") return CreateTemp("hidden");
  if (name == "hidden_listen") state_.now.channels.insert(item.arguments[0]);
  if (name == "hidden_set") return Assign(item.arguments[0], item.arguments[1], false);
  return std::nullopt;  // hidden_lock has taken its lock before, hidden_nothing does nothing
}

}  // namespace pglynx::sim
