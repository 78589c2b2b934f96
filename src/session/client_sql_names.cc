// Prepared statements of SQL: PREPARE, EXECUTE, DEALLOCATE. Their names are the client's own, in
// one name space with those of the protocol, and act on that client alone: in the text that goes
// to a server each is replaced by a shared one, which is prepared there first where it is missing.

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "pglynx/session/session_table.h"
#include "pglynx/sql/prepared_uses.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using sql::PreparedUse;
using sql::StateEffect;
using sql::StateEffects;
using wire::Request;
using Kind = sql::PreparedUse::Kind;

}  // namespace

// Builds the text that goes to the server, use by use.
class ClientSession::NameRewriter {
 public:
  NameRewriter(ClientSession& session, std::string_view text) : session_(session), text_(text) {}

  // False: it is refused, and has been answered.
  bool Take(const PreparedUse& use, Request denial);
  void Finish() { result.text += text_.substr(copied_); }

  RenamedText result;
  std::vector<pool::StatementRef> needed;  // on the server, before it runs
  std::vector<std::string> closed;         // on the server, if they are there
  size_t gone = 0;                         // statements that are there, in place of others

 private:
  struct Own {
    std::string name;
    pool::StatementRef statement;  // nothing: deallocated
  };
  [[nodiscard]] pool::StatementRef Find(const std::string& name, bool* made_here) const;
  bool TakePrepare(const PreparedUse& use, Request denial);
  bool TakeExecute(const PreparedUse& use, Request denial);
  void TakeDeallocate(const PreparedUse& use);
  void Replace(const PreparedUse& use, std::string_view name);

  ClientSession& session_;
  std::string_view text_;
  size_t copied_ = 0;
  std::vector<Own> own_;  // names made or deallocated in this text
  bool all_gone_ = false;
};

pool::StatementRef ClientSession::NameRewriter::Find(const std::string& name,
                                                     bool* made_here) const {
  *made_here = false;
  for (auto at = own_.rbegin(); at != own_.rend(); ++at) {
    if (at->name != name) continue;
    *made_here = true;
    return at->statement;
  }
  if (all_gone_ || session_.statements_ == nullptr) return {};
  return session_.statements_->FindRef(name);
}

void ClientSession::NameRewriter::Replace(const PreparedUse& use, std::string_view name) {
  result.text += text_.substr(copied_, use.name_at - copied_);
  result.text += name;
  const auto own = Characters(text_.substr(use.name_at, use.name_bytes));
  result.shifts.push_back(
      {Characters(result.text), static_cast<int64_t>(name.size()) - static_cast<int64_t>(own)});
  copied_ = use.name_at + use.name_bytes;
}

bool ClientSession::NameRewriter::Take(const PreparedUse& use, Request denial) {
  switch (use.kind) {
    case Kind::kPrepare:
      return TakePrepare(use, denial);
    case Kind::kExecute:
      return TakeExecute(use, denial);
    case Kind::kDeallocate:
    case Kind::kDeallocateAll:
      TakeDeallocate(use);
      return true;
    case Kind::kDiscardAll:
    case Kind::kDiscardPlans:
      return true;
  }
  return true;
}

