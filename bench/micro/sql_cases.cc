// What is read out of the text of a statement: of pgbench, and as an ORM writes them.

#include <string_view>

#include "micro/micro_case.h"
#include "pglynx/sql/comments.h"
#include "pglynx/sql/directive.h"
#include "pglynx/sql/judge.h"
#include "pglynx/sql/lexer.h"
#include "pglynx/sql/shardless.h"
#include "pglynx/sql/simple_forms.h"
#include "session/directive_replies.h"

namespace pglynx::micro {
namespace {

using sql::StringSyntax;

constexpr std::string_view kSelect = "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;";
constexpr std::string_view kUpdate =
    "UPDATE pgbench_accounts SET abalance = abalance + -4217 WHERE aid = 12345;";
constexpr std::string_view kInsert =
    "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (7, 1, 12345, -4217, "
    "CURRENT_TIMESTAMP);";
constexpr std::string_view kOrmSelect =
    "SELECT \"shop_order\".\"id\", \"shop_order\".\"customer_id\", \"shop_order\".\"created_at\", "
    "\"shop_order\".\"status\", \"shop_order\".\"total\", \"shop_customer\".\"id\", "
    "\"shop_customer\".\"name\", \"shop_customer\".\"email\" FROM \"shop_order\" INNER JOIN "
    "\"shop_customer\" ON (\"shop_order\".\"customer_id\" = \"shop_customer\".\"id\") WHERE "
    "(\"shop_order\".\"status\" IN ($1, $2) AND \"shop_customer\".\"is_active\" AND "
    "UPPER(\"shop_customer\".\"name\"::text) LIKE UPPER($3)) ORDER BY "
    "\"shop_order\".\"created_at\" DESC LIMIT 21";
constexpr std::string_view kOrmInsert =
    "INSERT INTO orders (customer_id, status, total, created_at, updated_at) VALUES ($1, $2, $3, "
    "now(), now()) RETURNING orders.id, orders.created_at, coalesce(orders.total, 0) AS total";
constexpr std::string_view kCatalog =
    "SELECT t.oid, t.typname, t.typarray FROM pg_type t JOIN pg_namespace n ON n.oid = "
    "t.typnamespace WHERE t.typname = 'hstore' AND n.nspname = 'public'";

class NothingTracked final : public sql::TrackedParameters {
 public:
  [[nodiscard]] bool IsTracked(std::string_view) const override { return false; }
};

std::unique_ptr<Case> Judging(std::string_view text) {
  return Repeat([text = Text(text), tracked = NothingTracked()] {
    Keep(sql::Judge(text.Get(), StringSyntax::kStandard, tracked).bits());
  });
}

std::unique_ptr<Case> Directing(std::string_view text) {
  return Repeat([text = Text(text)] {
    Keep(session::DirectiveOf(text.Get(), StringSyntax::kStandard).has_value());
  });
}

std::unique_ptr<Case> Hinting(std::string_view text) {
  return Repeat([text = Text(text)] {
    bool found = false;
    sql::ForEachComment(text.Get(), StringSyntax::kStandard, 1000,
                        [&found](std::string_view comment) {
                          found = found || sql::FindHint(comment).has_value();
                        });
    Keep(found);
  });
}

std::unique_ptr<Case> Forming(std::string_view text) {
  return Repeat(
      [text = Text(text)] { Keep(sql::FindSimpleForm(text.Get(), StringSyntax::kStandard).kind); });
}

std::unique_ptr<Case> Sharding(std::string_view text) {
  return Repeat(
      [text = Text(text)] { Keep(sql::NeedsShard(text.Get(), StringSyntax::kStandard)); });
}

}  // namespace

std::unique_ptr<Case> LexOrm() {
  return Repeat([text = Text(kOrmSelect)] {
    sql::Lexer lexer(text.Get(), StringSyntax::kStandard);
    sql::Token token = lexer.Next();
    while (token.kind != sql::TokenKind::kEnd) token = lexer.Next();
    Keep(token.begin);
  });
}

std::unique_ptr<Case> JudgeSelect() {
  return Judging(kSelect);
}
std::unique_ptr<Case> JudgeUpdate() {
  return Judging(kUpdate);
}
std::unique_ptr<Case> JudgeInsert() {
  return Judging(kInsert);
}
std::unique_ptr<Case> JudgeBegin() {
  return Judging("BEGIN;");
}
std::unique_ptr<Case> JudgeOrmSelect() {
  return Judging(kOrmSelect);
}
std::unique_ptr<Case> JudgeOrmInsert() {
  return Judging(kOrmInsert);
}

std::unique_ptr<Case> NoDirectiveByFirstLetters() {
  return Directing(kSelect);
}
std::unique_ptr<Case> NoDirectiveByWords() {
  return Directing("SET search_path TO app, public");
}
std::unique_ptr<Case> NoDirectiveBehindComment() {
  return Directing("/* controller:orders,action:index */ SELECT * FROM orders WHERE id = 4217");
}

std::unique_ptr<Case> FindNoHint() {
  return Hinting(kOrmSelect);
}
std::unique_ptr<Case> FindShardingKey() {
  return Hinting("/* sharding_key: 4217 */ SELECT * FROM orders WHERE id = 4217");
}

std::unique_ptr<Case> FormOfBegin() {
  return Forming("BEGIN;");
}
std::unique_ptr<Case> FormOfSet() {
  return Forming("SET application_name TO 'orders'");
}

std::unique_ptr<Case> NeedsShardSelect() {
  return Sharding(kSelect);
}
std::unique_ptr<Case> NeedsShardCatalog() {
  return Sharding(kCatalog);
}

}  // namespace pglynx::micro
