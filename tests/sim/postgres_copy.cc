// FakePostgres: COPY in both directions ("COPY Operations" in the manual).

#include <utility>

#include "sim/postgres_session.h"

namespace pglynx::sim {

std::optional<SqlError> PostgresSession::BeginCopyIn(const MiniStatement& statement) {
  const std::string& table = statement.name;
  if (!SeesTable(state_, table)) {
    return SqlError{"42P01", "relation \"" + table + "\" does not exist"};
  }
  copy_in_.emplace().table = table;
  {
    const wire::MessageScope message(out_, 'G');
    out_ += '\0';
    AppendU16(out_, 1);
    AppendU16(out_, 0);
  }
  Flush();
  return std::nullopt;
}

// While it reads CopyData the server ignores Sync and Flush ("COPY Operations").
void PostgresSession::OnCopyMessage(char type, std::string_view body) {
  if (type == 'S' || type == 'H') return;
  CopyIn& copy = *copy_in_;
  if (type == 'd' && !copy.canceled) {
    for (const char c : body) {
      if (c != '\n') {
        copy.unfinished += c;
      } else {
        copy.lines.push_back(std::exchange(copy.unfinished, {}));
      }
    }
    return;
  }
  CopyIn done = std::move(copy);
  copy_in_.reset();
  if (done.canceled) {
    Fail("57014", "canceling statement due to user request");
  } else if (type == 'c') {
    if (!done.unfinished.empty()) done.lines.push_back(std::move(done.unfinished));
    wire::AppendCommandComplete(out_, "COPY " + std::to_string(done.lines.size()));
    const auto table = state_.now.temp_tables.find(done.table);
    if (table != state_.now.temp_tables.end()) {
      table->second.insert(table->second.end(), done.lines.begin(), done.lines.end());
    }
    if (!is_extended_) state_.portals.erase("");
  } else if (type == 'f') {
    Fail("57014", "COPY from stdin failed: " + std::string(ByteReader(body).CString()));
  } else {
    // The message is not read to its end, so nothing behind it can be understood.
    constexpr std::string_view kHex = "0123456789ABCDEF";
    const auto byte = static_cast<uint8_t>(type);
    Fail("08P01", std::string("unexpected message type 0x") + kHex[byte >> 4U] + kHex[byte & 15U] +
                      " during COPY from stdin");
    Refuse("08P01", "terminating connection because protocol synchronization was lost");
  }
}

std::optional<SqlError> PostgresSession::ExecuteCopyOut(const Running& running) {
  MiniStatement select = running.statement;
  select.kind = StatementKind::kSelect;
  std::vector<uint32_t> types;
  if (auto error = Analyze(select, state_, ParameterUse::kRefused, types)) return error;
  if (auto error = Plan(select)) return error;
  const auto columns = static_cast<uint16_t>(select.items.size());
  Portal portal = MakePortal(std::move(select), {}, {});
  {
    const wire::MessageScope message(out_, 'H');
    out_ += '\0';
    AppendU16(out_, columns);
    for (uint16_t i = 0; i < columns; ++i) AppendU16(out_, 0);
  }
  for (size_t rows = 0;; ++rows) {
    std::vector<SqlValue> values;
    if (auto error = NextRow(portal, values)) return error;
    if (values.empty()) {
      wire::MessageScope(out_, 'c');
      wire::AppendCommandComplete(out_, "COPY " + std::to_string(rows));
      return std::nullopt;
    }
    const wire::MessageScope message(out_, 'd');
    for (const SqlValue& value : values) {
      if (&value != &values.front()) out_ += '\t';
      out_ += value.value_or("\\N");
    }
    out_ += '\n';
  }
}

}  // namespace pglynx::sim
