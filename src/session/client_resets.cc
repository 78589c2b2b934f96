// RESET in Postgres goes back to the values of the startup packet, which our server never saw:
// they are made good behind it.

#include <utility>

#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using wire::Request;

// Exists for as long as one setting is made good.
constexpr std::string_view kRestoringStatement = "pglynx_restore";

}  // namespace

void ClientSession::NoteResets(std::string_view text, sql::StateEffects effects) {
  const bool resets =
      effects.Has(sql::StateEffect::kReset) || effects.Has(sql::StateEffect::kDiscard);
  if (resets_ == nullptr) {
    if (!resets || (pool_.welcome().has_value() && initial_ == pool_.welcome()->defaults)) return;
    resets_ = std::make_unique<std::vector<PendingReset>>();
  }
  // All statements of one batch count together: a SET behind a RESET keeps its value.
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  if (!resets_->empty() && resets_->back().replies_left == ready_owed_ + 1) {
    sql::FindResets(text, syntax, resets_->back().resets);
  } else if (resets) {
    resets_->push_back({.replies_left = ready_owed_ + 1,
                        .committed = false,
                        .failed = false,
                        .rolled_back = false,
                        .resets = sql::FindResets(text, syntax)});
  }
}

// One ReadyForQuery has come.
void ClientSession::CountReadyForResets() {
  if (resets_ == nullptr) {
    RestoreAfterRollback();
    return;
  }
  for (PendingReset& pending : *resets_) {
    if (pending.replies_left > 0) --pending.replies_left;
  }
  RestoreAfterReset();
  RestoreAfterRollback();
}

void ClientSession::RestoreAfterRollback() {
  if (restored_ != nullptr && lease_->HasCancelInFlight()) return;
  const bool rolled_back = std::exchange(rolled_back_, false);
  if (restored_ == nullptr) return;
  const bool over = lease_->tracker().status() == 'I';
  // A whole transaction takes its RESETs back too, but for those that an earlier COMMIT kept.
  if (rolled_back && (!over || restored_->committed)) Restore(*restored_);
  if (over) restored_.reset();
}

void ClientSession::RestoreAfterReset() {
  // A cancel that comes late must not hit what the client did not send.
  if (resets_ == nullptr || lease_->HasCancelInFlight()) return;
  while (!resets_->empty() && resets_->front().replies_left == 0) {
    Restore(resets_->front());
    resets_->erase(resets_->begin());
  }
  if (resets_->empty()) resets_.reset();
}

void ClientSession::Restore(const PendingReset& pending) {
  const bool taken_back = pending.failed && !pending.committed && &pending != restored_.get();
  if (taken_back) return;
  const pool::ParameterRef& defaults = lease_->memory().defaults;
  std::string batch;
  for (const pool::Parameter& parameter : initial_->all()) {
    const std::string* standard = defaults->Find(parameter.name);
    if (standard != nullptr && *standard == parameter.value) continue;
    if (!pending.resets.Includes(parameter.name)) continue;
    const std::string* now = lease_->memory().parameters->Find(parameter.name);
    const bool reported = standard != nullptr && now != nullptr;
    const bool doubtful = pending.failed || pending.rolled_back;
    if (doubtful && reported && *now != *standard) continue;  // it was taken back
    const bool again = &pending == restored_.get();
    if ((again || pending.rolled_back) && !reported) continue;  // nobody can tell
    wire::AppendRun(batch, kRestoringStatement,
                    pool::SetStatement(parameter.name, parameter.value, pool::SetScope::kSession));
    // A SET LOCAL behind the RESET holds on to the end of the transaction.
    if (lease_->tracker().status() == 'T' && reported && *now != *standard) {
      wire::AppendRun(batch, kRestoringStatement,
                      pool::SetStatement(parameter.name, *now, pool::SetScope::kLocal));
    }
  }
  if (batch.empty()) return;
  if (lease_->tracker().status() == 'T' && &pending != restored_.get()) {
    if (restored_ == nullptr) restored_ = std::make_unique<PendingReset>();
    restored_->committed = restored_->committed || pending.committed;
    restored_->failed = true;  // made good again only where the server's default is seen
    restored_->resets.Add(pending.resets);
  }
  wire::AppendSync(batch);
  const std::string_view chunk = batch;
  lease_->Send({&chunk, 1});
  lease_->tracker().Sent(Request::kHiddenRestore);
}

bool ClientSession::IsMadeGood(std::string_view name, std::string_view value) const {
  if (resets_ == nullptr) return false;
  const std::string* standard = lease_->memory().defaults->Find(name);
  const std::string* own = initial_->Find(name);
  if (standard == nullptr || own == nullptr || *standard != value || *own == *standard)
    return false;
  for (const PendingReset& pending : *resets_) {
    if (pending.replies_left == 1) return pending.resets.Includes(name);
  }
  return false;
}

ClientSession::Fate ClientSession::TellMadeGood(std::string_view name, std::string_view value) {
  pool::ParameterTable& table = table_.world().parameters;
  lease_->memory().parameters = table.With(lease_->memory().parameters, name, value);
  const std::string own = *initial_->Find(name);
  const std::string* told = wanted_->Find(name);
  if (told == nullptr || *told != own) {
    wire::AppendParameterStatus(NewLocalReply(), name, own);
    wanted_ = table.With(wanted_, name, own);
  }
  return Fate::kSwallow;
}

}  // namespace pglynx::session
