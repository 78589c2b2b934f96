#include "config/key_rules.h"

#include <array>

namespace pglynx::config {

namespace {

constexpr KeyState kLater = KeyState::kLater;
constexpr KeyState kNoEffect = KeyState::kPgcatNoEffect;
constexpr KeyState kOneValue = KeyState::kPgcatOneValue;

constexpr KeyRule kTop[] = {
    {"include"},         {"general"},         {"admin"},       {"auth"},
    {"pools"},           {"metrics", kLater}, {"tls", kLater}, {"server_tls", kLater},
    {"plugins", kLater},
};

constexpr KeyRule kGeneral[] = {
    {"host"},
    {"port"},
    {"workers"},
    {"max_client_conn"},
    {"max_db_connections"},
    {"max_user_connections"},
    {"max_query_bytes"},
    {"max_buffered_bytes"},
    {"max_client_statements"},
    {"client_login_timeout"},
    {"connect_timeout"},
    {"query_wait_timeout"},
    {"query_wait_notify"},
    {"client_idle_timeout"},
    {"idle_client_in_transaction_timeout"},
    {"transaction_timeout"},
    {"query_timeout"},
    {"idle_timeout"},
    {"server_lifetime"},
    {"server_round_robin"},
    {"healthcheck_timeout"},
    {"healthcheck_delay"},
    {"ban_time"},
    {"ban_time_max"},
    {"dns_max_ttl"},
    {"server_retry_min"},
    {"server_retry_max"},
    {"shutdown_timeout"},
    {"tcp_keepalives_idle"},
    {"tcp_keepalives_count"},
    {"tcp_keepalives_interval"},
    {"tcp_user_timeout"},
    {"log_level"},
    {"log_format"},
    {"log_client_connections"},
    {"log_client_disconnections"},
    {"admin_username"},
    {"admin_password"},
    {"unix_socket_dir", kLater},
    {"tls_certificate", kLater},
    {"tls_private_key", kLater},
    {"auth_query", kLater},
    {"auth_query_user", kLater},
    {"auth_query_password", kLater},
    {"dns_cache_enabled", kNoEffect},  // each new connection looks its name up
    {"worker_threads", kNoEffect},
    {"enable_prometheus_exporter", kNoEffect},
    {"prometheus_exporter_port", kNoEffect},
    {"autoreload", kNoEffect},
    {"validate_config", kNoEffect},
    {"server_tls", kOneValue, "false"},
    {"verify_server_certificate", kOneValue, "false"},
    {"admin_auth_type", kOneValue, "md5"},
};

constexpr KeyRule kAdmin[] = {
    {"host"},          {"port"},         {"username"},    {"password"},
    {"password_file"}, {"password_env"}, {"stats_users"}, {"on_client_port"},
};

constexpr KeyRule kAuth[] = {{"method"}, {"rules", kLater}};

constexpr KeyRule kPool[] = {
    {"pool_mode"},
    {"database"},
    {"servers"},
    {"shards"},
    {"users"},
    {"prepared_statements_cache_size"},
    {"deferred_begin"},
    {"on_session_state"},
    {"on_hidden_state"},
    {"max_pinned"},
    {"max_client_conn"},
    {"max_db_connections"},
    {"connect_query"},
    {"connect_timeout"},
    {"query_wait_timeout"},
    {"query_wait_notify"},
    {"client_idle_timeout"},
    {"idle_client_in_transaction_timeout"},
    {"transaction_timeout"},
    {"query_timeout"},
    {"idle_timeout"},
    {"server_lifetime"},
    {"load_balancing_mode"},
    {"default_role"},
    {"primary_reads_enabled"},
    {"healthcheck_timeout"},
    {"healthcheck_delay"},
    {"ban_time"},
    {"ban_time_max"},
    {"sharding_function"},
    {"sharding_key_type"},
    {"shard_scope"},
    {"default_shard"},
    {"sharding_key_regex"},
    {"shard_id_regex"},
    {"regex_search_limit"},
    {"server_tls", kLater},
    {"automatic_sharding_key", kLater},
    {"sharded_tables", kLater},
    {"plugins", kLater},
    {"auth_query", kLater},
    {"auth_query_user", kLater},
    {"auth_query_password", kLater},
    {"query_parser_enabled", kOneValue, "false"},
    {"query_parser_read_write_splitting", kOneValue, "false"},
    {"db_activity_based_routing", kOneValue, "false"},
    // Without the parser these decide nothing.
    {"query_parser_max_length", kNoEffect},
    {"checkout_failure_limit", kNoEffect},
    {"db_activity_init_delay", kNoEffect},
    {"db_activity_ttl", kNoEffect},
    {"table_mutation_cache_ms_ttl", kNoEffect},
    {"log_client_parameter_status_changes", kNoEffect},
    {"cleanup_server_connections", kNoEffect},  // always on: a server is clean when reused
};

constexpr KeyRule kUser[] = {
    {"username"},
    {"password"},
    {"password_file"},
    {"password_env"},
    {"server_username"},
    {"server_password"},
    {"server_password_file"},
    {"server_password_env"},
    {"pool_size"},
    {"min_pool_size"},
    {"reserve_pool_size"},
    {"reserve_pool_timeout"},
    {"max_client_conn"},
    {"pool_mode"},
    {"connect_timeout"},
    {"query_wait_timeout"},
    {"query_wait_notify"},
    {"client_idle_timeout"},
    {"idle_client_in_transaction_timeout"},
    {"transaction_timeout"},
    {"query_timeout"},
    {"statement_timeout"},
    {"idle_timeout"},
    {"server_lifetime"},
    {"auth_type", kOneValue, "md5"},
};

constexpr KeyRule kShard[] = {{"database"}, {"servers"}, {"mirrors", kLater}};

constexpr KeyRule kServer[] = {
    {"host"}, {"port"}, {"role"}, {"weight"}, {"max_connections"},
};

constexpr std::array<Section, 8> kSections = {Section::kTop,   Section::kGeneral, Section::kAdmin,
                                              Section::kAuth,  Section::kPool,    Section::kUser,
                                              Section::kShard, Section::kServer};

}  // namespace

std::span<const KeyRule> RulesOf(Section section) {
  switch (section) {
    case Section::kTop:
      return kTop;
    case Section::kGeneral:
      return kGeneral;
    case Section::kAdmin:
      return kAdmin;
    case Section::kAuth:
      return kAuth;
    case Section::kPool:
      return kPool;
    case Section::kUser:
      return kUser;
    case Section::kShard:
      return kShard;
    case Section::kServer:
      return kServer;
  }
  return {};
}

std::string_view SectionName(Section section) {
  switch (section) {
    case Section::kTop:
      return "the top level";
    case Section::kGeneral:
      return "[general]";
    case Section::kAdmin:
      return "[admin]";
    case Section::kAuth:
      return "[auth]";
    case Section::kPool:
      return "[pools.X]";
    case Section::kUser:
      return "[[pools.X.users]]";
    case Section::kShard:
      return "[[pools.X.shards]]";
    case Section::kServer:
      return "an entry of servers";
  }
  return {};
}

std::span<const Section> AllSections() {
  return kSections;
}

}  // namespace pglynx::config
