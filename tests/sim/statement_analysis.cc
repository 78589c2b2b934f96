#include "sim/statement_analysis.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace pglynx::sim {
namespace {

struct Function {
  std::string_view name;
  size_t arguments;
  uint32_t result;
  bool of_sequence = false;  // its argument names one
};
constexpr std::array kFunctions = {
    Function{"pg_backend_pid", 0, kInt4Oid},
    Function{"pg_sleep", 1, kVoidOid},
    Function{"repeat", 2, kTextOid},
    Function{"current_setting", 1, kTextOid},
    Function{"current_setting", 2, kTextOid},
    Function{"set_config", 3, kTextOid},
    Function{"pg_advisory_lock", 1, kVoidOid},
    Function{"pg_advisory_xact_lock", 1, kVoidOid},
    Function{"pg_try_advisory_lock", 1, kBoolOid},
    Function{"pg_try_advisory_xact_lock", 1, kBoolOid},
    Function{"pg_advisory_unlock", 1, kBoolOid},
    Function{"pg_advisory_unlock_all", 0, kVoidOid},
    Function{"nextval", 1, kInt8Oid, true},
    Function{"currval", 1, kInt8Oid, true},
    Function{"lastval", 0, kInt8Oid},
    Function{"hidden_lock", 1, kVoidOid},
    Function{"hidden_temp", 0, kVoidOid},
    Function{"hidden_listen", 1, kVoidOid},
    Function{"hidden_set", 2, kVoidOid},
    Function{"hidden_nothing", 0, kVoidOid},
};

const Function* FindFunction(const SelectItem& item) {
  const auto* found =
      std::find_if(kFunctions.begin(), kFunctions.end(), [&item](const Function& function) {
        return function.name == item.text && function.arguments == item.arguments.size();
      });
  return found == kFunctions.end() ? nullptr : found;
}

size_t ParameterIndex(const SelectItem& item) {
  size_t number = 0;
  std::from_chars(item.text.data(), item.text.data() + item.text.size(), number);
  return number;
}

SqlError NoRelation(std::string_view name) {
  return {"42P01", "relation \"" + std::string(name) + "\" does not exist"};
}

std::optional<SqlError> AnalyzeCall(const SelectItem& item, const SessionState& state) {
  const Function* function = FindFunction(item);
  const bool hidden = item.text.starts_with("hidden_") && !SeesPublic(state);
  if (function == nullptr || hidden) return SqlError{"42883", "function " + item.text};
  // The name is a constant of the type regclass, so it is looked up here.
  if (function->of_sequence && (!IsSequence(item.arguments[0]) || !SeesPublic(state))) {
    return NoRelation(item.arguments[0]);
  }
  return std::nullopt;
}

std::optional<SqlError> AnalyzeParameter(const SelectItem& item, ParameterUse use,
                                         std::vector<uint32_t>& types) {
  const size_t index = ParameterIndex(item);
  if (use == ParameterUse::kRefused || index == 0) {
    return SqlError{"42P02", "there is no parameter $" + item.text};
  }
  if (types.size() < index) types.resize(index);
  if (types[index - 1] == 0) types[index - 1] = kTextOid;
  return std::nullopt;
}

std::optional<SqlError> AnalyzeTypes(const std::vector<uint32_t>& types) {
  const auto open = std::find(types.begin(), types.end(), 0U);
  if (open == types.end()) return std::nullopt;
  return SqlError{"42P18", "could not determine data type of parameter $" +
                               std::to_string(open - types.begin() + 1)};
}

std::optional<SqlError> AnalyzeItems(const MiniStatement& statement, const SessionState& state,
                                     ParameterUse use, std::vector<uint32_t>& types) {
  for (const SelectItem& item : statement.items) {
    std::optional<SqlError> error;
    if (item.kind == SelectItem::Kind::kCall) {
      error = AnalyzeCall(item, state);
    } else if (item.kind == SelectItem::Kind::kParameter) {
      error = AnalyzeParameter(item, use, types);
    } else if (item.kind == SelectItem::Kind::kColumn &&
               (item.text != "x" || statement.table.empty())) {
      error = SqlError{"42703", "column \"" + item.text + "\" does not exist"};
    }
    if (error.has_value()) return error;
  }
  return AnalyzeTypes(types);
}

}  // namespace

