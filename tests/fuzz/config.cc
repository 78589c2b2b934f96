// The configuration (config/load.h) and the small languages in its values (src/config).
//
// Properties: a text gives a configuration that is within its bounds and differs from itself
// in nothing, or errors, each on one line that begins with file:line:column, sorted by place;
// no secret is in an error, a warning or a description. Values: what is written is read as it
// was meant; both readers of stored passwords understand the same texts.
//
// No file is touched: texts with `include` or a key `…_file` are passed over.
#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/expand.h"
#include "config/host_name.h"
#include "config/secret.h"
#include "config/toml_document.h"
#include "config/units.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "pglynx/auth/credentials.h"
#include "pglynx/config/describe.h"
#include "pglynx/config/diff.h"
#include "pglynx/config/load.h"

namespace pglynx::fuzz {
namespace {

using config::Config;
using config::LoadResult;
using config::TomlValue;

constexpr std::string_view kFile = "fuzz.toml";
// The password of the seeds: where a text has it once, nothing that is printed may.
constexpr std::string_view kMarker = "Zq9secret";

class FakeEnvironment final : public config::Environment {
 public:
  [[nodiscard]] std::optional<std::string> Get(const std::string& name) const override {
    if (name == "SECRET") return std::string(kMarker) + "-env";
    if (name == "HOST") return "db.example";
    if (name == "EMPTY") return "";
    return std::nullopt;
  }
};

bool TouchesFiles(const TomlValue& value) {
  for (const config::TomlEntry& entry : value.entries) {
    if (entry.key == "include" || entry.key.ends_with("_file")) return true;
    if (TouchesFiles(entry.value)) return true;
  }
  return std::any_of(value.items.begin(), value.items.end(), TouchesFiles);
}

// "fuzz.toml:12:3: text" → {12, 3}. A line without a place is {0, 0}.
std::pair<uint32_t, uint32_t> PlaceOf(std::string_view line) {
  PGLYNX_CHECK(line.starts_with(kFile));
  line.remove_prefix(kFile.size());
  std::pair<uint32_t, uint32_t> place;
  for (uint32_t* number : {&place.first, &place.second}) {
    PGLYNX_CHECK(line.starts_with(':'));
    const auto [end, code] = std::from_chars(line.data() + 1, line.data() + line.size(), *number);
    if (number == &place.first && line.starts_with(": ")) return place;  // the file as a whole
    PGLYNX_CHECK(code == std::errc() && *number >= 1);
    line.remove_prefix(static_cast<size_t>(end - line.data()));
  }
  PGLYNX_CHECK(line.starts_with(": ") && line.size() > 2);
  return place;
}

// Whether the marker stands in the text once, as (part of) a password's value and nowhere else.
bool HasOneSecret(std::string_view text) {
  const size_t at = text.find(kMarker);
  if (at == std::string_view::npos || text.find(kMarker, at + 1) != std::string_view::npos) {
    return false;
  }
  const size_t line = text.find_last_of("\r\n", at) + 1;  // npos + 1 is the first line
  std::string_view before = text.substr(line, at - line);
  const size_t equals = before.rfind('=');
  return equals != std::string_view::npos &&
         before.find_first_of("{[#") == std::string_view::npos &&
         before.substr(0, equals).find("password ") == 0 &&
         before.substr(equals).find_first_not_of("= '\"") == std::string_view::npos;
}

void CheckErrors(std::string_view text, const std::vector<std::string>& lines) {
  const auto lines_max = static_cast<uint32_t>(std::count(text.begin(), text.end(), '\n') + 1);
  PGLYNX_CHECK(!lines.empty());
  std::pair<uint32_t, uint32_t> last{0, 0};
  for (const std::string& line : lines) {
    PGLYNX_CHECK(IsOneLine(line));
    const auto place = PlaceOf(line);
    PGLYNX_CHECK(place >= last && place.first <= lines_max);
    last = place;
  }
}

void CheckNoSecret(std::string_view text, const std::vector<std::string>& lines) {
  if (!HasOneSecret(text)) return;
  for (const std::string& line : lines) {
    PGLYNX_CHECK(line.find(kMarker) == std::string::npos);
  }
}

void CheckSecret(const config::Secret& secret) {
  const auto credential = auth::Credential::Parse(secret.text);
  PGLYNX_CHECK(credential.has_value());
  PGLYNX_CHECK(static_cast<int>(credential->kind()) == static_cast<int>(secret.kind));
}

void CheckConfig(const Config& config) {
  PGLYNX_CHECK(!config.pools.empty() && !config.general.hosts.empty());
  PGLYNX_CHECK(config.general.port != 0 && config.general.workers >= 1);
  PGLYNX_CHECK(config.general.max_client_conn >= 1 && config.general.max_query_bytes >= 1024);
  PGLYNX_CHECK(config.general.server_retry_min <= config.general.server_retry_max);
  CheckSecret(config.admin.password);
  PGLYNX_CHECK(!config.admin.enabled || config.admin.password.kind != config::Secret::Kind::kNone);
  std::set<std::string> pools;
  for (const config::Pool& pool : config.pools) {
    PGLYNX_CHECK(!pool.name.empty() && pools.insert(pool.name).second && !pool.users.empty());
    PGLYNX_CHECK(!pool.shards.empty());
    for (const config::Shard& shard : pool.shards) {
      PGLYNX_CHECK(!shard.database.empty() || pool.name == "*");
      PGLYNX_CHECK(!shard.servers.empty());
      for (const config::ServerTarget& server : shard.servers) {
        PGLYNX_CHECK(!server.host.empty() && server.port != 0 && server.weight >= 1);
      }
    }
    PGLYNX_CHECK(pool.default_shard.shard < pool.shards.size());
    PGLYNX_CHECK(pool.ban_time <= pool.ban_time_max);
    PGLYNX_CHECK(pool.connect_query.find('\0') == std::string::npos);
    std::set<std::string> users;
    for (const config::PoolUser& user : pool.users) {
      PGLYNX_CHECK(!user.username.empty() && users.insert(user.username).second);
      PGLYNX_CHECK(user.username.find('\0') == std::string::npos);
      PGLYNX_CHECK(!user.server_username.empty() && user.pool_size >= 1);
      PGLYNX_CHECK(user.idle_timeout.count() >= 0 && user.connect_timeout.count() >= 0);
      CheckSecret(user.password);
      CheckSecret(user.server_password);
    }
  }
  PGLYNX_CHECK(config::Diff(config, config).empty());
}

std::vector<std::string> Shown(const Config& config) {
  std::vector<std::string> lines = config.warnings;
  for (const std::string& line : lines) PGLYNX_CHECK(IsOneLine(line));
  for (const config::ConfigRow& row : config::Describe(config)) {
    lines.push_back(row.key + " = " + row.value + " " + row.default_value);
  }
  const config::ConfigDiff diff = config::Diff(config::DefaultConfig(config.pgcat_form), config);
  for (const std::string& line : diff.Describe()) {
    PGLYNX_CHECK(IsOneLine(line));
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

// Input: the text of a configuration file.
void FuzzConfigText(std::string_view text) {
  const auto parsed = config::ParseToml(text, 0);
  if (const auto* root = std::get_if<TomlValue>(&parsed)) {
    if (TouchesFiles(*root)) return;
  }
  const FakeEnvironment environment;
  const LoadResult loaded = config::LoadConfigText(text, std::string(kFile), environment);
  const LoadResult again = config::LoadConfigText(text, std::string(kFile), environment);
  PGLYNX_CHECK(loaded.has_value() == again.has_value());
  if (!loaded) {
    PGLYNX_CHECK(loaded.errors().lines == again.errors().lines);
    CheckErrors(text, loaded.errors().lines);
    return CheckNoSecret(text, loaded.errors().lines);
  }
  PGLYNX_CHECK(!std::holds_alternative<config::TomlError>(parsed));
  PGLYNX_CHECK(config::Diff(*loaded, *again).empty());
  CheckConfig(*loaded);
  CheckNoSecret(text, Shown(*loaded));
}

// Input: one value.
void FuzzConfigValues(std::string_view text) {
  if (const auto duration = config::ParseDuration(text)) {
    const std::string written = config::FormatDuration(*duration);
    PGLYNX_CHECK(duration->count() >= 0);
    PGLYNX_CHECK(duration->count() == 0 ? written == "0"
                                        : *config::ParseDuration(written) == *duration);
  }
  if (const auto bytes = config::ParseBytes(text)) {
    const std::string written = config::FormatBytes(*bytes);
    const auto again = config::ParseBytes(written);
    PGLYNX_CHECK(again ? *again == *bytes : written == std::to_string(*bytes));
  }
  if (const auto number = config::ParseInteger(text)) {
    PGLYNX_CHECK(*config::ParseInteger(std::to_string(*number)) == *number);
  }
  if (const auto host = config::ParseHost(text)) {
    PGLYNX_CHECK(!host->empty() && host->find('\0') == std::string::npos && IsOneLine(*host) &&
                 host->find(' ') == std::string::npos);
    PGLYNX_CHECK(config::ParseHost(*host) == *host);
    PGLYNX_CHECK(config::HostsOverlap(*host, *host));
    for (const std::string_view other : {"0.0.0.0", "::", "localhost", "127.0.0.1", "::1", "db"}) {
      PGLYNX_CHECK(config::HostsOverlap(*host, other) == config::HostsOverlap(other, *host));
    }
    PGLYNX_CHECK(!config::IsSocketDirectory(*host));
  }
  const FakeEnvironment environment;
  const auto expanded = config::Expand(text, environment);
  if (text.find("${") == std::string_view::npos) PGLYNX_CHECK(*expanded == text);
  if (expanded && !config::HasVariable(text)) PGLYNX_CHECK(expanded->size() <= text.size());
  if (!expanded) PGLYNX_CHECK(IsOneLine(expanded.error().detail));

  const auto secret = config::ClassifySecret(std::string(text));
  if (!secret) {
    PGLYNX_CHECK(IsOneLine(secret.error().detail));
  } else {
    PGLYNX_CHECK(secret->text == text);
    CheckSecret(*secret);
  }
}

}  // namespace pglynx::fuzz
