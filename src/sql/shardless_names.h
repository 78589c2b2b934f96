#pragma once

// Names in a query by which it stays the same on every shard: what NeedsShard() asks of each
// relation, function, type and operator. Pure; allocates nothing.

#include <string_view>

#include "pglynx/sql/lexer.h"
#include "sql/name_table.h"
#include "sql/surroundings.h"

namespace pglynx::sql {

// A word or quoted word as the server has it. Empty if nothing built-in can have the name.
class ServerName {
 public:
  explicit ServerName(const Token& token)
      : folded_(token.kind == TokenKind::kWord ? token.text() : std::string_view()),
        quoted_(QuotedContent(token)) {}
  // Lives as long as this and the text.
  [[nodiscard]] std::string_view view() const { return quoted_.empty() ? folded_.view() : quoted_; }

 private:
  FoldedName folded_;
  std::string_view quoted_;
};

// Harmless (harmless_functions.h), the same as a SET, or a helper of information_schema; and it
// acts on nothing that only one shard has and tells nothing of it.
bool IsShardlessFunction(const Name& name);

// A catalog: of pg_catalog or information_schema by its schema, or without one and beginning with
// pg_. But for those that hold what users have stored.
bool IsShardlessRelation(const Name& name);

// Of versions 13 to 18, as are the operators.
bool IsBuiltInType(const Name& name);
bool IsBuiltInOperator(std::string_view symbol);

// Of unquoted words: what stands before JOIN, and JOIN itself; "ColId" in the grammar.
bool BeginsJoin(std::string_view word);
bool MayNameColumn(std::string_view word);

}  // namespace pglynx::sql
