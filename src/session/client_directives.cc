// The commands that choose a shard or a role, sent by Parse, Bind and Execute; see client_route.cc.

#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/directive_replies.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using wire::FrameScanner;

// pg_type.dat: text.
constexpr uint32_t kTextOid = 25;

std::string_view Body(const FrameScanner::Item& item) {
  return item.bytes.substr(wire::kHeaderBytes);
}

}  // namespace

bool ClientSession::UsesLocalStatement(const FrameScanner::Item& item) const {
  ByteReader reader(Body(item));
  if (item.type == 'P') {
    reader.CString();
    const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
    return DirectiveOf(reader.CString(), syntax).has_value();
  }
  if (local_statements_ == nullptr) return false;
  const auto& texts = local_statements_->texts;
  const auto& portals = local_statements_->portals;
  switch (item.type) {
    case 'B':
      reader.CString();
      return texts.contains(reader.CString());
    case 'D':
    case 'C': {
      const bool of_statement = reader.U8() == 'S';
      const std::string_view name = reader.CString();
      return of_statement ? texts.contains(name) : portals.contains(name);
    }
    case 'E':
      return portals.contains(reader.CString());
    default:
      return false;
  }
}

// Parse, Bind, Describe, Execute and Close of such a command, where no server is held.
bool ClientSession::AnsweredLocalStatement(const FrameScanner::Item& item) {
  if (!UsesLocalStatement(item)) return false;
  if (item.kind != FrameScanner::Kind::kMessage) {
    RefuseLocally({ErrorCode::kInvalidParameterValue, "the value is too long"});
    skip_to_sync_ = true;
    drop_bytes_ = scanner_.body_remaining();
    return true;
  }
  if (local_statements_ == nullptr) local_statements_ = std::make_unique<LocalStatements>();
  std::optional<Error> error;
  switch (item.type) {
    case 'P':
      error = ParseLocally(item);
      break;
    case 'B':
      error = BindLocally(item);
      break;
    case 'D':
      DescribeLocally(item);
      break;
    case 'E':
      if (!ExecuteLocally(item)) skip_to_sync_ = true;
      break;
    default:
      CloseLocally(item);
      break;
  }
  if (error.has_value()) {
    RefuseLocally(*error);
    skip_to_sync_ = true;
  }
  return true;
}

std::optional<Error> ClientSession::ParseLocally(const FrameScanner::Item& item) {
  auto& texts = local_statements_->texts;
  ByteReader reader(Body(item));
  const std::string name(reader.CString());
  const bool known =
      texts.contains(name) || (statements_ != nullptr && statements_->Find(name) != nullptr);
  if (!name.empty() && known) {
    return Error{ErrorCode::kDuplicateStatement,
                 fmt::format("prepared statement \"{}\" already exists", name)};
  }
  const uint32_t most = table_.world().config->general.max_client_statements;
  if (texts.size() >= most) return TooManyStatements(most);
  LocalStatements::Prepared& prepared = texts[name];
  prepared.text = reader.CString();
  prepared.type_oid = reader.U16() > 0 ? reader.U32() : 0;
  if (name.empty() && unnamed_ != nullptr) unnamed_->Forget();
  AppendBare(NewLocalReply(), '1');
  return std::nullopt;
}

std::optional<Error> ClientSession::BindLocally(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const std::string portal(reader.CString());
  LocalStatements::Portal bound;
  bound.statement = reader.CString();
  for (uint16_t left = reader.U16(); left > 0; --left) bound.is_binary = reader.U16() == 1;
  const uint16_t values = reader.U16();
  if (values > 0) {
    constexpr uint32_t kNull = 0xffffffffU;
    const uint32_t length = reader.U32();
    bound.has_value = true;
    bound.is_null = length == kNull;
    if (!bound.is_null) bound.value = reader.Bytes(length);
  }
  if (!reader.ok() || values > 1) {
    return Error{ErrorCode::kInvalidParameterValue,
                 fmt::format("bind message supplies {} parameters, one is allowed", values)};
  }
  local_statements_->portals[portal] = std::move(bound);
  AppendBare(NewLocalReply(), '2');
  return std::nullopt;
}

std::optional<sql::Directive> ClientSession::LocalDirective(std::string_view statement) const {
  const auto text = local_statements_->texts.find(statement);
  if (text == local_statements_->texts.end()) return std::nullopt;  // closed since
  return DirectiveOf(text->second.text, table_.scratch().text_settings.Of(wanted_).syntax);
}

void ClientSession::DescribeLocally(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const bool of_statement = reader.U8() == 'S';
  const std::string_view name = reader.CString();
  const auto directive =
      LocalDirective(of_statement ? name : local_statements_->portals.find(name)->second.statement);
  std::string& out = NewLocalReply();
  if (of_statement) {
    const wire::MessageScope message(out, 't');
    const bool has_parameter = directive.has_value() && directive->parameter != 0;
    out.append(has_parameter ? "\0\1" : "\0\0", 2);
    if (has_parameter) AppendU32(out, kTextOid);
  }
  const std::string_view column =
      directive.has_value() ? sql::ColumnOf(directive->kind) : std::string_view();
  if (column.empty()) {
    AppendBare(out, 'n');  // NoData
  } else {
    AppendOneColumn(out, column);
  }
}

bool ClientSession::ExecuteLocally(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const LocalStatements::Portal& portal = local_statements_->portals.find(reader.CString())->second;
  const auto directive = LocalDirective(portal.statement);
  if (!directive.has_value()) {
    RefuseLocally({ErrorCode::kInvalidStatementName,
                   fmt::format("prepared statement \"{}\" does not exist", portal.statement)});
    return false;
  }
  std::optional<routing::BoundValue> bound;
  if (portal.has_value) {
    const uint32_t type_oid = local_statements_->texts.find(portal.statement)->second.type_oid;
    bound = routing::BoundValue{.bytes = {}, .is_binary = portal.is_binary, .type_oid = type_oid};
    if (!portal.is_null) bound->bytes = portal.value;
  }
  return ExecuteDirective(*directive, bound, false);
}

void ClientSession::CloseLocally(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const bool of_statement = reader.U8() == 'S';
  const std::string name(reader.CString());
  if (of_statement) {
    local_statements_->texts.erase(name);
  } else {
    local_statements_->portals.erase(name);
  }
  AppendBare(NewLocalReply(), '3');
}

}  // namespace pglynx::session