bool SeesPublic(const SessionState& state) {
  const auto names = SplitNames(state.Value(*FindParameter("search_path")));
  return names.has_value() && std::find(names->begin(), names->end(), "public") != names->end();
}

bool SeesTable(const SessionState& state, const std::string& name) {
  return state.now.temp_tables.contains(name) || (name == kSharedTable && SeesPublic(state));
}

bool IsSequence(std::string_view name) {
  return name == "sq0" || name == "sq1";
}

bool IsLockCall(const SelectItem& item) {
  return item.kind == SelectItem::Kind::kCall && item.arguments.size() == 1 &&
         (item.text == "pg_advisory_lock" || item.text == "pg_advisory_xact_lock" ||
          item.text == "hidden_lock");
}

bool IsTransactionLock(const SelectItem& item) {
  return item.text.find("_xact_") != std::string::npos;
}

std::optional<SqlError> Analyze(const MiniStatement& statement, const SessionState& state,
                                ParameterUse use, std::vector<uint32_t>& types) {
  switch (statement.kind) {
    case StatementKind::kShow:
      if (state.Find(statement.name) != nullptr) return std::nullopt;
      return SqlError{"42704", "unrecognized configuration parameter \"" + statement.name + "\""};
    case StatementKind::kInsert:
      if (!SeesTable(state, statement.name)) return NoRelation(statement.name);
      return AnalyzeItems(statement, state, use, types);
    case StatementKind::kSelect:
      if (!statement.table.empty() && !SeesTable(state, statement.table)) {
        return NoRelation(statement.table);
      }
      return AnalyzeItems(statement, state, use, types);
    default:  // utility statements look at their names when they run
      return AnalyzeTypes(types);
  }
}

std::optional<SqlError> Plan(const MiniStatement& statement) {
  if (statement.kind == StatementKind::kCopyOut) return std::nullopt;  // when it runs
  const bool divides =
      std::any_of(statement.items.begin(), statement.items.end(),
                  [](const SelectItem& item) { return item.kind == SelectItem::Kind::kDivision; });
  if (divides) return SqlError{"22012", "division by zero"};
  return std::nullopt;
}

std::vector<Column> ResultColumns(const MiniStatement& statement, const SessionState& state,
                                  const std::vector<uint32_t>& types) {
  std::vector<Column> columns;
  if (statement.kind == StatementKind::kShow) {
    const KnownParameter* known = state.Find(statement.name);
    if (known != nullptr) columns.push_back({.name = std::string(known->name), .type = kTextOid});
  } else if (statement.kind == StatementKind::kExecute) {
    const auto found = state.prepared.find(statement.name);
    if (found == state.prepared.end()) return columns;
    return ResultColumns(found->second.statement, state, found->second.types);
  } else if (statement.kind == StatementKind::kSelect) {
    for (const SelectItem& item : statement.items) {
      Column& column = columns.emplace_back();
      column.name = "?column?";
      column.type = kTextOid;
      if (item.kind == SelectItem::Kind::kCall) {
        const Function* function = FindFunction(item);
        column.name = item.text;
        if (function != nullptr) column.type = function->result;
      } else if (item.kind == SelectItem::Kind::kHeld) {
        column.name = "exists";
        column.type = kBoolOid;
      } else if (item.kind == SelectItem::Kind::kOwnSetting) {
        column.name = "case";
      } else if (item.kind == SelectItem::Kind::kColumn) {
        column.name = item.text;
        column.of_table = true;
      } else if (item.kind == SelectItem::Kind::kParameter) {
        const size_t index = ParameterIndex(item);
        if (index >= 1 && index <= types.size()) column.type = types[index - 1];
      } else if (item.kind == SelectItem::Kind::kNumber ||
                 item.kind == SelectItem::Kind::kDivision) {
        column.type = kInt4Oid;
      }
    }
  }
  return columns;
}

}  // namespace pglynx::sim
