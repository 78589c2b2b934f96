#include "pglynx/pool/parameters.h"

#include <algorithm>
#include <array>
#include <functional>

#include "pglynx/core/check.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::pool {
namespace {

char LowerChar(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

int CompareNames(std::string_view left, std::string_view right) {
  if (left == right) return 0;  // whoever sets a parameter mostly spells it as the server does
  const size_t shared = std::min(left.size(), right.size());
  for (size_t i = 0; i < shared; ++i) {
    const int difference = LowerChar(left[i]) - LowerChar(right[i]);
    if (difference != 0) return difference;
  }
  return left.size() < right.size() ? -1 : (left.size() > right.size() ? 1 : 0);
}

template <typename Parameters>
auto Locate(Parameters& parameters, std::string_view name) {
  return std::lower_bound(parameters.begin(), parameters.end(), name,
                          [](const Parameter& left, std::string_view right) {
                            return CompareNames(left.name, right) < 0;
                          });
}

uint64_t Hash(const std::vector<Parameter>& parameters) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  const std::hash<std::string> hasher;
  for (const Parameter& parameter : parameters) {
    hash = (hash ^ hasher(parameter.name)) * 0x100000001b3ULL;
    hash = (hash ^ hasher(parameter.value)) * 0x100000001b3ULL;
  }
  return hash;
}

std::string Quoted(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote) quoted += quote;
    quoted += c;
  }
  quoted += quote;
  return quoted;
}

// These two decide how the text of any later statement is read.
constexpr std::array<std::string_view, 2> kSyntaxParameters = {"client_encoding",
                                                               "standard_conforming_strings"};

bool IsSyntaxParameter(std::string_view name) {
  return std::any_of(kSyntaxParameters.begin(), kSyntaxParameters.end(),
                     [name](std::string_view syntax) { return CompareNames(name, syntax) == 0; });
}

// Lists whose elements SET quotes one by one (GUC_LIST_QUOTE; extensions may not define
// any): a whole list is set through set_config, which takes it as it is printed.
constexpr std::array<std::string_view, 4> kQuotedLists = {
    "local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces"};

bool IsQuotedList(std::string_view name) {
  return std::any_of(kQuotedLists.begin(), kQuotedLists.end(),
                     [name](std::string_view list) { return CompareNames(name, list) == 0; });
}

void AppendSet(std::string& sql, std::string_view name, std::string_view value) {
  sql += SetStatement(name, value, SetScope::kSession);
  sql += ';';
}

}  // namespace

std::string SetStatement(std::string_view name, std::string_view value, SetScope scope) {
  const bool local = scope == SetScope::kLocal;
  if (IsQuotedList(name)) {
    return "SELECT pg_catalog.set_config(" + QuoteLiteral(name) + ", " + QuoteLiteral(value) +
           (local ? ", true)" : ", false)");
  }
  return (local ? "SET LOCAL " : "SET ") + QuoteIdentifier(name) + " TO " + QuoteLiteral(value);
}

const std::string* ParameterSet::Find(std::string_view name) const {
  const auto found = Locate(parameters_, name);
  if (found == parameters_.end() || CompareNames(found->name, name) != 0) return nullptr;
  return &found->value;
}

void ParameterRef::Release() {
  if (set_ == nullptr || --set_->references_ > 0) return;
  set_->table_->Forget(*set_);
}

ParameterTable::~ParameterTable() {
  PGLYNX_DCHECK(sets_.empty());
}

ParameterRef ParameterTable::With(const ParameterRef& base, std::string_view name,
                                  std::string_view value) {
  const std::string* held = base->Find(name);
  if (held != nullptr && *held == value) return base;
  std::vector<Parameter> parameters = base->all();
  const auto at = Locate(parameters, name);
  if (held != nullptr) {
    at->value = value;
  } else {
    parameters.insert(at, {std::string(name), std::string(value)});
  }
  return Intern(std::move(parameters));
}

ParameterRef ParameterTable::Without(const ParameterRef& base, std::string_view name) {
  if (base->Find(name) == nullptr) return base;
  std::vector<Parameter> parameters = base->all();
  parameters.erase(Locate(parameters, name));
  return Intern(std::move(parameters));
}

ParameterRef ParameterTable::Intern(std::vector<Parameter> parameters) {
  const uint64_t hash = Hash(parameters);
  const auto [begin, end] = sets_.equal_range(hash);
  for (auto at = begin; at != end; ++at) {
    if (at->second->parameters_ == parameters) return ParameterRef(at->second.get());
  }
  auto set = std::make_unique<ParameterSet>();
  set->parameters_ = std::move(parameters);
  set->table_ = this;
  set->hash_ = hash;
  return ParameterRef(sets_.emplace(hash, std::move(set))->second.get());
}

void ParameterTable::Forget(ParameterSet& set) {
  const auto [begin, end] = sets_.equal_range(set.hash_);
  for (auto at = begin; at != end; ++at) {
    if (at->second.get() != &set) continue;
    sets_.erase(at);
    return;
  }
}

bool IsFixedParameter(std::string_view name) {
  // GUC_REPORT parameters that are PGC_INTERNAL (src/backend/utils/misc/guc_tables.c).
  static constexpr std::array<std::string_view, 4> kFixed = {kInHotStandby, "integer_datetimes",
                                                             "server_encoding", "server_version"};
  return std::find(kFixed.begin(), kFixed.end(), name) != kFixed.end();
}

std::string LowerCase(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), LowerChar);
  return lower;
}