bool ClientSession::NameRewriter::TakePrepare(const PreparedUse& use, Request denial) {
  bool made_here = false;
  if (const pool::StatementRef known = Find(use.name, &made_here)) {
    // The server is to say that it exists. Another one that does stands for it: where that cannot
    // be prepared any more its name would be free, for this text, and then be shared.
    const std::string taken =
        made_here ? known->name : fmt::format("{}_{}", kGoneStatement, gone++);
    result.names.emplace_back(taken, use.name);
    Replace(use, taken);
    return true;
  }
  const uint32_t most = session_.table_.world().config->general.max_client_statements;
  if (session_.statements_ != nullptr && session_.statements_->size() >= most) {
    session_.DenyOnServer(denial, TooManyStatements(most));
    return false;
  }
  const TextSettings& settings = session_.table_.scratch().text_settings.Of(session_.wanted_);
  const size_t behind = use.name_at + use.name_bytes;
  const std::string_view rest =
      text_.substr(behind, use.statement_at + use.statement_bytes - behind);
  const std::optional<PrepareParts> parts = SplitPrepare(rest, settings.syntax);
  if (!parts.has_value()) return true;  // the server will say what is wrong
  std::string contents(parts->body);
  contents += kEmptyContents;
  const uint32_t effects = session_.JudgeText(parts->body).bits();
  pool::StatementCache& cache = session_.pool_.statements();
  pool::StatementRef made =
      parts->types.empty() ? cache.Get(contents, settings.identity, effects)
                           : cache.MakeTyped(contents, parts->types, settings.identity, effects);
  const auto makes_it = [&made](const NameChange& change) { return change.prepared == made; };
  const bool passes = session_.lease_->memory().statements.Touch(made->id) ||
                      std::any_of(result.changes.begin(), result.changes.end(), makes_it);
  std::string server_name = made->name;
  if (passes) {
    server_name = fmt::format("{}_{}", kPassingStatement, closed.size());
    closed.push_back(server_name);
  }
  Replace(use, server_name);
  result.changes.push_back({NameChange::Kind::kPrepare, use.statement, use.name, made, !passes});
  result.names.emplace_back(std::move(server_name), use.name);
  own_.push_back({use.name, std::move(made)});
  return true;
}

bool ClientSession::NameRewriter::TakeExecute(const PreparedUse& use, Request denial) {
  bool made_here = false;
  const pool::StatementRef known = Find(use.name, &made_here);
  if (!known) {
    // What a function has prepared goes by its own name; nobody may use one of ours.
    if (!use.name.starts_with(pool::StatementCache::kNamePrefix)) return true;
    result.names.emplace_back("pglynx_unknown", use.name);
    Replace(use, "pglynx_unknown");
    return true;
  }
  const std::string_view contents = known->contents();
  const auto effects = StateEffects::FromBits(known->effects);
  if (!session_.Admit(effects, contents.substr(0, contents.find('\0')), Moment::kRuns, denial)) {
    return false;
  }
  if (!made_here) needed.push_back(known);
  result.names.emplace_back(known->name, use.name);
  Replace(use, known->name);
  return true;
}

void ClientSession::NameRewriter::TakeDeallocate(const PreparedUse& use) {
  const bool all = use.kind == Kind::kDeallocateAll;
  bool made_here = false;
  if (all) {
    // What a function has prepared can only be dropped together with everything.
    if ((session_.held_ & kHoldsPrepared) != 0) return;
    all_gone_ = true;
    own_.clear();
  } else if (!Find(use.name, &made_here)) {
    if (!use.name.starts_with(pool::StatementCache::kNamePrefix)) return;
    result.names.emplace_back("pglynx_unknown", use.name);
    Replace(use, "pglynx_unknown");
    return;
  } else {
    own_.push_back({use.name, {}});
  }
  Replace(use, fmt::format("{}_{}", kGoneStatement, gone++));
  result.changes.push_back({all ? NameChange::Kind::kDeallocateAll : NameChange::Kind::kDeallocate,
                            use.statement,
                            use.name,
                            {},
                            false});
}

// In a failed transaction nothing can be prepared, even if the text leaves it.
bool ClientSession::LacksAny(const std::vector<pool::StatementRef>& needed) {
  pool::ServerStatements& held = lease_->memory().statements;
  return std::any_of(needed.begin(), needed.end(),
                     [&held](const auto& statement) { return !held.Touch(statement->id); });
}

