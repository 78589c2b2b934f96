#include "sim/bot.h"

#include <array>
#include <string_view>
#include <utility>

namespace pglynx::sim {
namespace {

constexpr std::array<std::string_view, 3> kChannels = {"c0", "c1", "c2"};
constexpr std::array<std::string_view, 2> kSavepoints = {"p0", "p1"};
constexpr std::array<std::string_view, 4> kStatements = {"s0", "s1", "s2", "s3"};
constexpr std::array<std::string_view, 4> kBegins = {
    "BEGIN", "START TRANSACTION", "begin work", "BEGIN ISOLATION LEVEL SERIALIZABLE, READ WRITE"};
constexpr size_t kVanishBytesMax = 300;

bool IsSqlName(const Op& op) {
  return op.kind == OpKind::kPrepare || op.kind == OpKind::kExecute ||
         op.kind == OpKind::kDeallocate || op.kind == OpKind::kDeallocateAll;
}

bool EndsTransaction(OpKind kind) {
  return kind == OpKind::kCommit || kind == OpKind::kRollback || kind == OpKind::kRollbackTo;
}

template <typename Array>
auto PickFrom(Dice& dice, const Array& array) {
  return array[dice.Below(array.size())];
}

}  // namespace

Bot::Bot(SimLoop& loop, Dice& dice, const BotHabits& habits, FakeClient& client, bool hides)
    : loop_(loop),
      dice_(dice),
      habits_(habits),
      client_(client),
      hides_(hides),
      actions_left_(static_cast<uint32_t>(dice.Between(1, habits.actions_max))) {
  Tick();
}

Bot::~Bot() {
  loop_.Unschedule(tick_);
}

void Bot::Tick() {
  if (client_.ended()) return;
  if (client_.idle()) {
    Act();
  } else {
    ActBusy();
  }
  if (client_.ended()) return;
  Duration pause = dice_.Between(Duration::zero(), habits_.think_max);
  if (dice_.Chance(0.02)) pause *= 50;
  tick_ = loop_.Schedule(loop_.Now() + pause, [this] { Tick(); });
}

void Bot::ActBusy() {
  if (client_.state() == FakeClient::State::kReady && dice_.Chance(habits_.cancel)) {
    client_.CancelMine();
  }
  if (dice_.Chance(0.5)) {
    client_.ResumeReading();
    client_.FinishCopy();
  } else if (dice_.Chance(habits_.slow)) {
    client_.StopReading();
  }
  const bool stuck = loop_.Now() - client_.last_progress() > habits_.patience;
  if (stuck || dice_.Chance(habits_.vanish / 10)) {
    client_.Vanish(static_cast<FakeClient::Exit>(dice_.Below(2)), 0);
  }
}

void Bot::Act() {
  if (actions_left_ == 0) {
    client_.Leave();
    return;
  }
  --actions_left_;
  if (dice_.Chance(habits_.vanish)) {
    client_.Vanish(static_cast<FakeClient::Exit>(dice_.Below(3)),
                   dice_.Between(1, kVanishBytesMax));
  }
  if (dice_.Chance(habits_.copy)) {
    AskForCopy();
    return;
  }
  uint64_t requests = dice_.Chance(habits_.pipeline) ? dice_.Between(2, 6) : 1;
  for (; requests > 0; --requests) AskOnce();
}

// Nothing may follow a COPY IN before the server asks for its data.
void Bot::AskForCopy() {
  const auto rows = static_cast<uint32_t>(dice_.Between(0, 60));
  const auto end = static_cast<CopyEnd>(dice_.Chance(0.5) ? 0 : dice_.Below(3));
  const Op copy = dice_.Chance(0.5) ? CopyIn(rows, end) : CopyOut(rows);
  if (dice_.Chance(habits_.extended)) {
    client_.Extended({copy});
  } else {
    client_.Query({copy});
  }
}

void Bot::AskOnce() {
  if (client_.model().status() == 'E' && dice_.Chance(0.7)) {
    client_.Query({Rollback()});
  } else if (dice_.Chance(habits_.route)) {
    AskToRoute();
  } else if (dice_.Chance(0.01)) {
    client_.Query({});
  } else if (dice_.Chance(habits_.discard)) {
    if (dice_.Chance(0.7)) {
      client_.Query({DiscardAll()});
    } else {
      client_.Extended({DiscardAll()});
    }
  } else if (dice_.Chance(habits_.session_state / 10)) {
    client_.FunctionCall();
  } else if (dice_.Chance(habits_.extended)) {
    client_.Extended(SomeOps(Protocol::kExtended));
  } else {
    client_.Query(SomeOps(Protocol::kSimple));
  }
}

std::vector<Op> Bot::SomeOps(Protocol protocol) {
  std::vector<Op> ops;
  bool resets = false;
  for (uint64_t count = dice_.Between(1, 3); count > 0; --count) {
    const Op op = SomeOp(protocol);
    resets = resets || op.kind == OpKind::kReset || op.kind == OpKind::kResetAll;
    // Not a RESET in front of a SAVEPOINT or a BEGIN in one batch: docs/limits.md.
    const bool opens = op.kind == OpKind::kSavepoint || op.kind == OpKind::kBegin;
    // Nor a name behind the end of a transaction, which may have failed, in one Query.
    const bool leaves = !ops.empty() && EndsTransaction(ops.front().kind) &&
                        (!op.statement.empty() || IsSqlName(op)) && protocol == Protocol::kSimple;
    ops.push_back((resets && opens) || leaves ? Echo() : op);
  }
  return ops;
}

Op Bot::SomeOp(Protocol protocol) {
  if (dice_.Chance(habits_.transaction)) return SomeTransactionStep();
  if (dice_.Chance(habits_.needs)) return Notify(PickFrom(dice_, kChannels));
  if (dice_.Chance(habits_.settings)) return SomeSetting();
  if (dice_.Chance(habits_.session_state)) return SomeSessionState();
  if (dice_.Chance(habits_.hidden)) return SomeHidden();
  if (dice_.Chance(habits_.sql_names)) return SomeSqlName();
  if (dice_.Chance(habits_.error)) return dice_.Chance(0.7) ? DivideByZero() : BadSyntax();
  switch (dice_.Below(6)) {
    case 0:
      return Rows(static_cast<uint32_t>(dice_.Between(0, 20)),
                  static_cast<uint32_t>(dice_.Between(1, 100)));
    case 1:
      return Sleep(dice_.Between(Duration::zero(), habits_.sleep_max));
    case 2:
      return Notify(PickFrom(dice_, kChannels));
    case 3:  // parameters are the extended protocol's alone
      return protocol == Protocol::kExtended ? Prepared() : Echo();
    default:
      return dice_.Chance(0.3) ? Echo().Described() : Echo();
  }
}

Op Bot::SomeTransactionStep() {
  const bool open = client_.model().status() != 'I';
  if (!open && dice_.Chance(0.1)) return dice_.Chance(0.5) ? Commit() : Rollback();
  if (!open) return Begin(dice_.Chance(0.7) ? kBegins[0] : PickFrom(dice_, kBegins));
  if (dice_.Chance(0.4)) {
    const std::string_view name = PickFrom(dice_, kSavepoints);
    if (dice_.Chance(0.5)) return Savepoint(name);
    return dice_.Chance(0.5) ? Release(name) : RollbackTo(name);
  }
  return dice_.Chance(0.7) ? Commit() : Rollback();
}

Op Bot::Prepared() {
  const std::string name(dice_.Chance(habits_.named) ? PickFrom(dice_, kStatements) : "");
  Op op = EchoParameter().As(name);
  if (client_.model().HasStatement(name) && dice_.Chance(0.9)) op = op.Again();
  if (dice_.Chance(0.3)) op = op.Described();
  if (dice_.Chance(0.1)) op = op.Closed();
  return op;
}

}  // namespace pglynx::sim
