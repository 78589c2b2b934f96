// Pieces one after another, as a query makes them do. The session's own code, which holds them
// together, is not among them: bench/macro/own_instructions.py measures all of it.

#include <utility>
#include <vector>

#include "micro/micro_case.h"

namespace pglynx::micro {
namespace {

using Make = std::unique_ptr<Case> (*)();

std::unique_ptr<Case> Together(std::initializer_list<Make> makers) {
  std::vector<std::unique_ptr<Case>> parts;
  for (const Make make : makers) parts.push_back(make());
  return Repeat([parts = std::move(parts)] {
    for (const std::unique_ptr<Case>& part : parts) part->Run(1);
  });
}

}  // namespace

std::unique_ptr<Case> SimpleQuery() {
  return Together({ScanQuery, NoDirectiveByFirstLetters, AcquireOfPool, JudgeSelect,
                   TrackSimpleQuery, ScanReply});
}

std::unique_ptr<Case> ShardedQuery() {
  return Together({FindNoHint, NeedsShardSelect, ShardOfBigint, AcquireOfThreeHosts});
}

}  // namespace pglynx::micro
