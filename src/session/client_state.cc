// What statements leave behind in the session of their server: settings that are brought to the
// client's next server, and state that cannot travel, for which the client keeps its server.
//
// What was left is not guessed: when the transaction is over the server is asked (state_probe.h),
// so that what was rolled back, dropped or never taken counts for nothing.

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/pool/cluster.h"
#include "pglynx/session/session_table.h"
#include "pglynx/sql/touched_settings.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using sql::StateEffect;
using sql::StateEffects;
using wire::FrameScanner;
using wire::Request;

// Beside the bits of HeldState: the server could not be asked.
constexpr uint8_t kHoldsUnknown = 0x80;
// Settings that a client may have which no server reports, and the longest value of one.
constexpr size_t kOwnSettingsMax = 200;
constexpr size_t kSettingBytesMax = size_t{64} * 1024;
constexpr size_t kNameBytesMax = 255;

constexpr bool HasAny(StateEffects effects, std::initializer_list<StateEffect> kinds) {
  for (const StateEffect kind : kinds) {
    if (effects.Has(kind)) return true;
  }
  return false;
}

// What the text does not show.
constexpr bool HidesState(StateEffects effects) {
  return HasAny(effects, {StateEffect::kDo, StateEffect::kCall, StateEffect::kFunction,
                          StateEffect::kUnjudged});
}

// What the text shows.
constexpr bool LeavesState(StateEffects effects) {
  return HasAny(effects, {StateEffect::kListen, StateEffect::kCursor, StateEffect::kLoad,
                          StateEffect::kTemporary, StateEffect::kAdvisoryLock});
}

constexpr bool ChangesSettings(StateEffects effects) {
  return HasAny(effects, {StateEffect::kSetsUntracked, StateEffect::kReset, StateEffect::kDiscard});
}

// Everything a setting may have been changed by.
constexpr bool MayChangeSettings(StateEffects effects) {
  return HidesState(effects) || ChangesSettings(effects) ||
         HasAny(effects, {StateEffect::kSets, StateEffect::kSetsLocal, StateEffect::kExecute});
}

std::string_view WhatIsHeld(uint8_t held) {
  if ((held & kHoldsChannel) != 0) return "listen";
  if ((held & kHoldsCursor) != 0) return "cursor";
  if ((held & kHoldsTemporary) != 0) return "temporary";
  if ((held & kHoldsAdvisoryLock) != 0) return "advisory_lock";
  if ((held & kHoldsPrepared) != 0) return "prepare";
  return {};
}

// Parameters in name alone: they end with the transaction, or (seed) cannot be read back.
bool IsOfTransaction(std::string_view name) {
  return name == "transaction_isolation" || name == "transaction_read_only" ||
         name == "transaction_deferrable" || name == "seed";
}

std::string_view Body(const FrameScanner::Item& item) {
  return item.bytes.substr(wire::kHeaderBytes);
}

}  // namespace

std::string_view ClientSession::PinReason() const {
  if (rare_ != nullptr && !rare_->kept_for.empty()) return rare_->kept_for;
  if ((held_ & kHoldsUnknown) != 0) return rare_->held_reason;
  if (held_ != 0) return WhatIsHeld(held_);
  if (unnamed_ != nullptr && unnamed_->NeedsItsServer()) return "unnamed statement";
  return {};
}

// ----- before a statement -----

bool ClientSession::Admit(StateEffects effects, std::string_view text, Moment moment,
                          Request denial) {
  // Every table that is made may be a temporary one.
  if (temporary_path_) effects.Add(StateEffect::kTemporary);
  batch_effects_.Add(effects);
  if (effects.empty()) return true;
  if (!AdmitSequences(effects, denial)) return false;
  if (std::optional<Error> refusal = StateRefusal(effects)) {
    DenyOnServer(denial, std::move(*refusal));
    return false;
  }
  if (moment == Moment::kRuns) {
    transaction_effects_.Add(effects);
    NoteState(effects, text);
  }
  return true;
}

