// A server that breaks before a byte of a transaction has left for it: the client's messages are
// handled again, on another server, and nobody is told. What they have changed in this session
// meanwhile is taken back first.

#include "pglynx/session/session_table.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

// So many servers in a row may break before they have been sent anything.
constexpr uint8_t kUnsentTriesMax = 100;

}  // namespace

bool ClientSession::MayTakeBack() const {
  // Behind another batch the unnamed statement may have been replaced for good.
  return unsent_tries_ < kUnsentTriesMax && ready_owed_ <= 1 && state_ == State::kActive;
}

// The client holds no server, as before the first of its messages.
void ClientSession::TakeBack() {
  const wire::ReplyTracker::Struck struck = lease_->tracker().StrikeAll();
  if (statements_ != nullptr) statements_->Undo(struck.statements);
  if (unnamed_ != nullptr) unnamed_->Strike(struck.first, struck.end);
  if (rare_ != nullptr) {
    if (rare_->sent_begin != nullptr) deferred_ = std::move(rare_->sent_begin);
    rare_->denied.clear();
    rare_->kept_for = {};
  }
  if (sequence_server_ == lease_->id()) sequence_server_ = 0;
  notes_.reset();
  watch_.reset();
  resets_.reset();
  restored_.reset();
  kept_begin_ = nullptr;
  keeps_batch_ = retrying_ = retry_due_ = false;
  names_dropped_ = scrub_ = terminate_seen_ = nothing_sent_ = false;
  comparing_ = behind_parse_ = error_request_ = 0;
  ready_owed_ = swallow_bytes_ = drop_bytes_ = 0;
  transaction_effects_ = batch_effects_ = {};
  batch_status_ = 0;
  held_ = 0;
  PinWaiter::Unlink();
  ReturnPin();
  ResumeClient(kPausedPipeline);
  lease_->SetUser(nullptr);
  lease_.Forget();
  SetState(State::kIdle);
}

}  // namespace pglynx::session