std::string QuoteIdentifier(std::string_view name) {
  return Quoted(name, '"');
}
std::string QuoteLiteral(std::string_view value) {
  return Quoted(value, '\'');
}

namespace {

// The value that a set has for `name`, or that of the server where it has none; empty: none.
std::string_view ValueOr(const ParameterSet& set, const ParameterSet& defaults,
                         std::string_view name) {
  const std::string* value = set.Find(name);
  if (value == nullptr) value = defaults.Find(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

bool IsIdentity(std::string_view name) {
  return CompareNames(name, kRole) == 0 || CompareNames(name, kSessionUser) == 0 ||
         CompareNames(name, kIsSuperuser) == 0;
}

// Looks up names that come in the order of the sets: one pass over the set for all of them.
class OrderedSearch {
 public:
  explicit OrderedSearch(const ParameterSet& set) : at_(set.all().begin()), end_(set.all().end()) {}
  // As ParameterSet::Find. Precondition: no name before this one is asked for any more.
  const std::string* Find(std::string_view name) {
    for (; at_ != end_; ++at_) {
      const int order = CompareNames(at_->name, name);
      if (order >= 0) return order == 0 ? &at_->value : nullptr;
    }
    return nullptr;
  }

 private:
  std::vector<Parameter>::const_iterator at_;
  std::vector<Parameter>::const_iterator end_;
};

struct Changes {
  [[nodiscard]] bool empty() const {
    return before.empty() && syntax.empty() && others.empty() && after.empty();
  }

  std::string before;  // takes the role and the user back
  std::string syntax;
  std::string others;
  std::string after;  // sets them again
};

void AddIdentity(const ServerSettings& server, const ParameterSet& wanted, Changes& changes) {
  const std::string_view user = ValueOr(server.actual, server.defaults, kSessionUser);
  const std::string_view default_user = ValueOr(server.defaults, server.defaults, kSessionUser);
  const std::string_view wanted_user = ValueOr(wanted, server.defaults, kSessionUser);
  const std::string* role = server.actual.Find(kRole);
  const std::string* wanted_role = wanted.Find(kRole);
  const bool has_role = role != nullptr && *role != "none";
  const bool wants_role = wanted_role != nullptr && *wanted_role != "none";
  const bool same =
      user == wanted_user && has_role == wants_role && (!has_role || *role == *wanted_role);
  if (same && changes.syntax.empty() && changes.others.empty() && !server.unknown) return;
  if (user != default_user || server.unknown) changes.before = "RESET SESSION AUTHORIZATION;";
  if (has_role || server.unknown) changes.before += "RESET ROLE;";
  if (wanted_user != default_user) AppendSet(changes.after, kSessionUser, wanted_user);
  if (wants_role) AppendSet(changes.after, kRole, *wanted_role);
}

Changes FindChanges(const ServerSettings& server, const ParameterSet& wanted) {
  Changes changes;
  // Behind a RESET ALL a server is at its defaults, as far as they are known.
  const ParameterSet& actual = server.unknown ? server.defaults : server.actual;
  OrderedSearch in_actual(actual);
  for (const Parameter& parameter : wanted.all()) {
    const std::string* held = in_actual.Find(parameter.name);
    if ((held != nullptr && *held == parameter.value) || IsIdentity(parameter.name)) continue;
    const bool is_syntax = IsSyntaxParameter(parameter.name);
    const std::string* standard = server.defaults.Find(parameter.name);
    if (standard != nullptr && *standard == parameter.value && !is_syntax) {
      changes.others += "RESET " + QuoteIdentifier(parameter.name) + ';';
    } else {
      AppendSet(is_syntax ? changes.syntax : changes.others, parameter.name, parameter.value);
    }
  }
  OrderedSearch in_wanted(wanted);
  for (const Parameter& parameter : actual.all()) {
    if (in_wanted.Find(parameter.name) != nullptr || IsIdentity(parameter.name)) continue;
    changes.others += "RESET " + QuoteIdentifier(parameter.name) + ';';
  }
  AddIdentity(server, wanted, changes);
  return changes;
}

}  // namespace

int AppendParameterChanges(std::string& out, const ServerSettings& server,
                           const ParameterSet& wanted) {
  Changes changes = FindChanges(server, wanted);
  if (server.unknown) changes.before += "RESET ALL;";
  if (changes.empty()) return 0;
  std::string last;
  // With standard_conforming_strings off a backslash in a value would escape: on for as
  // long as the others are read, then as wanted.
  const ParameterSet& actual = server.unknown ? server.defaults : server.actual;
  const std::string* strings = wanted.Find(kSyntaxParameters[1]);
  const std::string* strings_now = actual.Find(kSyntaxParameters[1]);
  if ((!changes.others.empty() || !changes.after.empty()) &&
      ((strings != nullptr && *strings != "on") ||
       (strings_now != nullptr && *strings_now != "on"))) {
    AppendSet(changes.syntax, kSyntaxParameters[1], "on");
    if (strings != nullptr && *strings != "on") AppendSet(last, kSyntaxParameters[1], *strings);
  }
  const bool two = !changes.syntax.empty();
  int messages = 0;
  for (const std::string& sql :
       {(two ? changes.before : "") + changes.syntax,
        (two ? "" : changes.before) + changes.others + changes.after + last}) {
    if (sql.empty()) continue;
    wire::AppendQuery(out, sql);
    ++messages;
  }
  return messages;
}

}  // namespace pglynx::pool