bool ClientSession::AdmitSequences(StateEffects effects, Request denial) {
  pool::ServerMemory& memory = lease_->memory();
  if (effects.Has(StateEffect::kReadsSequences)) {
    pool_.NoteSequencesRead();
    if (memory.sequences_of != 0 && memory.sequences_of != SequenceOwner()) {
      if (!lease_->tracker().Idle()) {
        DenyOnServer(denial,
                     {ErrorCode::kNotInPrerequisiteState,
                      "currval and lastval are not available here: this server connection "
                      "has been used by other clients since",
                      "Call nextval first in the same transaction, or use INSERT ... RETURNING."});
        return false;
      }
      SendHiddenQuery("DISCARD SEQUENCES");
      memory.sequences_of = 0;
    }
  }
  if (HasAny(effects, {StateEffect::kTouchesSequences, StateEffect::kDo, StateEffect::kCall,
                       StateEffect::kFunction})) {
    TouchSequences();
  }
  return true;
}

void ClientSession::TouchSequences() {
  pool::ServerMemory& memory = lease_->memory();
  const bool comes_back =
      memory.sequences_of == SequenceOwner() && sequence_server_ != lease_->id();
  const bool mine = memory.sequences_of == 0 || memory.sequences_of == SequenceOwner();
  // What it has here from an earlier time may be older than what it did elsewhere since.
  memory.sequences_of = mine && !comes_back ? SequenceOwner() : pool::ServerMemory::kSeveral;
  sequence_server_ = lease_->id();
}

// currval and lastval at the beginning of a transaction: its values are where it last changed a
// sequence, if nobody has been there since. False: it goes on as any other statement.
bool ClientSession::TakeSequenceServer(const FrameScanner::Item& item, bool* denied) {
  if (sequence_server_ == 0 || SessionMode()) return false;
  const bool may_read = item.type == 'B' || sql::ContainsIgnoreCase(item.bytes, "currval") ||
                        sql::ContainsIgnoreCase(item.bytes, "lastval");
  if (!may_read || !EffectsOf(item).Has(StateEffect::kReadsSequences)) return false;
  pool_.NoteSequencesRead();
  pool::Lease lease = pool_.cluster != nullptr ? pool_.cluster->AcquireAgain(sequence_server_, id_)
                                               : pool_.AcquireAgain(sequence_server_, id_);
  if (lease) {
    Attach(std::move(lease));
    return true;
  }
  DenyWithoutServer(
      item, {ErrorCode::kNotInPrerequisiteState,
             fmt::format("currval and lastval are not available here: the server connection of "
                         "pool {} that has this session's values has been used by other clients "
                         "since",
                         pool_.Name()),
             "Call nextval first in the same transaction, or use INSERT ... RETURNING."});
  *denied = true;
  return true;
}

std::optional<Error> ClientSession::StateRefusal(StateEffects effects) {
  if (IsPinRefused()) return *std::exchange(rare_->pin_refusal, nullptr);
  const bool prepares = effects.Has(StateEffect::kPrepare) && !SharesStatements();
  if ((!LeavesState(effects) && !prepares) || SessionMode() ||
      pool_.settings().on_session_state != pool::SessionStatePolicy::kError) {
    return std::nullopt;
  }
  return Error{
      ErrorCode::kFeatureNotSupported,
      fmt::format("this statement leaves session state behind ({}), which pool {} does not "
                  "allow in transaction pooling: on_session_state = \"error\"",
                  sql::PinReason(effects), pool_.Name()),
      "Use pool_mode = \"session\" or on_session_state = \"pin\" for what needs it."};
}

// What a message will do when it runs.
StateEffects ClientSession::EffectsOf(const FrameScanner::Item& item) const {
  ByteReader reader(Body(item));
  if (item.type == 'Q') return JudgeText(reader.CString());
  if (item.type == 'P') {
    reader.CString();
    return JudgeText(reader.CString());
  }
  if (item.type == 'F') {
    StateEffects effects;
    effects.Add(StateEffect::kFunction);
    return effects;
  }
  if (item.type != 'B') return {};
  reader.CString();
  const std::string_view name = reader.CString();
  if (name.empty()) return unnamed_ != nullptr ? unnamed_->effects() : StateEffects();
  const pool::Statement* statement = statements_ != nullptr ? statements_->Find(name) : nullptr;
  return statement != nullptr ? StateEffects::FromBits(statement->effects) : StateEffects();
}

// ----- pins -----

