// Prepared statements on their way to the server: names are the client's own on one side
// and shared ones on the other.

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using wire::FrameScanner;
using wire::Request;

// No client statement has this name on a server: Close of it is answered and does nothing.
constexpr std::string_view kNoStatement = "pglynx_none";
// A longer unnamed statement is not kept for a Bind in a later batch.
constexpr size_t kUnnamedBytesMax = size_t{16} * 1024;

std::string_view Body(const FrameScanner::Item& item) {
  return item.bytes.substr(wire::kHeaderBytes);
}

}  // namespace

// A named statement that a server of this pool has accepted before is prepared without one:
// it will be prepared where it is used first. Drivers that prepare ahead take no server for
// it, and cannot block themselves on a pool whose servers their own transactions hold.
bool ClientSession::ParsedWithoutServer(const FrameScanner::Item& item) {
  if (!SharesStatements()) return false;
  ByteReader reader(Body(item));
  const std::string_view name = reader.CString();
  const std::string_view contents = reader.rest();
  const std::string_view text = reader.CString();
  if (!reader.ok() || name.empty()) return false;
  const sql::StateEffects effects = JudgeText(text);
  if (effects.Pins() || effects.Has(sql::StateEffect::kReadsSequences)) return false;
  if (statements_ == nullptr) statements_ = std::make_unique<PreparedStatements>();
  const uint32_t statements_max = table_.world().config->general.max_client_statements;
  if (statements_->Find(name) != nullptr || statements_->size() >= statements_max) return false;
  pool::StatementRef statement = pool_.statements().Get(
      contents, table_.scratch().text_settings.Of(wanted_).identity, effects.bits());
  if (!statement->proven) return false;
  ++pool_.stats().client_parse_count;
  statements_->Add(name, std::move(statement));
  statements_->Settle();
  NewLocalReply().assign("1\0\0\0\4", wire::kHeaderBytes);  // ParseComplete
  return true;
}

// Names of statements mean nothing certain while an earlier batch of the pipeline may still
// fail: such a message waits until that has been answered.
bool ClientSession::NamesAreUncertain(char type) const {
  if (!SharesStatements() || (type != 'P' && type != 'B' && type != 'D' && type != 'C')) {
    return false;
  }
  return (statements_ != nullptr && statements_->Uncertain()) ||
         lease_->memory().statements.Uncertain();
}

void ClientSession::OnParse(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const std::string_view name = reader.CString();
  const std::string_view contents = reader.rest();
  const std::string_view text = reader.CString();
  if (!reader.ok()) {
    FlushToServer();
    Fatal({ErrorCode::kProtocolViolation, "invalid Parse message: its text has no end"});
    return;
  }
  const sql::StateEffects effects = JudgeText(text);
  NoteResets(text, effects);
  if (!SessionMode() && !Admit(effects, Request::kDeniedParse)) return;
  if (!name.empty() && SharesStatements()) {
    OnNamedParse(name, contents, effects);
    return;
  }
  if (!name.empty()) {
    if (!SessionMode()) Pin("prepare");
  } else if (!SessionMode()) {
    const bool kept = contents.size() <= kUnnamedBytesMax;
    unnamed_.assign(kept ? contents : std::string_view());
    unnamed_effects_ = effects;
    lease_->memory().unnamed_statement_of = id_;
    lease_->memory().unnamed_statement_version = ++unnamed_version_;
  }
  lease_->tracker().Sent(Request::kParse);
  table_.scratch().to_server.Add(item.bytes);
}

void ClientSession::OnNamedParse(std::string_view name, std::string_view contents,
                                 sql::StateEffects effects) {
  WriteBatch& batch = table_.scratch().to_server;
  wire::ReplyTracker& tracker = lease_->tracker();
  ++pool_.stats().client_parse_count;
  if (statements_ == nullptr) statements_ = std::make_unique<PreparedStatements>();
  const uint32_t statements_max = table_.world().config->general.max_client_statements;
  if (statements_->Find(name) != nullptr) {
    DenyOnServer(Request::kDeniedParse,
                 {ErrorCode::kDuplicateStatement,
                  fmt::format("prepared statement \"{}\" already exists", name)});
    return;
  }
  if (statements_->size() >= statements_max) {
    DenyOnServer(Request::kDeniedParse, {ErrorCode::kConfigurationLimit,
                                         fmt::format("too many prepared statements of one client: "
                                                     "max_client_statements = {}",
                                                     statements_max)});
    return;
  }
  pool::StatementRef statement = pool_.statements().Get(
      contents, table_.scratch().text_settings.Of(wanted_).identity, effects.bits());
  std::string& message = batch.NewOwned();
  if (lease_->memory().statements.Touch(statement->id)) {
    // Answered in its place in the pipeline: CloseComplete, shown as ParseComplete.
    wire::AppendClose(message, 'S', kNoStatement);
    tracker.Sent(Request::kParseAsClose);
  } else {
    wire::AppendParse(message, statement->name, contents);
    lease_->memory().statements.Sent(statement->id);
    tracker.Sent(Request::kNamedParse);
    ++pool_.stats().server_parse_count;
  }
  batch.AddOwned(message);
  statements_->Add(name, std::move(statement));
}

void ClientSession::SendHiddenClose(std::string_view name) {
  WriteBatch& batch = table_.scratch().to_server;
  std::string& close = batch.NewOwned();
  wire::AppendClose(close, 'S', name);
  batch.AddOwned(close);
  lease_->tracker().Sent(Request::kHiddenClose);
}

