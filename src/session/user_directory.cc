#include "pglynx/session/user_directory.h"

#include "pglynx/core/check.h"

namespace pglynx::session {
namespace {

std::string Key(std::string_view pool, std::string_view user) {
  std::string key(pool);
  key += '\0';
  key += user;
  return key;
}

}  // namespace

UserDirectory::UserDirectory(const config::Config& config, const UserDirectory& previous) {
  for (const config::Pool& pool : config.pools) {
    pools_[pool.name] = true;
    for (const config::PoolUser& user : pool.users) {
      auto entry = std::make_unique<UserEntry>();
      entry->pool = pool.name;
      entry->name = user.username;
      entry->secret = user.password;
      const auto before = previous.by_pool_and_name_.find(Key(pool.name, user.username));
      if (before != previous.by_pool_and_name_.end() && before->second->secret == user.password) {
        entry->credential = before->second->credential;
      } else if (user.password.kind != config::Secret::Kind::kNone) {
        Result<auth::Credential> credential = auth::Credential::Parse(user.password.text);
        PGLYNX_CHECK(credential.has_value());  // a Config that exists is valid
        entry->credential = std::move(*credential);
      }
      by_pool_and_name_[Key(pool.name, user.username)] = entry.get();
      by_name_.try_emplace(user.username, entry.get());
      entries_.push_back(std::move(entry));
    }
  }
}

UserEntry* UserDirectory::FindIn(std::string_view pool, std::string_view user) {
  const auto found = by_pool_and_name_.find(Key(pool, user));
  return found == by_pool_and_name_.end() ? nullptr : found->second;
}

UserDirectory::Found UserDirectory::Find(std::string_view database, std::string_view user) {
  if (UserEntry* entry = FindIn(database, user)) return {entry, true};
  // "*" stands for any database without an entry of its own.
  if (!pools_.contains(std::string(database))) {
    if (UserEntry* entry = FindIn("*", user)) return {entry, true};
  }
  return {FindByName(user), false};
}

UserEntry* UserDirectory::FindByName(std::string_view user) {
  const auto found = by_name_.find(std::string(user));
  return found == by_name_.end() ? nullptr : found->second;
}

}  // namespace pglynx::session