// A statement that is known to leave state takes one of the pool's pins before it takes a server:
// whoever waits for a pin should not keep others from the servers that end the wait.
bool ClientSession::MustWaitForPin(const FrameScanner::Item& item) {
  if (PinWaiter::linked()) return !IsPinned();  // above the limit it goes on meanwhile
  // Whoever has a server would keep it from those whose end it waits for: it goes on, and what it
  // holds at the end of its transaction counts as found there.
  if (lease_) return false;
  if (has_pin_ || SessionMode() || IsPinRefused() || skip_to_sync_) return false;
  const bool asks = item.type == 'Q' || item.type == 'B' || item.type == 'P';
  if (!asks) return false;
  if (pool_.settings().on_session_state == pool::SessionStatePolicy::kError) return false;
  if (!pool_.PinsTaken()) return false;  // it is taken when the statement is sent
  if (!LeavesState(EffectsOf(item))) return false;
  pool_.WaitForPin(*this);
  return true;
}

// Before a server is taken for a Parse, which keeps it until a Sync.
void ClientSession::ReservePin(const FrameScanner::Item& item) {
  if (has_pin_ || SessionMode() || (item.type != 'P' && item.type != 'B' && item.type != 'Q'))
    return;
  if (LeavesState(EffectsOf(item))) has_pin_ = pool_.TakePin();
}

void ClientSession::OnPinFree() {
  has_pin_ = true;
  if (IsPinned()) return;  // above the limit until now
  ResumeClient(kPausedPin);
  ConsumeHeldInput();
  // Nothing may have become of the statement.
  if (state_ == State::kIdle) ReturnPin();
}

void ClientSession::OnPinRefused(const Error& error) {
  if (IsPinned()) {
    EndWhenIdle(error);
    return;
  }
  MakeRare().pin_refusal = std::make_unique<Error>(error);
  ResumeClient(kPausedPin);
  ConsumeHeldInput();
}

void ClientSession::ReturnPin() {
  if (std::exchange(has_pin_, false)) pool_.ReturnPin();
}

void ClientSession::KeepForGood(std::string_view reason) {
  lease_->memory().needs_reset = true;
  RareState& rare = MakeRare();
  if (!IsPinned()) rare.pinned_since = table_.world().loop.Now();
  if (rare.kept_for.empty()) rare.kept_for = reason;
  TakePin();
}

// What was found cannot be taken back: a client above the limit has as long as one that waits.
void ClientSession::TakePin() {
  if (!has_pin_) has_pin_ = pool_.TakePin();
  if (!has_pin_ && !PinWaiter::linked()) pool_.WaitForPin(*this);
}

// ----- behind a statement -----

void ClientSession::NoteState(StateEffects effects, std::string_view text) {
  pool::ServerMemory& memory = lease_->memory();
  bool hidden = HidesState(effects);
  if (hidden && !table_.scratch().text_settings.Of(wanted_).judgeable) {
    KeepForGood("unjudged");
    return;
  }
  if (effects.Has(StateEffect::kLoad)) {
    KeepForGood("load");
    lease_->close_needed = true;  // no reset unloads a library
  }
  const pool::HiddenStatePolicy policy = pool_.settings().on_hidden_state;
  if (hidden && policy == pool::HiddenStatePolicy::kReset) scrub_ = memory.needs_reset = true;
  hidden = hidden && policy == pool::HiddenStatePolicy::kProbe;
  const bool prepares = effects.Has(StateEffect::kPrepare) && !SharesStatements();
  const bool state = hidden || prepares || LeavesState(effects) ||
                     (effects.Has(StateEffect::kReleases) && MayHoldState());
  const bool settings = ChangesSettings(effects);
  if (!state && !settings) return;
  if (watch_ == nullptr) watch_ = std::make_unique<StateWatch>();
  if (hidden) memory.settings_unknown = true;
  if (LeavesState(effects) && !has_pin_) has_pin_ = pool_.TakePin();
  if (state) watch_->NoteState(effects);
  if (settings) NoteSettings(effects, text);
  memory.needs_reset = memory.needs_reset || watch_->owes();
}

