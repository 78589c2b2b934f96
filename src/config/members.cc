#include "config/members.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/units.h"

namespace pglynx::config {

namespace {

bool IsList(const TomlValue& value) {
  return value.kind == TomlValue::Kind::kArray || value.kind == TomlValue::Kind::kTable;
}

}  // namespace

bool HasNoMembers(const TomlValue& value) {
  return IsList(value) && value.items.empty() && value.entries.empty();
}

std::vector<Member> Members(const TomlEntry& entry, const std::string& where,
                            LoadContext& context) {
  std::vector<Member> members;
  const TomlValue& value = entry.value;
  for (size_t i = 0; i < value.items.size(); ++i) {
    members.push_back({std::to_string(i), &value.items[i], value.items[i].place});
  }
  for (const TomlEntry& keyed : value.entries) {
    members.push_back({keyed.key, &keyed.value, keyed.place});
  }
  if (!IsList(value)) {
    context.problems.AddError(entry.place, fmt::format("{}.{} needs tables, not {}", where,
                                                       entry.key, KindName(value.kind)));
  }
  std::erase_if(members, [&](const Member& member) {
    if (member.table->kind == TomlValue::Kind::kTable) return false;
    context.problems.AddError(member.place, fmt::format("{}.{} needs tables, not {}", where,
                                                        entry.key, KindName(member.table->kind)));
    return true;
  });
  std::stable_sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
    const auto first = ParseInteger(a.label);
    const auto second = ParseInteger(b.label);
    if (first && second) return *first < *second;
    return first.has_value() && !second.has_value();  // numbers before names
  });
  return members;
}

}  // namespace pglynx::config
