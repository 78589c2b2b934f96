// Goal: what was added comes out in order, joined where it is contiguous.
#include "session/write_batch.h"

#include "support/catch.h"

using pglynx::session::WriteBatch;

TEST_CASE("contiguous pieces become one chunk") {
  const std::string text = "abcdef";
  WriteBatch batch;
  batch.Add(std::string_view(text).substr(0, 2));
  batch.Add(std::string_view(text).substr(2, 2));
  batch.Add(std::string_view(text).substr(5));
  REQUIRE(batch.chunks().size() == 2);
  CHECK(batch.chunks()[0] == "abcd");
  CHECK(batch.chunks()[1] == "f");
  CHECK(batch.bytes() == 5);
}

TEST_CASE("an open string keeps its place") {
  WriteBatch batch;
  batch.OpenOwned() = "first";
  batch.Add("second");
  batch.OpenOwned() = "third";
  batch.CloseOwned();
  REQUIRE(batch.chunks().size() == 3);
  CHECK(batch.chunks()[0] == "first");
  CHECK(batch.chunks()[1] == "second");
  CHECK(batch.chunks()[2] == "third");
}

TEST_CASE("a cleared batch starts over with its strings") {
  WriteBatch batch;
  batch.NewOwned() = std::string(100'000, 'x');
  batch.Clear();
  CHECK(batch.empty());
  CHECK(batch.NewOwned().empty());
}