void ClientSession::NoteSettings(StateEffects effects, std::string_view text) {
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  const sql::TouchedSettings touched = sql::FindTouchedSettings(text, syntax);
  const auto is_reported = [this](std::string_view name) {
    return lease_->memory().defaults->Find(name) != nullptr;
  };
  bool kept = true;
  for (const std::string& name : touched.names) {
    if (!is_reported(name) && !IsOfTransaction(name)) kept = watch_->NoteSetting(name) && kept;
  }
  for (const pool::Parameter& parameter : wanted_->all()) {
    if (!touched.all || is_reported(parameter.name)) continue;
    // RESET ALL leaves the role; DISCARD ALL does not.
    if (parameter.name == pool::kRole && !effects.Has(StateEffect::kDiscard)) continue;
    kept = watch_->NoteSetting(pool::LowerCase(parameter.name)) && kept;
  }
  if (touched.all) watch_->NoteAllAsked(effects.Has(StateEffect::kDiscard));
  if (touched.unknown) lease_->memory().settings_unknown = true;
  if (!kept) KeepForGood("set");
}

namespace {

// The numbers of the parameters that name what set_config sets.
std::vector<size_t> NamingParameters(std::string_view text, sql::StringSyntax syntax) {
  std::vector<size_t> numbers;
  sql::Lexer lexer(text, syntax);
  bool called = false;
  bool opened = false;
  for (sql::Token token = lexer.Next(); token.kind != sql::TokenKind::kEnd; token = lexer.Next()) {
    if (opened && token.kind == sql::TokenKind::kParameter) {
      size_t number = 0;
      const std::string_view digits = token.text().substr(1);
      std::from_chars(digits.data(), digits.data() + digits.size(), number);
      numbers.push_back(number);
    }
    opened = called && token.kind == sql::TokenKind::kOpenParen;
    called =
        token.kind == sql::TokenKind::kWord && sql::EqualsIgnoreCase(token.text(), "set_config");
  }
  return numbers;
}

// The values of a Bind ("Message Formats"), as far as its head has come; of type text they are the
// same in both formats.
std::vector<std::string_view> BoundValues(std::string_view body) {
  constexpr uint32_t kNull = 0xffffffffU;
  ByteReader reader(body);
  reader.CString();
  reader.CString();
  reader.Bytes(size_t{reader.U16()} * 2);
  std::vector<std::string_view> values;
  for (uint16_t left = reader.U16(); left > 0 && reader.ok(); --left) {
    const uint32_t length = reader.U32();
    values.push_back(length == kNull ? std::string_view() : reader.Bytes(length));
  }
  return values;
}

}  // namespace

void ClientSession::NoteBoundSettings(const FrameScanner::Item& bind, std::string_view text,
                                      StateEffects effects) {
  if (!effects.Has(StateEffect::kSetsUntracked) || SessionMode() || watch_ == nullptr) return;
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  const std::vector<size_t> numbers = NamingParameters(text, syntax);
  if (numbers.empty()) return;
  const std::vector<std::string_view> values = BoundValues(Body(bind));
  for (const size_t number : numbers) {
    if (number == 0 || number > values.size()) continue;
    const std::string name = pool::LowerCase(values[number - 1]);
    const bool reported = lease_->memory().defaults->Find(name) != nullptr;
    if (name.empty() || name.size() > kNameBytesMax || reported || IsOfTransaction(name)) continue;
    if (!watch_->NoteSetting(name)) KeepForGood("set");
  }
  lease_->memory().needs_reset = lease_->memory().needs_reset || watch_->owes();
}

// Behind the last message of a batch that ends its transaction, in the same write.
void ClientSession::AskBehindEnd() {
  const StateEffects effects = batch_effects_;
  const char status = batch_status_;
  if (rare_ != nullptr && rare_->unknown != nullptr) {
    watch_->AskAgain(*rare_->unknown);
    rare_->unknown.reset();
  }
  if (watch_ == nullptr || !watch_->owes() || SessionMode()) return;
  if (HasAny(effects, {StateEffect::kBegins, StateEffect::kCopy, StateEffect::kUnjudged}) ||
      resets_ != nullptr || restored_ != nullptr) {
    return;
  }
  const bool ends = status == 'I' || (status != '\0' && effects.Has(StateEffect::kEnds));
  if (ends) AskNow();
}

bool ClientSession::AskNow() {
  if (watch_ == nullptr || !watch_->owes()) return false;
  std::string& query = table_.scratch().to_server.NewOwned();
  wire::AppendQuery(query, watch_->TakeQuestion());
  table_.scratch().to_server.AddOwned(query);
  lease_->NoteUnnamed(id_, 0);  // a Query drops it
  lease_->tracker().Sent(Request::kHiddenProbe);
  ++pool_.stats().probe_count;
  return true;
}

