// One user of a pool.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "config/names.h"
#include "config/secret.h"
#include "config/sections.h"

namespace pglynx::config {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr TextRange kNameRange{1, 255};
constexpr TextRange kOptionalNameRange{0, 255};
constexpr IntegerRange kPoolSizeRange{1, 10000};
constexpr IntegerRange kOtherSizeRange{0, 10000};
constexpr DurationRange kReserveTimeoutRange{milliseconds(1), hours(24), true};

// Which of the keys that may hold the secret does.
std::string SecretKey(const KeyReader& reader, const std::string& key) {
  for (const char* suffix : {"_file", "_env"}) {
    if (reader.Find(key + suffix) != nullptr) return key + suffix;
  }
  return key;
}

void CheckPassword(KeyReader& reader, const Secret& password, AuthMethod method) {
  if (password.kind == Secret::Kind::kNone && method != AuthMethod::kTrust) {
    reader.AddError(
        "password",
        fmt::format("{} needs a secret: password, password_file or password_env", reader.where()));
  }
  if (password.kind == Secret::Kind::kMd5 && method != AuthMethod::kMd5) {
    reader.AddError(SecretKey(reader, "password"),
                    "key 'password': an md5 secret needs auth.method = \"md5\"; allowed: a plain "
                    "password or a SCRAM verifier");
  }
}

void ReadSecrets(KeyReader& reader, AuthMethod method, PoolUser& user) {
  reader.ReadText("server_username", kOptionalNameRange, user.server_username);
  if (user.server_username.empty()) user.server_username = user.username;
  const std::optional<Secret> password = ReadSecret(reader, "password");
  const std::optional<Secret> server_password = ReadSecret(reader, "server_password");
  if (password) {
    user.password = *password;
    CheckPassword(reader, *password, method);
  }
  if (!server_password) return;
  if (server_password->kind == Secret::Kind::kScram) {
    reader.AddError(SecretKey(reader, "server_password"),
                    "key 'server_password': a SCRAM verifier cannot log in to a server; allowed: "
                    "a plain password or an md5 secret");
    return;
  }
  const bool inherits = server_password->kind == Secret::Kind::kNone;
  user.server_password = inherits ? user.password : *server_password;
  // The hash covers the user's name ("Password Authentication" in the manual).
  if (inherits && user.password.kind == Secret::Kind::kMd5 &&
      user.server_username != user.username) {
    reader.AddError("server_username",
                    "key 'server_username' differs from 'username': an md5 secret holds only "
                    "for its own user; set 'server_password' too");
  }
}

// The lower of two limits holds, so this is no error; but the larger one is not what happens.
void WarnOfLowerLimit(KeyReader& reader, uint32_t pool_size, std::string_view key, uint32_t limit) {
  if (limit == 0 || pool_size <= limit) return;
  reader.context().problems.AddWarning(
      reader.PlaceOf("pool_size"),
      fmt::format("key 'pool_size' in {} is {}, more than '{}', which is {}: the lower one holds",
                  reader.where(), pool_size, key, limit));
}

// Of the servers that have a limit; 0 = none has.
uint32_t LowestMaxConnections(const Pool& pool) {
  uint32_t lowest = 0;
  for (const Shard& shard : pool.shards) {
    for (const ServerTarget& server : shard.servers) {
      const uint32_t limit = server.max_connections;
      if (limit != 0 && (lowest == 0 || limit < lowest)) lowest = limit;
    }
  }
  return lowest;
}

// After ReadSecrets. False where pool_size was refused: nothing can be measured by it.
bool ReadSizes(KeyReader& reader, PoolUser& user) {
  const bool has_size = reader.ReadInteger("pool_size", kPoolSizeRange, user.pool_size) ||
                        reader.Find("pool_size") == nullptr;
  reader.ReadInteger("min_pool_size", kOtherSizeRange, user.min_pool_size);
  reader.ReadInteger("reserve_pool_size", kOtherSizeRange, user.reserve_pool_size);
  reader.ReadDuration("reserve_pool_timeout", kReserveTimeoutRange, user.reserve_pool_timeout);
  reader.ReadInteger("max_client_conn", kLimitRange, user.max_client_conn);
  if (has_size && user.min_pool_size > user.pool_size) {
    reader.AddError("min_pool_size",
                    fmt::format("key 'min_pool_size' is {}; allowed: at most 'pool_size', which "
                                "is {}",
                                user.min_pool_size, user.pool_size));
  }
  if (user.min_pool_size > 0 && user.server_password.kind == Secret::Kind::kScram) {
    reader.AddError("min_pool_size",
                    "key 'min_pool_size': without a client there are no SCRAM keys to log in to "
                    "the server with; set 'server_password' too");
  }
  return has_size;
}

// Pins hold in transaction mode alone, and users of one pool may differ in it.
void CheckMaxPinned(KeyReader& pool_reader, uint32_t max_pinned, const PoolUser& user) {
  if (user.pool_mode == PoolMode::kSession || max_pinned <= user.pool_size) return;
  pool_reader.AddError("max_pinned",
                       fmt::format("key 'max_pinned' is {}; allowed: at most 'pool_size', which is "
                                   "{} for user {}",
                                   max_pinned, user.pool_size, Quoted(user.username)));
}

}  // namespace

PoolUser ReadUser(KeyReader& reader, KeyReader& pool_reader, const Pool& pool, Timeouts timeouts,
                  const Config& config) {
  PoolUser user;
  if (reader.Find("username") == nullptr) {
    reader.AddError("username", fmt::format("key 'username' is missing in {}", reader.where()));
  }
  reader.ReadText("username", kNameRange, user.username);
  ReadSecrets(reader, config.auth.method, user);
  const bool has_size = ReadSizes(reader, user);
  WarnOfLowerLimit(reader, user.pool_size, "max_connections", LowestMaxConnections(pool));
  WarnOfLowerLimit(reader, user.pool_size, "max_db_connections", pool.max_db_connections);
  WarnOfLowerLimit(reader, user.pool_size, "max_user_connections",
                   config.general.max_user_connections);
  user.pool_mode = pool.mode;
  reader.ReadEnum("pool_mode", kPoolModes, user.pool_mode);
  if (has_size) CheckMaxPinned(pool_reader, pool.max_pinned, user);
  ReadTimeouts(reader, timeouts);
  timeouts.CopyTo(user);
  reader.ReadDuration("statement_timeout", kClientTimeoutRange, user.statement_timeout);
  return user;
}

}  // namespace pglynx::config
