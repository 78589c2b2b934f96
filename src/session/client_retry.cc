// "cached plan must not change result type": Postgres refuses to run a prepared statement whose
// result has other columns than when it was prepared. A client that asks for the description in
// the same batch can have the new one, so nobody needs to be told: the batch is sent again with
// the statement prepared anew, if it was the only one, outside of a transaction, and nothing of it
// was answered. A client that relies on an earlier description would misread the new rows: it gets
// the error, as from Postgres, each time until it prepares the statement again.

#include <utility>

#include "pglynx/core/bytes.h"
#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using pool::StatementUses;
using wire::FrameScanner;
using wire::Request;

// Names and types of the columns, whatever their format and table; never 0. `body` is that of a
// RowDescription, or empty for NoData.
uint64_t HashOfResult(std::string_view body) {
  constexpr uint64_t kPrime = 0x100000001b3U;
  uint64_t hash = 0xcbf29ce484222325U;
  const auto add = [&hash](std::string_view bytes) {
    for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * kPrime;
  };
  ByteReader reader(body);
  for (uint16_t left = body.empty() ? 0 : reader.U16(); left > 0 && reader.ok(); --left) {
    add(reader.CString());
    reader.Bytes(6);        // the table's OID and the column's number
    add(reader.Bytes(10));  // the type's OID, length and modifier
    reader.U16();           // the format
  }
  return hash | 1U;
}

// The longest batch that is kept; what sends more in one batch is told of the error.
constexpr size_t kKeptBytesMax = size_t{4} * 1024;

}  // namespace

// Its Sync is sent: a batch that came in one piece is kept until it is answered.
void ClientSession::KeepBatch(const FrameScanner::Item& sync) {
  const auto bytes = static_cast<size_t>(sync.bytes.data() + sync.bytes.size() - kept_begin_);
  keeps_batch_ = bytes <= kKeptBytesMax;
  if (keeps_batch_) lease_->memory().kept_batch.assign(kept_begin_, bytes);
  kept_begin_ = nullptr;
}

// Whether what is kept may be sent again: it uses one statement, whose result is described or which
// is prepared anew, so that the client relies on no earlier description of it.
bool ClientSession::MayRetry() const {
  if (!keeps_batch_ || retrying_) return false;
  FrameScanner scanner(wire::FrontendRules(), static_cast<uint32_t>(kKeptBytesMax));
  std::string_view rest = lease_->memory().kept_batch;
  bool describes = !rest.empty() && rest[0] == 'P';
  size_t binds = 0;
  while (!rest.empty()) {
    const FrameScanner::Item item = scanner.Next(rest);
    const bool first = rest.size() == lease_->memory().kept_batch.size();
    rest.remove_prefix(item.bytes.size());
    describes = describes || item.type == 'D';
    binds += item.type == 'B' ? 1U : 0U;
    const bool known = item.type == 'B' || item.type == 'D' || item.type == 'E' ||
                       item.type == 'S' || (first && item.type == 'P');
    if (!known || item.kind != FrameScanner::Kind::kMessage) return false;
  }
  return describes && binds <= 1;
}

// The next request is about it.
void ClientSession::NoteUse(const pool::Statement* statement, std::string_view name) {
  StatementUses& uses = lease_->memory().uses;
  if (lease_->tracker().empty()) uses.Clear();
  uses.Add(lease_->tracker().next_number(), statement, name);
}

bool ClientSession::OnStalePlan(Request head, uint64_t number) {
  if (head != Request::kBind && head != Request::kDescribe) return false;
  // What this transaction has changed it may take back.
  const bool for_good = lease_->tracker().status() == 'I';
  const StatementUses::Use* use = lease_->memory().uses.Find(number);
  if (use != nullptr && for_good) pool_.statements().SetStale(use->statement);
  if (use != nullptr && !for_good) pool_.statements().SetOutdated(use->statement);
  if (!for_good) return false;
  // Only its Sync is left.
  const bool alone = lease_->tracker().outstanding() == 1 && scanner_.AtBoundary();
  if (!alone || !MayRetry()) return false;
  if (behind_parse_ != 0) {
    behind_parse_ = 0;
    statements_->RemoveDone(use != nullptr ? use->name() : std::string_view());
  }
  retry_due_ = true;
  return true;
}

// The failed batch has ended and nobody was told.
void ClientSession::Retry() {
  retry_due_ = keeps_batch_ = false;
  const std::string batch = std::move(lease_->memory().kept_batch);
  FrameScanner scanner(wire::FrontendRules(), static_cast<uint32_t>(kKeptBytesMax));
  std::string_view rest = batch;
  retrying_ = true;
  while (!rest.empty() && state_ != State::kClosed) {
    const FrameScanner::Item item = scanner.Next(rest);
    OnClientMessage(item);
    rest.remove_prefix(item.bytes.size());
  }
  if (state_ == State::kClosed) return;
  FlushToServer();
  ForwardToClient();
}

bool ClientSession::RenewStale(const FrameScanner::Item& item, std::string_view name) {
  const std::string_view behind = table_.scratch().behind_message;
  const bool described = item.type == 'D' || (!behind.empty() && behind[0] == 'D');
  if (!described && !retrying_) {
    DenyOnServer(Request::kDeniedParse, {ErrorCode::kFeatureNotSupported,
                                         "cached plan must not change result type",
                                         {},
                                         "RevalidateCachedQuery"});
    return false;
  }
  const pool::StatementRef old = statements_->FindRef(name);
  statements_->Replace(name, pool_.statements().Get(old->contents(), old->settings, old->effects));
  return true;
}

// ----- definitions that have changed -----
//
// A server that parses a statement for the first time makes its result from the tables as they are
// now. A client that was told an earlier result would misread it: where a definition has been
// changed since, the result is compared before the client's own message goes there.

void ClientSession::NoteResult(uint64_t number, std::string_view body) {
  const StatementUses::Use* use = lease_->memory().uses.Find(number);
  if (use != nullptr && !use->told) {
    pool_.statements().SetResult(use->statement, HashOfResult(body));
  }
}

void ClientSession::CompareResult(std::string_view body) {
  pool_.statements().CompareResult(std::exchange(comparing_, 0), HashOfResult(body));
}

// True: the message waits until its statement's result is known.
bool ClientSession::MustCompareResult(const FrameScanner::Item& item) {
  if (comparing_ != 0) return true;
  if (pool_.world().database.ddl_count == 0) return false;
  if (item.type != 'B' || statements_ == nullptr || lease_->tracker().skipping()) return false;
  ByteReader reader(item.bytes.substr(wire::kHeaderBytes));
  reader.CString();
  const std::string_view name = reader.CString();
  const pool::Statement* statement = statements_->Find(name);
  if (name.empty() || statement == nullptr || statement->stale || statement->result == 0) {
    return false;
  }
  if (!pool_.statements().IsSuspect(*statement)) return false;
  pool::ServerStatements& held = lease_->memory().statements;
  if (held.Touch(statement->id) || !statement->sql_types.empty()) return false;
  PrepareServer();
  EnsureOnServer(*statement);
  std::string& batch = table_.scratch().to_server.NewOwned();
  wire::AppendDescribe(batch, 'S', statement->name);
  batch += std::string_view("H\0\0\0\4", wire::kHeaderBytes);  // Flush: the batch goes on
  table_.scratch().to_server.AddOwned(batch);
  lease_->tracker().Sent(Request::kHiddenDescribe);
  comparing_ = statement->id;
  return true;
}

}  // namespace pglynx::session
