#include "pglynx/server/connect_check.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pglynx/core/log.h"
#include "pglynx/core/random.h"
#include "pglynx/net/uv_event_loop.h"
#include "server/pool_settings.h"
#include "server/shard_check.h"

namespace pglynx::server {
namespace {

// Why nobody can log in from here; empty: somebody may.
std::string CannotLogIn(const backend::ServerTarget& target) {
  if (target.credential.kind() == auth::Credential::Kind::kScramVerifier) {
    return "its password is a SCRAM verifier, by which only a client can log in, and there is no "
           "server_password";
  }
  if (target.database.empty()) return "the pool is for any database";
  return {};
}

const config::ServerTarget& ServerAt(const config::Pool& pool, ServerPlace place) {
  return pool.shards[place.shard].servers[place.server];
}

// What a server of this role would say, nothing if it may say either.
std::optional<std::string_view> InRecovery(balancer::Role role) {
  switch (role) {
    case balancer::Role::kPrimary:
      return "f";
    case balancer::Role::kReplica:
      return "t";
    case balancer::Role::kPeer:
      break;
  }
  return std::nullopt;
}

}  // namespace

ConnectCheck::ConnectCheck(backend::AdminQuery::World world, const config::Config& config)
    : world_(world), config_(config) {}

void ConnectCheck::Start(std::function<void()> done) {
  done_ = std::move(done);
  for (const config::Pool& pool : config_.pools) PlanLogins(pool);
  AskAll(logins_, &ConnectCheck::OnLoggedIn);
}

void ConnectCheck::PlanLogins(const config::Pool& pool) {
  const std::string_view database = pool.name == "*" ? "" : std::string_view(pool.name);
  for (size_t shard = 0; shard < pool.shards.size(); ++shard) {
    for (size_t server = 0; server < pool.shards[shard].servers.size(); ++server) {
      for (const config::PoolUser& user : pool.users) {
        const ServerPlace place{shard, server};
        backend::ServerTarget target = TargetOf(pool, user, database, place);
        std::string skipped = CannotLogIn(target);
        logins_.push_back({.pool = pool,
                           .place = place,
                           .target = std::move(target),
                           .questions = {{"its role", "SELECT pg_catalog.pg_is_in_recovery()"}},
                           .skipped = std::move(skipped)});
      }
    }
  }
}

void ConnectCheck::AskAll(std::vector<Ask>& asks, Step step) {
  asks_ = &asks;
  next_ = 0;
  step_ = step;
  AskMore();
}

void ConnectCheck::AskMore() {
  for (; next_ < asks_->size() && under_way_ < kAtOnceMax; ++next_) {
    Ask& ask = (*asks_)[next_];
    if (!ask.skipped.empty()) continue;
    ++under_way_;
    ask.query = std::make_unique<backend::AdminQuery>(world_, ask.target, ask.questions);
    ask.query->Start([this, &ask](Result<backend::AdminAnswers> outcome) {
      ask.outcome = std::move(outcome);
      world_.loop.DeferDelete(std::move(ask.query));
      --under_way_;
      AskMore();
    });
  }
  if (under_way_ == 0) (this->*step_)();
}

void ConnectCheck::OnLoggedIn() {
  for (const config::Pool& pool : config_.pools) {
    if (pool.shards.size() > 1) PlanShards(pool);
  }
  AskAll(shards_, &ConnectCheck::OnShardsAsked);
}

void ConnectCheck::PlanShards(const config::Pool& pool) {
  for (size_t shard = 0; shard < pool.shards.size(); ++shard) {
    const Ask* const login = FirstLogin(pool, shard, std::nullopt);
    if (login == nullptr) continue;
    shards_.push_back({.pool = pool,
                       .place = login->place,
                       .target = login->target,
                       .questions = {{"its types", std::string(kTypesQuestion)},
                                     {"its partitions", std::string(kPartitionsQuestion)}}});
  }
}

const ConnectCheck::Ask* ConnectCheck::FirstLogin(const config::Pool& pool, size_t shard,
                                                  std::optional<size_t> server) const {
  for (const Ask& login : logins_) {
    const bool meant = &login.pool == &pool && login.place.shard == shard &&
                       (!server || login.place.server == *server);
    if (meant && login.outcome && login.outcome->has_value()) return &login;
  }
  return nullptr;
}

// ----- the report -----

void ConnectCheck::OnShardsAsked() {
  for (const Ask& login : logins_) SayLogin(login);
  for (const config::Pool& pool : config_.pools) {
    std::vector<std::string> findings = RoleFindings(pool);
    if (pool.shards.size() > 1) {
      std::vector<std::string> more = ShardFindings(pool);
      findings.insert(findings.end(), std::make_move_iterator(more.begin()),
                      std::make_move_iterator(more.end()));
    }
    SayFindings(pool, findings);
  }
  done_();
}

void ConnectCheck::SayLogin(const Ask& login) {
  std::string how = "ok";
  if (!login.skipped.empty()) {
    how = fmt::format("skipped: {}", login.skipped);
  } else if (!login.outcome->has_value()) {
    how = fmt::format("failed: {}", login.outcome->error().detail);
    ++report_.findings;
  }
  Say(fmt::format("pool {}, shard {}, server {}, database \"{}\", user \"{}\": {}", login.pool.name,
                  login.place.shard, login.target.address.ToString(), login.target.database,
                  login.target.user, how));
}

std::vector<std::string> ConnectCheck::RoleFindings(const config::Pool& pool) const {
  std::vector<std::string> findings;
  for (size_t shard = 0; shard < pool.shards.size(); ++shard) {
    for (size_t server = 0; server < pool.shards[shard].servers.size(); ++server) {
      const Ask* const login = FirstLogin(pool, shard, server);
      const balancer::Role role = ServerAt(pool, {shard, server}).role;
      const std::optional<std::string_view> wanted = InRecovery(role);
      if (login == nullptr || !wanted) continue;
      const backend::AdminRows& rows = (*login->outcome)->front();
      if (rows.size() == 1 && rows[0].size() == 1 && rows[0][0] == wanted) continue;
      const bool primary = role == balancer::Role::kPrimary;
      findings.push_back(fmt::format("shard {}: server {} is a {} in the file, but {}", shard,
                                     login->target.address.ToString(),
                                     primary ? "primary" : "replica",
                                     primary ? "it is in recovery, as replicas are"
                                             : "it is not in recovery, as replicas are"));
    }
  }
  return findings;
}

std::vector<std::string> ConnectCheck::ShardFindings(const config::Pool& pool) {
  std::vector<std::string> findings;
  std::vector<std::optional<ShardFacts>> facts(pool.shards.size());
  std::vector<bool> known(pool.shards.size());
  for (const Ask& ask : shards_) {
    if (&ask.pool != &pool) continue;
    known[ask.place.shard] = true;
    Result<ShardFacts> read = ask.outcome->has_value()
                                  ? ReadShardFacts((*ask.outcome)->at(0), (*ask.outcome)->at(1))
                                  : Result<ShardFacts>(ask.outcome->error());
    if (read.has_value()) {
      facts[ask.place.shard] = std::move(*read);
    } else {
      findings.push_back(fmt::format("shard {}: server {}: {}", ask.place.shard,
                                     ask.target.address.ToString(), read.error().detail));
    }
  }
  for (size_t shard = 0; shard < known.size(); ++shard) {
    if (known[shard]) continue;
    Say(fmt::format("pool {}: shard {} is not compared: there was no login", pool.name, shard));
  }
  if (pool.sharding_function == sharding::ShardingFunction::kSha1) {
    Say(fmt::format(
        "pool {}: partitions are not compared: sharding_function \"sha1\" has nothing to "
        "do with them",
        pool.name));
  }
  std::vector<std::string> more =
      CompareShards({pool.sharding_function, pool.sharding_key_type}, facts);
  findings.insert(findings.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
  return findings;
}

void ConnectCheck::SayFindings(const config::Pool& pool, const std::vector<std::string>& findings) {
  report_.findings += findings.size();
  const size_t said = std::min(findings.size(), kFindingsMax);
  for (size_t i = 0; i < said; ++i) Say(fmt::format("pool {}, {}", pool.name, findings[i]));
  if (said < findings.size()) {
    Say(fmt::format("pool {}: and {} more", pool.name, findings.size() - said));
  }
}

// What servers say, and the names in them, may have any characters.
void ConnectCheck::Say(std::string line) {
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  }
  report_.lines.push_back(std::move(line));
}

ConnectReport CheckByConnecting(const config::Config& config) {
  StderrLog log(LogLevel::kError, LogFormat::kText);
  SystemRandom random;
  net::UvEventLoop loop(log);
  bool over = false;
  ConnectCheck check({loop, loop, random}, config);
  check.Start([&loop, &over] {
    over = true;
    loop.Stop();
  });
  if (!over) loop.Run();
  return check.report();
}

}  // namespace pglynx::server
