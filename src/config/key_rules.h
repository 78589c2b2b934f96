#pragma once

// Which keys each table of the file may have: the one list behind "unknown key", "did you
// mean" and "not available in this version". A feature that starts to work moves its keys
// from kLater to kWorks here.

#include <cstdint>
#include <span>
#include <string_view>

namespace pglynx::config {

enum class KeyState : uint8_t {
  kWorks,          // accepted
  kLater,          // refused at every value until it works
  kPgcatNoEffect,  // refused; in PgCat's form accepted with a warning
  kPgcatOneValue,  // refused; in PgCat's form accepted with a warning at `value` alone
};

struct KeyRule {
  std::string_view name;
  KeyState state = KeyState::kWorks;
  std::string_view value = {};  // for kPgcatOneValue: "false", "0", "any" …
};

enum class Section : uint8_t { kTop, kGeneral, kAdmin, kAuth, kPool, kUser, kShard, kServer };

// In the order in which errors list them. Static.
std::span<const KeyRule> RulesOf(Section section);

// "[general]", "[pools.X]", … for a hint that a key belongs elsewhere. Static.
std::string_view SectionName(Section section);

// Every section, in the order above.
std::span<const Section> AllSections();

}  // namespace pglynx::config