std::string_view ClientSession::NameOnServer(std::string_view name) {
  const pool::Statement* statement = statements_ != nullptr ? statements_->Find(name) : nullptr;
  if (statement == nullptr) return {};
  if (!lease_->memory().statements.Touch(statement->id)) {
    WriteBatch& batch = table_.scratch().to_server;
    std::string& parse = batch.NewOwned();
    wire::AppendParse(parse, statement->name, statement->contents());
    batch.AddOwned(parse);
    lease_->memory().statements.Sent(statement->id);
    lease_->tracker().Sent(Request::kHiddenParse);
    ++pool_.stats().server_parse_count;
  }
  return statement->name;
}

// A Bind or Describe of the unnamed statement in a later batch than its Parse: the server
// may be another one, or hold another client's.
void ClientSession::EnsureUnnamedStatement() {
  pool::ServerMemory& memory = lease_->memory();
  if (memory.unnamed_statement_of == id_ && memory.unnamed_statement_version == unnamed_version_) {
    return;
  }
  WriteBatch& batch = table_.scratch().to_server;
  if (!unnamed_.empty()) {
    std::string& parse = batch.NewOwned();
    wire::AppendParse(parse, "", unnamed_);
    batch.AddOwned(parse);
    lease_->tracker().Sent(Request::kHiddenUnnamedParse);
    memory.unnamed_statement_of = id_;
    memory.unnamed_statement_version = unnamed_version_;
  } else if (memory.unnamed_statement_of != 0) {
    SendHiddenClose("");
    memory.unnamed_statement_of = 0;
  }
}

void ClientSession::AddRenamed(const FrameScanner::Item& item, size_t name_at, size_t name_bytes,
                               std::string_view new_name) {
  WriteBatch& batch = table_.scratch().to_server;
  std::string& head = batch.NewOwned();
  head.assign(item.bytes.substr(0, name_at));
  const uint32_t length = LoadU32(head.data() + 1);
  StoreU32(head.data() + 1,
           length - static_cast<uint32_t>(name_bytes) + static_cast<uint32_t>(new_name.size()));
  head += new_name;
  batch.AddOwned(head);
  batch.Add(item.bytes.substr(name_at + name_bytes));
}

void ClientSession::OnBind(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const std::string_view portal = reader.CString();
  const std::string_view name = reader.CString();
  if (!reader.ok()) {
    FlushToServer();
    Fatal({ErrorCode::kProtocolViolation,
           "invalid Bind message: the names of portal and statement are missing or too long"});
    return;
  }
  const size_t name_at = wire::kHeaderBytes + portal.size() + 1;
  if (SessionMode() || (!name.empty() && !SharesStatements())) {
    table_.scratch().to_server.Add(item.bytes);
  } else if (name.empty()) {
    if (!Admit(unnamed_effects_, Request::kDeniedParse)) return;
    EnsureUnnamedStatement();
    table_.scratch().to_server.Add(item.bytes);
  } else {
    ++pool_.stats().bind_count;
    const pool::Statement* statement = statements_ != nullptr ? statements_->Find(name) : nullptr;
    if (statement != nullptr &&
        !Admit(sql::StateEffects::FromBits(statement->effects), Request::kDeniedParse)) {
      return;
    }
    if (statement != nullptr && statement->effects != 0) {
      const std::string_view contents = statement->contents();
      NoteResets(contents.substr(0, contents.find('\0')),
                 sql::StateEffects::FromBits(statement->effects));
    }
    const std::string_view server_name = NameOnServer(name);
    if (server_name.empty()) {
      DenyOnServer(Request::kDeniedParse,
                   {ErrorCode::kInvalidStatementName,
                    fmt::format("prepared statement \"{}\" does not exist", name)});
      return;
    }
    AddRenamed(item, name_at, name.size(), server_name);
  }
  lease_->tracker().Sent(Request::kBind);
}

void ClientSession::OnDescribe(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const bool of_statement = reader.U8() == 'S';
  const std::string_view name = reader.CString();
  const size_t name_at = wire::kHeaderBytes + 1;
  if (reader.ok() && of_statement && !SessionMode()) {
    if (name.empty()) {
      EnsureUnnamedStatement();
    } else if (SharesStatements()) {
      const std::string_view server_name = NameOnServer(name);
      if (server_name.empty()) {
        DenyOnServer(Request::kDeniedParse,
                     {ErrorCode::kInvalidStatementName,
                      fmt::format("prepared statement \"{}\" does not exist", name)});
        return;
      }
      AddRenamed(item, name_at, name.size(), server_name);
      lease_->tracker().Sent(Request::kDescribe);
      return;
    }
  }
  lease_->tracker().Sent(Request::kDescribe);
  table_.scratch().to_server.Add(item.bytes);
}

void ClientSession::OnCloseStatement(const FrameScanner::Item& item) {
  ByteReader reader(Body(item));
  const bool of_statement = reader.U8() == 'S';
  const std::string_view name = reader.CString();
  if (reader.ok() && of_statement && !SessionMode()) {
    if (name.empty()) {
      unnamed_.clear();
      lease_->memory().unnamed_statement_of = 0;
    } else if (SharesStatements()) {
      if (statements_ == nullptr) statements_ = std::make_unique<PreparedStatements>();
      statements_->Remove(name);
      AddRenamed(item, wire::kHeaderBytes + 1, name.size(), kNoStatement);
      lease_->tracker().Sent(Request::kNamedClose);
      return;
    }
  }
  lease_->tracker().Sent(Request::kClose);
  table_.scratch().to_server.Add(item.bytes);
}

}  // namespace pglynx::session
