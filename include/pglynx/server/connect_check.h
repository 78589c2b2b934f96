#pragma once

// `--check --connect`: logs in to every server of every shard of every pool as every user, asks
// each server for its role, and compares the shards of a pool (see src/server/shard_check.h).
// What it says comes in the order of the file, whatever answered first.
//
//   const ConnectReport report = CheckByConnecting(config);
//   Print(report.lines); return report.findings == 0 ? 0 : kExitFound;
//
// Limits: kAtOnceMax connections at a time, each no longer than AdminQuery allows; of the findings
// of a pool kFindingsMax are said.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/backend/admin_query.h"
#include "pglynx/config/config.h"
#include "pglynx/server/pools.h"

namespace pglynx::server {

struct ConnectReport {
  std::vector<std::string> lines;  // for people; no control characters
  size_t findings = 0;             // logins that failed and what does not fit
};

class ConnectCheck {
 public:
  static constexpr size_t kAtOnceMax = 16;
  static constexpr size_t kFindingsMax = 100;

  // `config` and what `world` names must outlive this.
  ConnectCheck(backend::AdminQuery::World world, const config::Config& config);

  // Calls `done` once, in a later turn unless there is nobody to log in as; then report() is
  // complete. Precondition: called once.
  void Start(std::function<void()> done);
  [[nodiscard]] const ConnectReport& report() const { return report_; }

 private:
  // Questions to one server, and how that went.
  struct Ask {
    const config::Pool& pool;
    ServerPlace place;
    backend::ServerTarget target;
    std::vector<backend::AdminQuestion> questions;
    std::string skipped = {};                                   // why; empty: it is not
    std::unique_ptr<backend::AdminQuery> query = nullptr;       // it is under way
    std::optional<Result<backend::AdminAnswers>> outcome = {};  // nullopt: not known, or skipped
  };
  using Step = void (ConnectCheck::*)();

  void PlanLogins(const config::Pool& pool);
  // Then goes on with `step`.
  void AskAll(std::vector<Ask>& asks, Step step);
  void AskMore();
  void OnLoggedIn();
  void PlanShards(const config::Pool& pool);
  void OnShardsAsked();
  // The first of this server, or of any server of the shard, that logged in; nullptr: none.
  [[nodiscard]] const Ask* FirstLogin(const config::Pool& pool, size_t shard,
                                      std::optional<size_t> server) const;
  void SayLogin(const Ask& login);
  [[nodiscard]] std::vector<std::string> RoleFindings(const config::Pool& pool) const;
  // Says, too, what is not compared.
  [[nodiscard]] std::vector<std::string> ShardFindings(const config::Pool& pool);
  void SayFindings(const config::Pool& pool, const std::vector<std::string>& findings);
  void Say(std::string line);

  const backend::AdminQuery::World world_;
  const config::Config& config_;
  std::function<void()> done_;
  std::vector<Ask> logins_;  // in the order of the file
  std::vector<Ask> shards_;  // those of which somebody could log in, in that order
  std::vector<Ask>* asks_ = nullptr;
  size_t next_ = 0;  // of *asks_
  size_t under_way_ = 0;
  Step step_ = nullptr;
  ConnectReport report_;
};

// On a loop of its own.
ConnectReport CheckByConnecting(const config::Config& config);

}  // namespace pglynx::server
