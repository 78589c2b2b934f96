#pragma once

// Who may log in, and how: the users of the configuration by database and by name, with
// their SCRAM verifiers. A value made anew at each reload; verifiers of unchanged passwords
// are carried over (their salt must not change between logins).

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pglynx/auth/credentials.h"
#include "pglynx/config/config.h"

namespace pglynx::session {

struct UserEntry {
  std::string pool;  // its name in the file; "*" for any database
  std::string name;
  config::Secret secret;
  auth::Credential credential;
};

class UserDirectory {
 public:
  UserDirectory() = default;
  // `previous` gives its verifiers for unchanged secrets.
  UserDirectory(const config::Config& config, const UserDirectory& previous);

  struct Found {
    UserEntry* user = nullptr;     // whose secret proves the login; nullptr: an unknown name
    bool serves_database = false;  // the user is one of the wanted database's pool
  };
  // The wanted database's entry of that user first, else the "*" pool's, else the first in
  // the file: a database's existence is told only after a correct login.
  Found Find(std::string_view database, std::string_view user);

  // For the console's stats_users: any pool's entry of that name, or nullptr.
  UserEntry* FindByName(std::string_view user);

  // Names that differ; a name may stand in several pools.
  [[nodiscard]] size_t user_count() const { return by_name_.size(); }

 private:
  [[nodiscard]] UserEntry* FindIn(std::string_view pool, std::string_view user);

  std::vector<std::unique_ptr<UserEntry>> entries_;  // in the order of the file
  std::unordered_map<std::string, UserEntry*> by_pool_and_name_;
  std::unordered_map<std::string, UserEntry*> by_name_;  // the first of that name
  std::unordered_map<std::string, bool> pools_;
};

}  // namespace pglynx::session
