#pragma once

// What a client's query text may leave behind in the session of the server that runs it:
// read from the text alone, before it is sent, so that a pooler in transaction mode knows
// whether the server may be given to another client. Pure, linear in the text, without
// recursion; allocates nothing.
//
// It errs on the side of keeping the server: a call of any function that is not known to
// be harmless counts, and so does what is not understood. An effect is reported even if the
// statement fails. What a text cannot show: user-defined operators, casts, views, triggers
// and overloads of built-in names that call functions with effects, a function called
// as (row).name, search paths in which another schema hides pg_catalog, and EXECUTE of
// a statement whose own text was not judged when it was prepared.
//
//   const StateEffects effects = Judge(query, StringSyntax::kStandard, tracked);
//   if (effects.MayLeaveState()) Pin(client, PinReason(effects));

#include <cstdint>
#include <string>
#include <string_view>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

enum class StateEffect : uint32_t {
  kNone = 0,
  // Those that may leave state which keeps the client at its server, strongest reason first.
  // SET of a parameter that is not tracked, of the role or the user, and set_config() unless
  // its third argument is plainly true.
  kSetsUntracked = 1U << 0,
  kPrepare = 1U << 1,  // PREPARE, except PREPARE TRANSACTION
  kListen = 1U << 2,
  kCursor = 1U << 3,  // DECLARE of a cursor that may outlive its transaction (WITH HOLD)
  kLoad = 1U << 4,
  // CREATE TEMP, SELECT INTO TEMP, or pg_temp mentioned as a name or in a SET.
  kTemporary = 1U << 5,
  kAdvisoryLock = 1U << 6,  // a call that takes, or tries to take, one of the session
  kDo = 1U << 7,
  kCall = 1U << 8,
  kFunction = 1U << 9,   // a call of a function that is not known to be harmless
  kUnjudged = 1U << 10,  // not understood: broken text, an unknown command, U&"..."
  // Those that do not.
  kReset = 1U << 11,             // RESET; SET ... TO DEFAULT; SET SESSION AUTHORIZATION DEFAULT
  kDiscard = 1U << 12,           // DISCARD ALL
  kDeallocate = 1U << 13,        // DEALLOCATE of one statement
  kDeallocateAll = 1U << 14,     // DEALLOCATE ALL
  kTouchesSequences = 1U << 15,  // may change what currval and lastval return; so may any of
                                 // kDo, kCall and kFunction
  kReadsSequences = 1U << 16,    // calls currval or lastval
  kExecute = 1U << 17,           // EXECUTE of a statement prepared in SQL
  kCopy = 1U << 18,              // a COPY command
  // Any SET for the session, of a tracked parameter and to DEFAULT as well, and set_config()
  // that is not plainly for the transaction. Not SET LOCAL, TRANSACTION, CONSTRAINTS.
  kSets = 1U << 19,
  // May end state of the kinds above: DROP, CLOSE, UNLISTEN, DISCARD, DEALLOCATE, and calls
  // of pg_advisory_unlock and its kin.
  kReleases = 1U << 20,
  kBegins = 1U << 21,         // BEGIN, START, ... AND CHAIN: behind it a block may be open
  kEnds = 1U << 22,           // COMMIT, END, ROLLBACK, ABORT, PREPARE TRANSACTION
  kDiscardsPlans = 1U << 23,  // DISCARD PLANS
  kSetsLocal = 1U << 24,      // SET LOCAL; set_config() that is plainly for the transaction
};

// A set of effects. A value.
class StateEffects {
 public:
  constexpr StateEffects() = default;
  // What bits() returned, for those who keep effects beside a statement.
  static constexpr StateEffects FromBits(uint32_t bits) {
    StateEffects effects;
    effects.bits_ = bits;
    return effects;
  }

  constexpr void Add(StateEffect effect) { bits_ |= static_cast<uint32_t>(effect); }
  constexpr void Add(StateEffects other) { bits_ |= other.bits_; }

  [[nodiscard]] constexpr bool Has(StateEffect effect) const {
    return (bits_ & static_cast<uint32_t>(effect)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr uint32_t bits() const { return bits_; }
  // Whether there may be state behind it that cannot travel, so that the client keeps its
  // server, or the server is looked at first. The reason is PinReason().
  [[nodiscard]] constexpr bool MayLeaveState() const { return (bits_ & kLeaving) != 0; }

  friend constexpr bool operator==(StateEffects, StateEffects) = default;

 private:
  static constexpr uint32_t kLeaving = (1U << 11) - 1;

  uint32_t bits_ = 0;
};

// The parameters that the caller carries from server to server for its client.
class TrackedParameters {
 public:
  virtual ~TrackedParameters() = default;
  // `lower_case_name` is at most 127 bytes, dots included, and lives until return. Aliases
  // are resolved: SET NAMES asks for client_encoding, SET TIME ZONE for timezone. The
  // role and the session's user are never asked for.
  [[nodiscard]] virtual bool IsTracked(std::string_view lower_case_name) const = 0;
};

// The effects of all statements of `text` together: of a Query message, or of a Parse.
// `syntax` is the setting of the session that the text is sent to; see lexer.h for the
// encodings that are understood. SET of a tracked parameter has kSets alone, SET LOCAL no
// effect. A function's body of SQL (BEGIN ATOMIC ... END) is read as if it ran.
StateEffects Judge(std::string_view text, StringSyntax syntax, const TrackedParameters& tracked);

// The first reason to pin in the order of the enumeration, for a person to read: "set",
// "prepare", "listen", "cursor", "load", "temporary", "advisory_lock", "do", "call",
// "function" or "unjudged". Empty if there is none. Lives forever.
std::string_view PinReason(StateEffects effects);

// "none", or the names of all effects, in order and with spaces between, as the tests
// and a trace log print them: PinReason's words and "reset", "discard", "deallocate",
// "deallocate_all", "touches_sequences", "reads_sequences", "execute", "copy", "sets",
// "releases", "begins", "ends", "discards_plans", "sets_local".
std::string Describe(StateEffects effects);

}  // namespace pglynx::sql