// A Query whose text was judged. False: it goes to the server as it is.
bool ClientSession::SentRenamed(std::string_view text, StateEffects effects) {
  if (!SharesStatements() || !UsesNames(effects)) return false;
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  const auto uses = sql::FindPreparedUses(text, syntax);
  if (!uses.has_value()) {
    NoteUnrenamed(effects);
    return false;
  }
  if (uses->empty()) return false;
  NameRewriter rewriter(*this, text);
  for (const PreparedUse& use : *uses) {
    if (!rewriter.Take(use, Request::kDeniedQuery)) return true;
  }
  rewriter.Finish();
  if (lease_->tracker().status() == 'E' && LacksAny(rewriter.needed)) {
    DenyOnServer(Request::kDeniedQuery,
                 {ErrorCode::kFeatureNotSupported,
                  "a failed transaction has to be left by a Query of its own before statements "
                  "that this server connection lacks can be used"});
    return true;
  }
  for (const pool::StatementRef& needed : rewriter.needed) SetUpOnServer(*needed);
  for (const std::string& name : rewriter.closed) SendHiddenClose(name);
  for (size_t i = 0; i < rewriter.gone; ++i) {
    MakeStatementFor(fmt::format("{}_{}", kGoneStatement, i), true);
  }
  if (statements_ == nullptr) statements_ = std::make_unique<PreparedStatements>();
  Notes().renamed = std::make_unique<RenamedText>(std::move(rewriter.result));
  DropUnnamedStatement();
  notes_->renamed->request = lease_->tracker().next_number();
  std::string& query = table_.scratch().to_server.NewOwned();
  wire::AppendQuery(query, notes_->renamed->text);
  table_.scratch().to_server.AddOwned(query);
  lease_->tracker().Sent(Request::kQuery);
  ++ready_owed_;
  return true;
}

// Names stay as they are, so the server has to be asked for what was prepared.
void ClientSession::NoteUnrenamed(StateEffects effects) {
  if (!effects.Has(StateEffect::kPrepare)) return;
  if (watch_ == nullptr) watch_ = std::make_unique<StateWatch>();
  lease_->memory().needs_reset = true;
  watch_->NoteState(effects);
}

// Prepares it there in a request of its own, whose error stands for that of the next one.
void ClientSession::SetUpOnServer(const pool::Statement& statement) {
  pool::ServerStatements& held = lease_->memory().statements;
  if (held.Touch(statement.id)) return;
  std::string& message = table_.scratch().to_server.NewOwned();
  if (statement.sql_types.empty()) {
    wire::AppendParse(message, statement.name, statement.contents());
    wire::AppendSync(message);
  } else {
    const std::string_view contents = statement.contents();
    wire::AppendQuery(message,
                      fmt::format("PREPARE {} {} AS {}", statement.name, statement.sql_types,
                                  contents.substr(0, contents.find('\0'))));
    lease_->NoteUnnamed(id_, 0);
  }
  table_.scratch().to_server.AddOwned(message);
  Notes().set_ups.push_back(statement.id);
  held.Made(statement.id);
  lease_->tracker().Sent(Request::kHiddenSetup);
  ++pool_.stats().server_parse_count;
}

Error ClientSession::TooManyStatements(uint32_t most) {
  return {
      ErrorCode::kConfigurationLimit,
      fmt::format("too many prepared statements of one client: max_client_statements = {}", most)};
}

// A statement of the text under way has been carried out. The tag that the client sees instead
// of the server's; empty: that.
std::string_view ClientSession::OnRenamedTag(std::string_view tag) {
  std::vector<NameChange>& changes = notes_->changes;
  if (!changes.empty() && (tag == "PREPARE" || tag == "DEALLOCATE")) {
    NameChange change = std::move(changes.front());
    changes.erase(changes.begin());
    return Carry(change);
  }
  RenamedText* renamed = notes_->renamed.get();
  if (renamed == nullptr || lease_->tracker().answered() != renamed->request) return {};
  const size_t statement = renamed->answered++;
  for (NameChange& change : renamed->changes) {
    if (change.statement == statement) return Carry(change);
  }
  return {};
}

std::string_view ClientSession::Carry(NameChange& change) {
  pool::ServerStatements& held = lease_->memory().statements;
  switch (change.kind) {
    case NameChange::Kind::kPrepare:
      if (!change.prepared) return {};
      if (change.made_on_server) held.Made(change.prepared->id);
      statements_->AddDone(change.name, std::move(change.prepared));
      return {};
    case NameChange::Kind::kDeallocate:
      statements_->RemoveDone(change.name);
      return {};
    case NameChange::Kind::kDeallocateAll:
      statements_->Clear();
      return "DEALLOCATE ALL";
  }
  return {};
}

}  // namespace pglynx::session
