// Where a transaction goes, in a pool of several shards or servers: the commands that choose, the
// comments that do, and what is decided when a server is needed.

#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/pool/cluster.h"
#include "pglynx/routing/hint_rules.h"
#include "pglynx/session/session_table.h"
#include "pglynx/sql/directive.h"
#include "pglynx/sql/shardless.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/directive_replies.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using routing::BoundValue;
using sql::Directive;
using wire::FrameScanner;

std::string_view Body(const FrameScanner::Item& item) {
  return item.bytes.substr(wire::kHeaderBytes);
}

Error Malformed(const Directive& directive) {
  return {ErrorCode::kInvalidParameterValue,
          fmt::format("{}: invalid value {}; allowed: {}", sql::TagOf(directive.kind),
                      directive.value.view().substr(0, 64), sql::AllowedOf(directive.kind))};
}

// As it is written.
std::string CommandOf(const Directive& directive) {
  const std::string_view column = sql::ColumnOf(directive.kind);
  if (column.empty()) return std::string(sql::TagOf(directive.kind));
  std::string name = "SHOW ";
  for (const char c : column) name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return name;
}

Error InsideTransaction(const Directive& directive) {
  return {
      ErrorCode::kActiveTransaction,
      fmt::format("{} must come before the first statement of a transaction, or of a session in "
                  "session mode",
                  CommandOf(directive))};
}

bool MayBegin(char type) {
  return std::string_view("QPBDECF").find(type) != std::string_view::npos;
}

class ClusterHealth final : public routing::ShardHealth {
 public:
  explicit ClusterHealth(const pool::Cluster& cluster) : cluster_(cluster) {}
  [[nodiscard]] bool IsHealthy(uint32_t shard) const override { return cluster_.IsHealthy(shard); }

 private:
  const pool::Cluster& cluster_;
};

}  // namespace

// The statement that a message runs or prepares.
std::string_view ClientSession::StatementOf(const FrameScanner::Item& item) const {
  ByteReader reader(Body(item));
  if (item.type == 'Q') return reader.CString();
  if (item.type == 'P') {
    reader.CString();
    return reader.CString();
  }
  if (item.type == 'B') {
    reader.CString();
  } else if (item.type != 'D' || reader.U8() != 'S') {
    return {};
  }
  const std::string_view name = reader.CString();
  std::string_view contents;
  if (name.empty()) {
    contents = unnamed_ != nullptr ? unnamed_->contents() : std::string_view();
  } else if (const pool::Statement* statement =
                 statements_ != nullptr ? statements_->Find(name) : nullptr) {
    contents = statement->contents();
  }
  return contents.substr(0, contents.find('\0'));
}

pool::Pool::Outcome ClientSession::AcquireRouted(const FrameScanner::Item& item) {
  shard_bound_ = rules_.shards == 1;
  bool needs = false;
  if (!shard_bound_) {
    const std::string_view text = StatementOf(item);
    const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
    if (rules_.hints != nullptr && !text.empty()) {
      if (const std::optional<sql::Hint> hint = rules_.hints->Find(text, syntax)) {
        const Status status = route_.ApplyHint(*hint, rules_);
        if (!status) return status.error();
      }
    }
    needs = item.type == 'F' || (!text.empty() && sql::NeedsShard(text, syntax));
  }
  Random& random = table_.world().random;
  const ClusterHealth health(*pool_.cluster);
  Result<routing::Route> route = route_.Decide(needs, rules_, random, health);
  // Drivers prepare before they choose. That touches no row: any shard knows the types.
  const bool runs = SessionMode() || (item.type != 'P' && item.type != 'D');
  if (!route && needs && !runs) route = route_.Decide(false, rules_, random, health);
  if (!route) {
    route_.OnTransactionEnd(false, rules_);
    return route.error();
  }
  shard_bound_ = shard_bound_ || (needs && runs);
  if (SessionMode()) route_.SetFixed(route->shard);
  std::optional<bool> primary_reads;
  if (route->primary_reads == Directive::Reads::kOn) primary_reads = true;
  if (route->primary_reads == Directive::Reads::kOff) primary_reads = false;
  return pool_.cluster->Acquire(
      *this, {.shard = route->shard, .role = route->role, .primary_reads = primary_reads});
}

// A comment in front of BEGIN is for the transaction that it opens.
bool ClientSession::HintsAt(std::string_view text) {
  if (pool_.cluster == nullptr || rules_.hints == nullptr) return true;
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  const std::optional<sql::Hint> hint = rules_.hints->Find(text, syntax);
  if (!hint.has_value()) return true;
  const Status status = route_.ApplyHint(*hint, rules_);
  if (!status) RefuseLocally(status.error());
  return status.has_value();
}