void ClientSession::OnAnswer(char status) {
  StateWatch::Answer answer = watch_->TakeAnswer(status == 'I');
  using Kind = StateWatch::Answer::Kind;
  if (answer.kind == Kind::kAgain) return;
  if (answer.kind == Kind::kUnknown) {
    // It keeps its server, and after its next statement the server is asked again.
    RareState& rare = MakeRare();
    rare.held_reason = sql::PinReason(answer.effects);
    if (rare.held_reason.empty()) rare.held_reason = "set";
    rare.unknown = std::make_unique<StateWatch::Answer>(std::move(answer));
    SetHeld(held_ | kHoldsUnknown);
    return;
  }
  if (rare_ != nullptr) rare_->unknown.reset();
  LearnSettings(answer.settings);
  SetHeld(answer.has_state ? answer.held : static_cast<uint8_t>(held_ & ~kHoldsUnknown));
}

void ClientSession::LearnSettings(const std::vector<StateWatch::Setting>& settings) {
  pool::ParameterTable& table = table_.world().parameters;
  pool::ServerMemory& memory = lease_->memory();
  for (const StateWatch::Setting& setting : settings) {
    const bool none =
        !setting.value.has_value() || (setting.name == pool::kRole && *setting.value == "none");
    if (none) {
      wanted_ = table.Without(wanted_, setting.name);
      memory.parameters = table.Without(memory.parameters, setting.name);
      continue;
    }
    if (setting.value->size() > kSettingBytesMax || wanted_->all().size() > kOwnSettingsMax) {
      KeepForGood("set");
      continue;
    }
    wanted_ = table.With(wanted_, setting.name, *setting.value);
    memory.parameters = table.With(memory.parameters, setting.name, *setting.value);
  }
  NoteSearchPath();
  // The question came right behind it.
  if (notes_ == nullptr) return;
  if (lease_->tracker().answered() == notes_->set_request + 2) LearnSet();
  notes_->set.reset();
}

void ClientSession::NoteSearchPath() {
  const std::string* path = wanted_->Find("search_path");
  temporary_path_ = path != nullptr && sql::ContainsIgnoreCase(*path, "pg_temp");
}

void ClientSession::SetHeld(uint8_t held) {
  const bool was_pinned = IsPinned();
  const bool found = (held & static_cast<uint8_t>(~kHoldsUnknown)) != 0;
  if (found && pool_.settings().on_session_state == pool::SessionStatePolicy::kError) {
    Log(LogLevel::kWarn, "hidden session state is removed: on_session_state = \"error\"",
        WhatIsHeld(held));
    scrub_ = true;
    held = 0;
  }
  held_ = held;
  const bool asks = watch_ != nullptr && (watch_->owes() || watch_->asking());
  lease_->memory().needs_reset = IsPinned() || scrub_ || asks;
  if (!IsPinned()) {
    if (was_pinned) PinWaiter::Unlink();  // it was above the limit
    if (!asks) ReturnPin();
    return;
  }
  if (was_pinned) return;
  MakeRare().pinned_since = table_.world().loop.Now();
  ++pool_.stats().pin_count;
  TakePin();
  const bool warns = pool_.settings().on_session_state == pool::SessionStatePolicy::kWarn;
  Log(warns ? LogLevel::kWarn : LogLevel::kDebug, "client keeps its server", PinReason());
}

// ----- defaults -----

bool ClientSession::MayHaveChangedSettings() const {
  return MayChangeSettings(transaction_effects_) || resets_ != nullptr || restored_ != nullptr;
}

void ClientSession::FollowDefaults() {
  const pool::ParameterRef now = pool_.welcome()->defaults;
  pool::ParameterTable& table = table_.world().parameters;
  for (const pool::Parameter& parameter : now->all()) {
    const std::string* before = defaults_->Find(parameter.name);
    const std::string* own = wanted_->Find(parameter.name);
    if (before == nullptr || *before == parameter.value) continue;
    if (own == nullptr || *own != *before) continue;  // the client has set it
    wanted_ = table.With(wanted_, parameter.name, parameter.value);
    initial_ = table.With(initial_, parameter.name, parameter.value);
    wire::AppendParameterStatus(NewLocalReply(), parameter.name, parameter.value);
  }
  defaults_ = now;
}

}  // namespace pglynx::session
