#include "pglynx/sql/judge.h"

#include <array>
#include <cstddef>

#include "sql/plain_query.h"
#include "sql/statement_judge.h"

namespace pglynx::sql {
namespace {

// In the order of the bits.
constexpr std::array<std::string_view, 25> kNames = {
    "set",
    "prepare",
    "listen",
    "cursor",
    "load",
    "temporary",
    "advisory_lock",
    "do",
    "call",
    "function",
    "unjudged",
    "reset",
    "discard",
    "deallocate",
    "deallocate_all",
    "touches_sequences",
    "reads_sequences",
    "execute",
    "copy",
    "sets",
    "releases",
    "begins",
    "ends",
    "discards_plans",
    "sets_local",
};

}  // namespace

StateEffects Judge(std::string_view text, StringSyntax syntax, const TrackedParameters& tracked) {
  if (IsPlainQuery(text, syntax)) return {};
  return StatementJudge(text, syntax, tracked).Run();
}

std::string_view PinReason(StateEffects effects) {
  if (!effects.MayLeaveState()) return {};
  for (size_t i = 0; i < kNames.size(); ++i) {
    if ((effects.bits() & (1U << i)) != 0) return kNames[i];
  }
  return {};
}

std::string Describe(StateEffects effects) {
  std::string description;
  for (size_t i = 0; i < kNames.size(); ++i) {
    if ((effects.bits() & (1U << i)) == 0) continue;
    if (!description.empty()) description += ' ';
    description += kNames[i];
  }
  return description.empty() ? "none" : description;
}

}  // namespace pglynx::sql
