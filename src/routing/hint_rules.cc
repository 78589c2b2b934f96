#include "pglynx/routing/hint_rules.h"

#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>

#include "routing/shown.h"

namespace pglynx::routing {
namespace {

using sql::Hint;

constexpr std::string_view kAllowed =
    R"(allowed is an RE2 pattern whose first group is the value, such as /\* shard_id: (\d+) \*/)";

// nullptr: none is wanted.
Result<std::unique_ptr<const re2::RE2>> CompilePattern(std::string_view name,
                                                       const std::string& pattern) {
  if (pattern.empty()) return std::unique_ptr<const re2::RE2>();
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(HintRules::kPatternBytesMax);
  auto compiled = std::make_unique<const re2::RE2>(pattern, options);
  if (!compiled->ok()) {
    return Error{ErrorCode::kConfigFile, fmt::format("{} \"{}\": {}; {}", name, Shown(pattern),
                                                     Shown(compiled->error()), kAllowed)};
  }
  if (compiled->NumberOfCapturingGroups() == 0) {
    return Error{ErrorCode::kConfigFile,
                 fmt::format("{} \"{}\" has no capture group; {}", name, Shown(pattern), kAllowed)};
  }
  return compiled;
}

std::optional<Hint> FindBy(const re2::RE2* pattern, Hint::Kind kind, std::string_view comment) {
  if (pattern == nullptr) return std::nullopt;
  re2::StringPiece groups[2];
  if (!pattern->Match(comment, 0, comment.size(), re2::RE2::UNANCHORED, groups, 2)) {
    return std::nullopt;
  }
  if (groups[1].data() == nullptr) return std::nullopt;
  return Hint{kind, sql::ValueText(std::string_view(groups[1].data(), groups[1].size()))};
}

}  // namespace

Result<HintRules> HintRules::Compile(const Patterns& patterns) {
  Result<Pattern> shard_id = CompilePattern("shard_id_regex", patterns.shard_id_regex);
  if (!shard_id) return shard_id.error();
  Result<Pattern> sharding_key = CompilePattern("sharding_key_regex", patterns.sharding_key_regex);
  if (!sharding_key) return sharding_key.error();
  return HintRules(*std::move(shard_id), *std::move(sharding_key), patterns.regex_search_limit);
}

HintRules::HintRules(Pattern shard_id, Pattern sharding_key, size_t search_bytes_max)
    : shard_id_(std::move(shard_id)),
      sharding_key_(std::move(sharding_key)),
      search_bytes_max_(search_bytes_max) {}

HintRules::HintRules(HintRules&& other) noexcept = default;
HintRules& HintRules::operator=(HintRules&& other) noexcept = default;
HintRules::~HintRules() = default;

std::optional<Hint> HintRules::Find(std::string_view text, sql::StringSyntax syntax) const {
  std::optional<Hint> key;
  std::optional<Hint> built_in;
  sql::CommentReader comments(text, syntax, search_bytes_max_);
  for (std::string_view comment = comments.Next(); !comment.empty(); comment = comments.Next()) {
    std::optional<Hint> shard = FindBy(shard_id_.get(), Hint::Kind::kShardId, comment);
    if (shard) return shard;
    if (!key) key = FindBy(sharding_key_.get(), Hint::Kind::kShardingKey, comment);
    if (!key && !built_in) built_in = sql::FindHint(comment);
    // What stands later in the order may be known already; what stands earlier may still come.
    if (!shard_id_ && (key || (!sharding_key_ && built_in))) break;
  }
  return key ? std::move(key) : std::move(built_in);
}

}  // namespace pglynx::routing
