#pragma once

// One micro benchmark: a small piece of the pooler that can be run any number of times. Owner:
// main.cc, which runs one after another, for time (Google Benchmark) or for instructions
// (callgrind, see instructions.py). What a case needs is made before it is run and kept in it.

#include <benchmark/benchmark.h>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace pglynx::micro {

class Case {
 public:
  virtual ~Case() = default;
  // The loop lies in here, so that no call through the interface is measured.
  virtual void Run(uint64_t times) = 0;
};

template <typename Body>
class RepeatedCase final : public Case {
 public:
  explicit RepeatedCase(Body body) : body_(std::move(body)) {}
  void Run(uint64_t times) override {
    for (; times > 0; --times) body_();
  }

 private:
  Body body_;
};

template <typename Body>
std::unique_ptr<Case> Repeat(Body body) {
  return std::make_unique<RepeatedCase<Body>>(std::move(body));
}

// The compiler has to make this value.
template <typename Value>
void Keep(const Value& value) {
  benchmark::DoNotOptimize(value);
}

// A text that the compiler does not know and that always begins a cache line: how many steps the C
// library takes over one depends on where it lies.
class Text {
 public:
  explicit Text(std::string_view text) : size_(text.copy(bytes_, sizeof bytes_)) {}
  [[nodiscard]] std::string_view Get() const {
    std::string_view text(bytes_, size_);
    benchmark::DoNotOptimize(text);
    return text;
  }

 private:
  alignas(64) char bytes_[1024];
  size_t size_;
};

// A line of the table in budgets.cc.
struct Row {
  std::string_view name;  // "<module>/<what>"
  std::unique_ptr<Case> (*make)();
  uint32_t items;        // how many of what the budget is for one run does
  double budget_ns;      // for one item
  std::string_view why;  // where the budget comes from
};

std::span<const Row> AllRows();

// --- wire_cases.cc ---
// The messages that libpq sends for a prepared statement, and what comes back for one row.
std::unique_ptr<Case> ScanPreparedBatch();
std::unique_ptr<Case> ScanReply();
std::unique_ptr<Case> ScanQuery();
// A read of 64 kB that is full of rows of 7 bytes.
inline constexpr uint32_t kTinyRows = 64 * 1024 / 18;
std::unique_ptr<Case> ScanTinyRows();
// A megabyte of rows of 1 kB, in reads of 64 kB.
std::unique_ptr<Case> ScanMegabyte();
std::unique_ptr<Case> TrackSimpleQuery();
std::unique_ptr<Case> TrackPreparedBatch();

// --- sql_cases.cc ---
std::unique_ptr<Case> LexOrm();
std::unique_ptr<Case> JudgeSelect();
std::unique_ptr<Case> JudgeUpdate();
std::unique_ptr<Case> JudgeInsert();
std::unique_ptr<Case> JudgeBegin();
std::unique_ptr<Case> JudgeOrmSelect();
std::unique_ptr<Case> JudgeOrmInsert();
std::unique_ptr<Case> NoDirectiveByFirstLetters();
std::unique_ptr<Case> NoDirectiveByWords();
std::unique_ptr<Case> NoDirectiveBehindComment();
std::unique_ptr<Case> FindNoHint();
std::unique_ptr<Case> FindShardingKey();
std::unique_ptr<Case> FormOfBegin();
std::unique_ptr<Case> FormOfSet();
std::unique_ptr<Case> NeedsShardSelect();
std::unique_ptr<Case> NeedsShardCatalog();

// --- pool_cases.cc ---
std::unique_ptr<Case> AcquireOfPool();
std::unique_ptr<Case> HandOverInPool();
std::unique_ptr<Case> AcquireOfOneHost();
std::unique_ptr<Case> AcquireOfThreeHosts();
std::unique_ptr<Case> HandOverInThreeHosts();
std::unique_ptr<Case> EqualParameters();
std::unique_ptr<Case> OneDifferentParameter();
std::unique_ptr<Case> SetParameter();

// --- statement_cases.cc ---
std::unique_ptr<Case> RenameBind();
std::unique_ptr<Case> ParseKnownText();
std::unique_ptr<Case> ParseAndClose();

// --- sharding_cases.cc ---
std::unique_ptr<Case> ShardOfBigint();
std::unique_ptr<Case> ShardOfBinaryBigint();
std::unique_ptr<Case> ShardOfInteger();
std::unique_ptr<Case> ShardOfText();
std::unique_ptr<Case> ShardOfUuid();
std::unique_ptr<Case> ShardOfDate();
std::unique_ptr<Case> ShardOfTimestamp();
std::unique_ptr<Case> ShardOfTimestamptz();
std::unique_ptr<Case> ShardBySha1();

// --- auth_cases.cc ---
std::unique_ptr<Case> ScramFirstStep();
std::unique_ptr<Case> ScramWholeLogin();
std::unique_ptr<Case> ScramTowardServer();

// --- sum_cases.cc ---
std::unique_ptr<Case> SimpleQuery();
std::unique_ptr<Case> ShardedQuery();

}  // namespace pglynx::micro