std::optional<Error> ClientSession::ShardRefusal(std::string_view text) {
  if (shard_bound_ || pool_.cluster == nullptr || SessionMode()) return std::nullopt;
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  if (!sql::NeedsShard(text, syntax)) return std::nullopt;
  // The transaction has begun on a shard that nobody chose; would it have begun with this?
  const Result<routing::Route> route =
      route_.Decide(true, rules_, table_.world().random, ClusterHealth(*pool_.cluster));
  if (!route) return route.error();
  shard_bound_ = true;
  return std::nullopt;
}

bool ClientSession::RefusesShardOfBind(const FrameScanner::Item& item) {
  std::optional<Error> refusal = ShardRefusal(StatementOf(item));
  if (!refusal.has_value()) return false;
  DenyOnServer(wire::Request::kDeniedParse, std::move(*refusal));
  return true;
}

// Commands, and in a pool of several shards whatever may begin a transaction: behind the end of
// the last one it may belong to another server.
bool ClientSession::WaitsToChoose(const FrameScanner::Item& item) {
  const wire::ReplyTracker& tracker = lease_->tracker();
  if (SessionMode() || tracker.unsynced()) return false;  // inside a batch: it is refused there
  const bool taken_for_this = nothing_sent_ && tracker.empty();
  const bool sharded = pool_.cluster != nullptr && pool_.cluster->shard_count() > 1;
  const bool begins = sharded && !taken_for_this && MayBegin(item.type);
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  const bool chooses =
      begins || (item.type == 'Q' ? DirectiveOf(StatementOf(item), syntax).has_value()
                                  : UsesLocalStatement(item));
  if (!chooses) return false;
  const bool asks = watch_ != nullptr && (watch_->owes() || watch_->asking());
  if (!tracker.empty() || (asks && tracker.status() == 'I')) {
    PauseClient(kPausedPipeline);
    return true;
  }
  const bool settled = tracker.Idle() && resets_ == nullptr && restored_ == nullptr;
  if (!settled || !PinReason().empty()) return false;  // so is it there
  choice_due_ = true;
  return true;
}

void ClientSession::GiveBackToChoose() {
  choice_due_ = false;
  if (lease_) GiveServerBack();
  ConsumeHeldInput();
}

bool ClientSession::RefusesRoute(const FrameScanner::Item& item, std::string_view text,
                                 wire::Request denial) {
  std::optional<Error> refusal = RouteRefusal(item, text);
  if (!refusal.has_value()) return false;
  DenyOnServer(denial, std::move(*refusal));
  return true;
}

std::optional<Error> ClientSession::RouteRefusal(const FrameScanner::Item& item,
                                                 std::string_view text) {
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  if (const auto directive = DirectiveOf(text, syntax)) {
    const std::string_view reason = PinReason();
    if (reason.empty() || batch_status_ != 'I') return InsideTransaction(*directive);
    return Error{ErrorCode::kActiveTransaction,
                 fmt::format("{} is not possible while this client keeps its server ({})",
                             CommandOf(*directive), reason),
                 "End the state that keeps it "
                 "(UNLISTEN, DROP, pg_advisory_unlock, CLOSE, DEALLOCATE)."};
  }
  return item.type == 'Q' ? ShardRefusal(text) : std::nullopt;
}

void ClientSession::EndRoute() {
  route_.OnTransactionEnd(std::exchange(shard_bound_, false), rules_);
}

// ----- commands -----

void ClientSession::RefuseLocally(const Error& error) {
  wire::AppendErrorResponse(NewLocalReply(), wire::Severity::kError, error);
}

// `described`: a row is preceded by its description, as in the answer to a Query.
// False: an error was told.
bool ClientSession::ExecuteDirective(const Directive& directive,
                                     const std::optional<BoundValue>& bound, bool described) {
  if (deferred_ != nullptr) {
    deferred_->failed = true;
    RefuseLocally(InsideTransaction(directive));
    return false;
  }
  if (directive.malformed) {
    RefuseLocally(Malformed(directive));
    return false;
  }
  Result<routing::Reply> reply = route_.Apply(directive, bound, rules_, table_.world().random);
  if (!reply) {
    RefuseLocally(reply.error());
    return false;
  }
  std::string& out = NewLocalReply();
  if (!reply->column.empty()) {
    if (described) AppendOneColumn(out, reply->column);
    AppendOneRow(out, reply->value);
  }
  wire::AppendCommandComplete(out, reply->tag);
  return true;
}

// A Query without a server.
bool ClientSession::AnsweredDirective(const FrameScanner::Item& item) {
  const std::string_view body = Body(item);
  if (body.empty() || body.back() != '\0') return false;
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  const auto directive = DirectiveOf(body.substr(0, body.size() - 1), syntax);
  if (!directive.has_value()) return false;
  static_cast<void>(ExecuteDirective(*directive, std::nullopt, true));
  wire::AppendReadyForQuery(NewLocalReply(), LocalStatus());
  if (unnamed_ != nullptr) unnamed_->Forget();
  if (local_statements_ != nullptr) local_statements_->texts.erase("");
  return true;
}

}  // namespace pglynx::session
