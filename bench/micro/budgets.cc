// What there is to be measured, and what each may cost on one core of a 2.5 GHz Xeon, the machine
// of PERFORMANCE.md. What that names (G5 to G20) has to hold as a sum of several rows; the single
// budgets below it, and those of which it says nothing, are about twice what was measured when the
// case was written: other programs on the machine cost up to half of that, and a cost that doubles
// is a fault. What creeps in more slowly is found by the instructions, see instructions.py.

#include <array>

#include "micro/micro_case.h"

namespace pglynx::micro {
namespace {

constexpr std::string_view kBulk = "G13: 30 ns for a message in bulk";
constexpr std::string_view kBulkMegabyte = "G12: half of the 108 us over a bare forwarder";
constexpr std::string_view kQuerySum = "G20: 1 us for a simple query, session aside";
constexpr std::string_view kQuery = "part of G20's 1 us for a simple query";
constexpr std::string_view kShardedSum = "G16: 1 us more for a query that is sharded";
constexpr std::string_view kSharded = "part of G16's 1 us";
constexpr std::string_view kPrepared = "part of G5's 2 us over a bare forwarder";
constexpr std::string_view kStatement = "twice what was measured";
constexpr std::string_view kHandOver = "twice what was measured; for clients of different settings";
constexpr std::string_view kSetting = "twice what was measured; once for a client's SET";
constexpr std::string_view kLogin = "G11: less than a tenth of PgBouncer's 120 us";
constexpr std::string_view kServerLogin = "both sides, twice what was measured; once for a server";

constexpr std::array kRows = {
    Row{"wire/scan_prepared_batch", ScanPreparedBatch, 4, 30, kBulk},
    Row{"wire/scan_reply", ScanReply, 4, 30, kBulk},
    Row{"wire/scan_tiny_row", ScanTinyRows, kTinyRows, 30, kBulk},
    Row{"wire/scan_megabyte", ScanMegabyte, 1, 50'000, kBulkMegabyte},
    Row{"wire/track_simple_query", TrackSimpleQuery, 1, 30, kQuery},
    Row{"wire/track_prepared_batch", TrackPreparedBatch, 1, 60, kPrepared},
    Row{"sql/lex_orm", LexOrm, 1, 800, kStatement},
    Row{"sql/judge_select", JudgeSelect, 1, 260, kQuery},
    Row{"sql/judge_update", JudgeUpdate, 1, 360, kQuery},
    Row{"sql/judge_insert", JudgeInsert, 1, 800, kQuery},
    Row{"sql/judge_begin", JudgeBegin, 1, 80, kQuery},
    Row{"sql/judge_orm_select", JudgeOrmSelect, 1, 1700, kStatement},
    Row{"sql/judge_orm_insert", JudgeOrmInsert, 1, 1200, kStatement},
    Row{"sql/no_directive_by_letters", NoDirectiveByFirstLetters, 1, 10, kQuery},
    Row{"sql/no_directive_by_words", NoDirectiveByWords, 1, 65, kQuery},
    Row{"sql/no_directive_behind_comment", NoDirectiveBehindComment, 1, 80, kQuery},
    Row{"sql/find_no_hint", FindNoHint, 1, 50, kSharded},
    Row{"sql/find_sharding_key", FindShardingKey, 1, 300, kSharded},
    Row{"sql/form_of_begin", FormOfBegin, 1, 50, kQuery},
    Row{"sql/form_of_set", FormOfSet, 1, 210, kQuery},
    Row{"sql/needs_shard_select", NeedsShardSelect, 1, 260, kSharded},
    Row{"sql/needs_shard_catalog", NeedsShardCatalog, 1, 1200, kStatement},
    Row{"pool/acquire", AcquireOfPool, 1, 80, kQuery},
    Row{"pool/hand_over", HandOverInPool, 1, 110, kQuery},
    Row{"pool/acquire_of_one_host", AcquireOfOneHost, 1, 130, kSharded},
    Row{"pool/acquire_of_three_hosts", AcquireOfThreeHosts, 1, 170, kSharded},
    Row{"pool/hand_over_in_three_hosts", HandOverInThreeHosts, 1, 500, kSharded},
    Row{"pool/equal_parameters", EqualParameters, 1, 500, kHandOver},
    Row{"pool/one_different_parameter", OneDifferentParameter, 1, 1000, kHandOver},
    Row{"pool/set_parameter", SetParameter, 1, 600, kSetting},
    Row{"session/rename_bind", RenameBind, 1, 80, kPrepared},
    Row{"session/parse_known_text", ParseKnownText, 1, 110, kPrepared},
    Row{"session/parse_and_close", ParseAndClose, 1, 250, kPrepared},
    Row{"sharding/bigint", ShardOfBigint, 1, 45, kSharded},
    Row{"sharding/binary_bigint", ShardOfBinaryBigint, 1, 25, kSharded},
    Row{"sharding/integer", ShardOfInteger, 1, 35, kSharded},
    Row{"sharding/text", ShardOfText, 1, 75, kSharded},
    Row{"sharding/uuid", ShardOfUuid, 1, 115, kSharded},
    Row{"sharding/date", ShardOfDate, 1, 50, kSharded},
    Row{"sharding/timestamp", ShardOfTimestamp, 1, 90, kSharded},
    Row{"sharding/timestamptz", ShardOfTimestamptz, 1, 100, kSharded},
    Row{"sharding/sha1", ShardBySha1, 1, 800, kSharded},
    Row{"auth/scram_first_step", ScramFirstStep, 1, 550, kLogin},
    Row{"auth/scram_whole_login", ScramWholeLogin, 1, 7500, kLogin},
    Row{"auth/scram_toward_server", ScramTowardServer, 1, 8000, kServerLogin},
    Row{"sum/simple_query", SimpleQuery, 1, 1000, kQuerySum},
    Row{"sum/sharded_query", ShardedQuery, 1, 1000, kShardedSum},
};

}  // namespace

std::span<const Row> AllRows() {
  return kRows;
}

}  // namespace pglynx::micro
