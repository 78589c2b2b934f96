#pragma once

// The commands by which a client chooses a shard and a role, and asks for them. PostgreSQL knows
// none of them: the pooler answers them itself. They are PgCat's, read as SQL and not as bytes:
// any case, comments and white space anywhere between the words, any number of closing semicolons.
//
//   SET SHARDING KEY TO v                        v: [+-]digits, a string, or $n
//   SET SHARD TO v                               v: [+-]digits, quoted or not; ANY; or $n
//   SET SERVER ROLE TO v                         v: primary, replica, any, auto, default
//   SET PRIMARY READS TO v                       v: on, off, default
//   SHOW SHARD | SHOW SERVER ROLE | SHOW PRIMARY READS
//
// ANY, roles and on/off are in any case, in single quotes or none. A string is '...' with ''
// for a quote, or E'...' (or '...' where a backslash is an escape) without escapes by number,
// or $$...$$; in one piece. Whether a key fits its type and a shard is there is the caller's
// question, as is whether a $n is bound. Encodings: as Lexer.
//
// Pure and linear. Allocates only for a string with escapes; quick to say no by the first words.
//
//   const std::optional<Directive> directive = ParseDirective(query, StringSyntax::kStandard);
//   if (!directive) return Forward(query);
//   if (directive->malformed) return Refuse(TagOf(directive->kind), AllowedOf(directive->kind));

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "pglynx/sql/lexer.h"

namespace pglynx::sql {

// A value without its quotes. Borrows the text it stands in, unless there was something to undo.
class ValueText {
 public:
  ValueText() = default;
  explicit ValueText(std::string_view borrowed) : borrowed_(borrowed) {}
  // `undone` is not empty.
  explicit ValueText(std::string undone) : undone_(std::move(undone)) {}

  // Lives as long as this value and the text.
  [[nodiscard]] std::string_view view() const { return undone_.empty() ? borrowed_ : undone_; }

 private:
  std::string_view borrowed_;
  std::string undone_;
};

struct Directive {
  enum class Kind : uint8_t {
    kSetShardingKey,
    kSetShard,
    kShowShard,
    kSetServerRole,
    kShowServerRole,
    kSetPrimaryReads,
    kShowPrimaryReads,
  };
  enum class Role : uint8_t { kPrimary, kReplica, kAny, kAuto, kDefault };
  enum class Reads : uint8_t { kOn, kOff, kDefault };

  Kind kind = Kind::kSetShardingKey;
  // The text begins as this command but its value is none that AllowedOf() lists. Only `kind` and
  // `value` count then.
  bool malformed = false;
  // kSetShard: the value is ANY.
  bool is_any = false;
  // kSetServerRole and kSetPrimaryReads.
  Role role = Role::kDefault;
  Reads reads = Reads::kDefault;
  // 1..65535: the value is this parameter. 0: it is `value`.
  uint16_t parameter = 0;
  // Without quotes; of a number, with its sign. Malformed: what stands behind the words that make
  // the command, as written and of any length, perhaps nothing. Empty for SHOW and a parameter.
  ValueText value;
};

// nullopt: not one of these commands, or not the only statement of the text; such a text is the
// server's. So are SET SHARD = 1, and a SHOW with more behind it. From SET SHARDING KEY, SET SHARD
// TO, SET SERVER ROLE TO and SET PRIMARY READS TO on, a text of one statement is never nullopt.
std::optional<Directive> ParseDirective(std::string_view text, StringSyntax syntax);

// The command's tag in CommandComplete: its words for a SET, "SELECT 1" for a SHOW, as PgCat has
// it.
std::string_view TagOf(Directive::Kind kind);

// The one column that a SHOW answers with; empty for a SET.
std::string_view ColumnOf(Directive::Kind kind);

// The values that a SET takes, for the text of an error; empty for a SHOW.
std::string_view AllowedOf(Directive::Kind kind);

// What '...' stands for. nullopt if this is not one such string and nothing else, or has an escape
// by number (\101, \x41, \u0041).
std::optional<ValueText> UnquoteString(std::string_view quoted, StringSyntax syntax);

}  // namespace pglynx::sql
