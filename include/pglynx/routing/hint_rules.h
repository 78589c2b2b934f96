#pragma once

// How a pool finds, in the comments of a statement, which shard it wants: by its two patterns
// (shard_id_regex, sharding_key_regex) and by the forms that sql::FindHint knows. Moves; owned by
// what owns the pool's rules, and outlives the clients that use it. Patterns are RE2's, over UTF-8,
// so that a search is linear in the text whatever the pattern. May be used by several threads.
//
//   Result<HintRules> hints = HintRules::Compile({.shard_id_regex = R"(/\* shard_id: (\d+) \*/)"});
//   if (!hints) return hints.error();
//   const std::optional<sql::Hint> hint = hints->Find(query, StringSyntax::kStandard);

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pglynx/core/result.h"
#include "pglynx/sql/comments.h"
#include "pglynx/sql/lexer.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace pglynx::routing {

class HintRules {
 public:
  // As in the configuration. An empty pattern is none.
  struct Patterns {
    std::string shard_id_regex = {};
    std::string sharding_key_regex = {};
    size_t regex_search_limit = 1000;  // bytes
  };

  // Of memory, for one compiled pattern and what its searches remember.
  static constexpr size_t kPatternBytesMax = size_t{1} << 20U;

  // kConfigFile, with the pattern's name, if one does not compile within kPatternBytesMax or has
  // no capture group.
  static Result<HintRules> Compile(const Patterns& patterns);

  HintRules(HintRules&& other) noexcept;
  HintRules& operator=(HintRules&& other) noexcept;
  ~HintRules();

  // From the real comments that lie wholly within the first regex_search_limit bytes of `text`:
  // first what shard_id_regex finds in any of them, then sharding_key_regex, then the built-in
  // forms. A pattern sees one comment at a time, with its marks and without the line's end; its
  // first group is the value, and where that took no part there is no hit. The value is not
  // judged; it borrows from `text`. A text without comments costs a search for their marks alone.
  [[nodiscard]] std::optional<sql::Hint> Find(std::string_view text,
                                              sql::StringSyntax syntax) const;

 private:
  using Pattern = std::unique_ptr<const re2::RE2>;

  HintRules(Pattern shard_id, Pattern sharding_key, size_t search_bytes_max);

  Pattern shard_id_;      // nullptr: none
  Pattern sharding_key_;  // nullptr: none
  size_t search_bytes_max_;
};

}  // namespace pglynx::routing
