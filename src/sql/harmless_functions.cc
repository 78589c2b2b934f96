#include "sql/harmless_functions.h"

#include "sql/name_table.h"

namespace pglynx::sql {
namespace {

constexpr std::string_view kNames =
    // Aggregates and window functions.
    "array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp "
    "cume_dist dense_rank every first_value json_agg json_object_agg jsonb_agg jsonb_object_agg "
    "lag last_value lead max min mode nth_value ntile percent_rank percentile_cont "
    "percentile_disc range_agg range_intersect_agg rank regr_avgx regr_avgy regr_count "
    "regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy row_number stddev stddev_pop "
    "stddev_samp string_agg sum var_pop var_samp variance xmlagg "
    // Mathematics. setseed is not here: random() of the same session depends on it.
    "abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh bit_count cbrt ceil "
    "ceiling cos cosd cosh cot cotd degrees div exp factorial floor gcd lcm ln log log10 "
    "min_scale mod num_nonnulls num_nulls pi pow power radians random round scale sign sin sind "
    "sinh sqrt tan tand tanh trim_scale trunc width_bucket "
    // Strings, bytes, patterns, encodings, digests.
    "ascii bit_length btrim char_length character_length chr concat concat_ws convert "
    "convert_from convert_to decode encode format get_bit get_byte initcap is_normalized left "
    "length like like_escape lower lpad ltrim md5 normalize notlike octet_length overlay "
    "parse_ident position quote_ident quote_literal quote_nullable regexp_count regexp_instr "
    "regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array "
    "regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim set_bit "
    "set_byte sha224 sha256 sha384 sha512 similar_escape similar_to_escape split_part "
    "starts_with string_to_array string_to_table strpos substr substring textlen to_ascii "
    "to_hex translate unistr upper "
    // Dates and times.
    "age clock_timestamp date_bin date_part date_trunc extract isfinite justify_days "
    "justify_hours justify_interval make_date make_interval make_time make_timestamp "
    "make_timestamptz now overlaps statement_timestamp timeofday timezone to_char to_date "
    "to_number to_timestamp transaction_timestamp "
    // Casts spelled as calls.
    "abbrev bit bool bpchar char cidr date float4 float8 int2 int4 int8 interval macaddr "
    "macaddr8 money multirange name numeric oid regclass text time timestamp timestamptz timetz "
    "varbit varchar xid xml "
    // Arrays, ranges, enums, series.
    "array_append array_cat array_dims array_fill array_length array_lower array_ndims "
    "array_position array_positions array_prepend array_remove array_replace array_to_json "
    "array_to_string array_to_tsvector array_upper cardinality datemultirange daterange "
    "enum_first enum_last enum_range generate_series generate_subscripts int4multirange "
    "int4range int8multirange int8range isempty lower_inc lower_inf nummultirange numrange "
    "range_merge trim_array tsmultirange tsrange tstzmultirange tstzrange unnest upper_inc "
    "upper_inf "
    // JSON.
    "json_array_element json_array_element_text json_array_elements json_array_elements_text "
    "json_array_length json_build_array json_build_object json_each json_each_text "
    "json_extract_path json_extract_path_text json_object json_object_field "
    "json_object_field_text json_object_keys json_populate_record json_populate_recordset "
    "json_strip_nulls json_to_record json_to_recordset json_to_tsvector json_typeof "
    "jsonb_array_element jsonb_array_element_text jsonb_array_elements "
    "jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object "
    "jsonb_concat jsonb_contained jsonb_contains jsonb_delete jsonb_delete_path jsonb_each "
    "jsonb_each_text jsonb_exists jsonb_exists_all jsonb_exists_any jsonb_extract_path "
    "jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_field "
    "jsonb_object_field_text jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz "
    "jsonb_path_match jsonb_path_match_tz jsonb_path_query jsonb_path_query_array "
    "jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz "
    "jsonb_path_query_tz jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set "
    "jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset jsonb_to_tsvector "
    "jsonb_typeof row_to_json to_json to_jsonb "
    // XML. The functions that run a query given as text or name are not here.
    "xml_is_well_formed xml_is_well_formed_content xml_is_well_formed_document xmlcomment "
    "xmlexists xmlvalidate xpath xpath_exists "
    // Identifiers and addresses.
    "broadcast family gen_random_uuid host hostmask inet_client_addr inet_client_port "
    "inet_merge inet_same_family inet_server_addr inet_server_port macaddr8_set7bit masklen "
    "netmask network set_masklen "
    // Geometry.
    "area bound_box box center circle diagonal diameter height isclosed ishorizontal isopen "
    "isparallel isperp isvertical line lseg npoints path pclose point polygon popen radius "
    "slope width "
    // Full-text search. ts_stat and ts_rewrite run queries given as text.
    "get_current_ts_config numnode phraseto_tsquery plainto_tsquery querytree setweight strip "
    "to_tsquery to_tsvector ts_debug ts_delete ts_filter ts_headline ts_lexize ts_parse ts_rank "
    "ts_rank_cd ts_token_type tsquery_phrase tsvector_to_array websearch_to_tsquery "
    // Sampling methods.
    "bernoulli system "
    // The session and the server, privileges, names of objects.
    "acldefault aclexplode col_description current_database current_query current_schema "
    "current_schemas current_setting current_user format_type getdatabaseencoding getpgusername "
    "has_any_column_privilege has_column_privilege has_database_privilege "
    "has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege "
    "has_parameter_privilege has_schema_privilege has_sequence_privilege has_server_privilege "
    "has_table_privilege has_tablespace_privilege has_type_privilege makeaclitem mxid_age "
    "obj_description oidvectortypes row_security_active session_user shobj_description "
    "to_regclass to_regcollation to_regnamespace to_regoper to_regoperator to_regproc "
    "to_regprocedure to_regrole to_regtype version "
    // Transactions and snapshots.
    "pg_current_snapshot pg_current_xact_id pg_current_xact_id_if_assigned "
    "pg_last_committed_xact pg_snapshot_xip pg_snapshot_xmax pg_snapshot_xmin "
    "pg_visible_in_snapshot pg_xact_commit_timestamp pg_xact_commit_timestamp_origin "
    "pg_xact_status txid_current txid_current_if_assigned txid_current_snapshot "
    "txid_snapshot_xip txid_snapshot_xmax txid_snapshot_xmin txid_status "
    "txid_visible_in_snapshot "
    // Locks that end with the transaction. The others last as long as the session.
    "pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_xact_lock "
    "pg_try_advisory_xact_lock_shared "
    // The catalogs: definitions, visibility, sizes.
    "pg_collation_actual_version pg_collation_for pg_collation_is_visible pg_column_compression "
    "pg_column_is_updatable pg_column_size pg_conversion_is_visible "
    "pg_database_collation_actual_version pg_database_size pg_describe_object "
    "pg_extension_update_paths pg_filenode_relation pg_function_is_visible "
    "pg_get_backend_memory_contexts pg_get_catalog_foreign_keys pg_get_constraintdef "
    "pg_get_expr pg_get_function_arg_default pg_get_function_arguments "
    "pg_get_function_identity_arguments pg_get_function_result pg_get_function_sqlbody "
    "pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_multixact_members "
    "pg_get_object_address pg_get_partition_constraintdef pg_get_partkeydef "
    "pg_get_publication_tables pg_get_replica_identity_index pg_get_replication_slots "
    "pg_get_ruledef pg_get_serial_sequence pg_get_shmem_allocations pg_get_statisticsobjdef "
    "pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions pg_get_triggerdef "
    "pg_get_userbyid pg_get_viewdef pg_get_wal_replay_pause_state pg_get_wal_resource_managers "
    "pg_has_role pg_identify_object pg_identify_object_as_address pg_index_column_has_property "
    "pg_index_has_property pg_indexam_has_property pg_indexes_size pg_is_other_temp_schema "
    "pg_my_temp_schema pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible "
    "pg_options_to_table pg_partition_ancestors pg_partition_root pg_partition_tree "
    "pg_relation_filenode pg_relation_filepath pg_relation_is_publishable "
    "pg_relation_is_updatable pg_relation_size pg_sequence_last_value pg_sequence_parameters "
    "pg_size_bytes pg_size_pretty pg_statistics_obj_is_visible pg_table_is_visible "
    "pg_table_size pg_tablespace_databases pg_tablespace_location pg_tablespace_size "
    "pg_total_relation_size pg_ts_config_is_visible pg_ts_dict_is_visible "
    "pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible pg_typeof "
    // The running server.
    "pg_available_extension_versions pg_available_extensions pg_backend_pid pg_blocking_pids "
    "pg_cancel_backend pg_char_to_encoding pg_client_encoding pg_conf_load_time pg_config "
    "pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system "
    "pg_current_logfile pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn "
    "pg_cursor pg_encoding_max_length pg_encoding_to_char pg_hba_file_rules "
    "pg_ident_file_mappings pg_is_in_recovery pg_is_wal_replay_paused pg_jit_available "
    "pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp "
    "pg_listening_channels pg_lock_status pg_lsn pg_notification_queue_usage pg_notify "
    "pg_postmaster_start_time pg_prepared_statement pg_prepared_xact pg_replication_origin_oid "
    "pg_safe_snapshot_blocking_pids pg_settings_get_flags pg_show_all_file_settings "
    "pg_show_all_settings pg_show_replication_origin_status pg_sleep pg_sleep_for "
    "pg_sleep_until pg_terminate_backend pg_timezone_abbrevs pg_timezone_names pg_trigger_depth "
    "pg_wal_lsn_diff pg_walfile_name pg_walfile_name_offset "
    // Statistics.
    "pg_stat_clear_snapshot pg_stat_get_activity pg_stat_get_analyze_count pg_stat_get_archiver "
    "pg_stat_get_autoanalyze_count pg_stat_get_autovacuum_count pg_stat_get_backend_activity "
    "pg_stat_get_backend_activity_start pg_stat_get_backend_client_addr "
    "pg_stat_get_backend_client_port pg_stat_get_backend_dbid pg_stat_get_backend_idset "
    "pg_stat_get_backend_pid pg_stat_get_backend_start pg_stat_get_backend_userid "
    "pg_stat_get_backend_wait_event pg_stat_get_backend_wait_event_type "
    "pg_stat_get_backend_xact_start pg_stat_get_bgwriter_buf_written_checkpoints "
    "pg_stat_get_bgwriter_buf_written_clean pg_stat_get_bgwriter_maxwritten_clean "
    "pg_stat_get_bgwriter_requested_checkpoints pg_stat_get_bgwriter_stat_reset_time "
    "pg_stat_get_bgwriter_timed_checkpoints pg_stat_get_blocks_fetched pg_stat_get_blocks_hit "
    "pg_stat_get_buf_alloc pg_stat_get_buf_fsync_backend pg_stat_get_buf_written_backend "
    "pg_stat_get_checkpoint_sync_time pg_stat_get_checkpoint_write_time "
    "pg_stat_get_db_active_time pg_stat_get_db_blk_read_time pg_stat_get_db_blk_write_time "
    "pg_stat_get_db_blocks_fetched pg_stat_get_db_blocks_hit pg_stat_get_db_checksum_failures "
    "pg_stat_get_db_checksum_last_failure pg_stat_get_db_conflict_all "
    "pg_stat_get_db_conflict_bufferpin pg_stat_get_db_conflict_lock "
    "pg_stat_get_db_conflict_snapshot pg_stat_get_db_conflict_startup_deadlock "
    "pg_stat_get_db_conflict_tablespace pg_stat_get_db_deadlocks "
    "pg_stat_get_db_idle_in_transaction_time pg_stat_get_db_numbackends "
    "pg_stat_get_db_session_time pg_stat_get_db_sessions pg_stat_get_db_sessions_abandoned "
    "pg_stat_get_db_sessions_fatal pg_stat_get_db_sessions_killed "
    "pg_stat_get_db_stat_reset_time pg_stat_get_db_temp_bytes pg_stat_get_db_temp_files "
    "pg_stat_get_db_tuples_deleted pg_stat_get_db_tuples_fetched pg_stat_get_db_tuples_inserted "
    "pg_stat_get_db_tuples_returned pg_stat_get_db_tuples_updated pg_stat_get_db_xact_commit "
    "pg_stat_get_db_xact_rollback pg_stat_get_dead_tuples pg_stat_get_function_calls "
    "pg_stat_get_function_self_time pg_stat_get_function_total_time "
    "pg_stat_get_ins_since_vacuum pg_stat_get_last_analyze_time "
    "pg_stat_get_last_autoanalyze_time pg_stat_get_last_autovacuum_time "
    "pg_stat_get_last_vacuum_time pg_stat_get_live_tuples pg_stat_get_mod_since_analyze "
    "pg_stat_get_numscans pg_stat_get_progress_info pg_stat_get_recovery_prefetch "
    "pg_stat_get_replication_slot pg_stat_get_slru pg_stat_get_snapshot_timestamp "
    "pg_stat_get_subscription pg_stat_get_subscription_stats pg_stat_get_tuples_deleted "
    "pg_stat_get_tuples_fetched pg_stat_get_tuples_hot_updated pg_stat_get_tuples_inserted "
    "pg_stat_get_tuples_returned pg_stat_get_tuples_updated pg_stat_get_vacuum_count "
    "pg_stat_get_wal pg_stat_get_wal_receiver pg_stat_get_wal_senders "
    "pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit "
    "pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time "
    "pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans "
    "pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched "
    "pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted "
    "pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated pg_stat_have_stats";

constexpr auto kTable = MakeNameTable<CountNames(kNames)>(kNames);

}  // namespace

bool IsHarmlessFunction(std::string_view name) {
  return kTable.FindLower(name) >= 0;
}

std::span<const std::string_view> HarmlessFunctions() {
  return kTable.names();
}

}  // namespace pglynx::sql
