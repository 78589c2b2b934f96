// Goal: Buffer is a byte queue that holds memory only while it holds bytes, and BlockPool
// keeps no more than it says. Method: cases, then a seeded run against std::string.
#include "pglynx/core/buffer.h"

#include <string>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"

using pglynx::BlockPool;
using pglynx::Buffer;

TEST_CASE("BlockPool gives the smallest block that is large enough") {
  struct Case {
    size_t bytes_min;
    size_t capacity;
  };
  const Case cases[] = {{0, 512},        {1, 512},         {512, 512},      {513, 4096},
                        {4096, 4096},    {4097, 16384},    {16385, 65536},  {65536, 65536},
                        {65537, 131072}, {140000, 196608}, {262144, 262144}};
  for (const Case& c : cases) {
    CAPTURE(c.bytes_min);
    BlockPool pool;
    const BlockPool::Block block = pool.Take(c.bytes_min);
    CHECK(block.capacity == c.capacity);
    CHECK(pool.taken_bytes() == c.capacity);
    std::fill_n(block.bytes, block.capacity, 'x');  // the sanitizer watches
    pool.Give(block);
    CHECK(pool.taken_bytes() == 0);
  }
}

TEST_CASE("BlockPool hands a block that came back out again") {
  BlockPool pool;
  const BlockPool::Block first = pool.Take(512);
  pool.Give(first);
  const BlockPool::Block again = pool.Take(100);
  CHECK(again.bytes == first.bytes);
  const BlockPool::Block other = pool.Take(100);
  CHECK(other.bytes != first.bytes);
  CHECK(pool.taken_bytes() == 1024);
  pool.Give(again);
  pool.Give(other);
}

TEST_CASE("BlockPool takes back more blocks than it keeps") {
  BlockPool pool;
  std::vector<BlockPool::Block> blocks;
  for (size_t i = 0; i < 2 * BlockPool::kKeptBytesMax / 65536 + 1; ++i) {
    blocks.push_back(pool.Take(65536));
  }
  CHECK(pool.taken_bytes() == blocks.size() * 65536);
  for (const BlockPool::Block& block : blocks) pool.Give(block);
  CHECK(pool.taken_bytes() == 0);  // those that are not kept are freed: the sanitizer watches
}

TEST_CASE("Buffer owns no memory while it is empty") {
  BlockPool pool;
  Buffer buffer(pool);
  CHECK(buffer.empty());
  CHECK(buffer.view().empty());
  CHECK(pool.taken_bytes() == 0);
  buffer.Append("");
  CHECK(pool.taken_bytes() == 0);
  buffer.Append("hello");
  CHECK(buffer.view() == "hello");
  CHECK(pool.taken_bytes() == 512);
  buffer.Consume(0);
  CHECK(buffer.size() == 5);
  buffer.Consume(4);
  CHECK(buffer.view() == "o");
  buffer.Consume(1);
  CHECK(buffer.empty());
  CHECK(pool.taken_bytes() == 0);
  buffer.Append("again");
  buffer.Clear();
  buffer.Clear();
  CHECK(pool.taken_bytes() == 0);
}

TEST_CASE("Buffer gives its block back when it is destroyed") {
  BlockPool pool;
  {
    Buffer buffer(pool);
    buffer.Append(std::string(100000, 'x'));
    CHECK(pool.taken_bytes() == 131072);
  }
  CHECK(pool.taken_bytes() == 0);
}

TEST_CASE("Buffer may be changed in place") {
  BlockPool pool;
  Buffer buffer(pool);
  buffer.Append("xabc");
  buffer.Consume(1);
  buffer.data()[0] = 'A';
  CHECK(buffer.view() == "Abc");
}

TEST_CASE("Buffer reuses the room of what was consumed") {
  BlockPool pool;
  Buffer buffer(pool);
  buffer.Append(std::string(512, 'a'));
  for (int i = 0; i < 1000; ++i) {
    buffer.Consume(300);
    buffer.Append(std::string(300, 'b'));
    CHECK(buffer.size() == 512);
  }
  CHECK(pool.taken_bytes() == 512);
}

TEST_CASE("Buffer says what memory an Append will take, and takes no more than is expected") {
  BlockPool pool;
  Buffer buffer(pool);
  constexpr size_t kExpected = 300'000;
  const std::string piece(60'000, 'x');
  size_t peak = 0;
  for (size_t held = 0; held + piece.size() <= kExpected; held += piece.size()) {
    const size_t before = pool.taken_bytes();
    const size_t growth = buffer.GrowthFor(piece.size(), kExpected);
    buffer.Append(piece, kExpected);
    REQUIRE(pool.taken_bytes() == before + growth);
    peak = std::max(peak, pool.taken_bytes());
  }
  CHECK(buffer.view() == std::string(kExpected, 'x'));
  CHECK(peak == BlockPool::CapacityFor(kExpected));
}

TEST_CASE("Buffer behaves as a string does, from any seed") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    pglynx::SeededRandom random(seed);
    BlockPool pool;
    Buffer buffer(pool);
    std::string model;
    for (int step = 0; step < 2000; ++step) {
      const uint64_t choice = random.Next64() % 16;
      if (choice < 8) {
        const uint64_t limit = choice == 0 ? 100000 : 600;
        const std::string bytes = random.Bytes(random.Next64() % limit);
        const size_t expected = random.Next64() % 2 == 0 ? SIZE_MAX : random.Next64() % 200'000;
        const size_t growth = buffer.GrowthFor(bytes.size(), expected);
        const size_t taken = pool.taken_bytes();
        buffer.Append(bytes, expected);
        REQUIRE((bytes.empty() || pool.taken_bytes() == taken + growth));
        model += bytes;
      } else if (choice < 15) {
        const size_t count = random.Next64() % (model.size() + 1);
        buffer.Consume(count);
        model.erase(0, count);
      } else {
        buffer.Clear();
        model.clear();
      }
      REQUIRE(buffer.view() == model);
      REQUIRE(buffer.empty() == model.empty());
      REQUIRE((pool.taken_bytes() == 0) == model.empty());
      REQUIRE(pool.taken_bytes() >= model.size());
    }
  }
}
