// The part of KeyReader that judges which keys a table has.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "config/key_reader.h"
#include "config/suggest.h"

namespace pglynx::config {

namespace {

// A value as `KeyRule::value` writes it; "" for what has no such form.
std::string Plain(const TomlValue& value) {
  switch (value.kind) {
    case TomlValue::Kind::kString:
      return value.text;
    case TomlValue::Kind::kInteger:
      return fmt::format("{}", value.integer);
    case TomlValue::Kind::kBoolean:
      return value.boolean ? "true" : "false";
    default:
      return {};
  }
}

bool HasKey(Section section, std::string_view name) {
  const auto rules = RulesOf(section);
  return std::any_of(rules.begin(), rules.end(),
                     [name](const KeyRule& rule) { return rule.name == name; });
}

// " (it belongs to [pools.X])" for a key that another table has, else "".
std::string ElsewhereHint(std::string_view name, Section section) {
  for (const Section other : AllSections()) {
    if (other != section && HasKey(other, name)) {
      return fmt::format(" (it belongs to {})", SectionName(other));
    }
  }
  return {};
}

}  // namespace

void KeyReader::JudgeKeys(Section section) {
  const std::span<const KeyRule> rules = RulesOf(section);
  for (const TomlEntry& entry : table_.entries) JudgeKey(entry, section, rules);
}

std::string KeyReader::KeyInTable(const TomlEntry& entry) const {
  return fmt::format("key '{}'{}{}", entry.key, where_.empty() ? "" : " in ", where_);
}

void KeyReader::JudgeKey(const TomlEntry& entry, Section section, std::span<const KeyRule> rules) {
  const auto rule = std::find_if(rules.begin(), rules.end(),
                                 [&entry](const KeyRule& r) { return r.name == entry.key; });
  if (rule == rules.end()) {
    RejectUnknown(entry, section, rules);
    return;
  }
  if (rule->state == KeyState::kWorks) return;
  const bool only_one_value = context_.pgcat_form && rule->state == KeyState::kPgcatOneValue;
  if ((context_.pgcat_form && rule->state == KeyState::kPgcatNoEffect) ||
      (only_one_value && Plain(entry.value) == rule->value)) {
    context_.problems.AddWarning(entry.place, KeyInTable(entry) + " has no effect in this version");
    return;
  }
  std::string text = KeyInTable(entry) + " is not available in this version";
  if (only_one_value) text += fmt::format("; allowed: {}", rule->value);
  context_.problems.AddError(entry.place, text);
}

void KeyReader::RejectUnknown(const TomlEntry& entry, Section section,
                              std::span<const KeyRule> rules) {
  std::vector<std::string_view> candidates;
  std::string allowed;
  for (const KeyRule& rule : rules) {
    if (rule.state != KeyState::kWorks) continue;
    candidates.push_back(rule.name);
    allowed += allowed.empty() ? "" : ", ";
    allowed += rule.name;
  }
  std::string hint = ElsewhereHint(entry.key, section);
  if (hint.empty()) {
    const std::string_view nearest = Nearest(entry.key, candidates);
    if (!nearest.empty()) hint = fmt::format(" (did you mean '{}'?)", nearest);
  }
  context_.problems.AddError(
      entry.place, fmt::format("unknown {}{}; allowed: {}", KeyInTable(entry), hint, allowed));
}

}  // namespace pglynx::config
