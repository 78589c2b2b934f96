// Goal: the end of the digest that any other SHA-1 gives. Method: the examples of FIPS 180; every
// length about the blocks, folded, against Python's hashlib.
#include "sharding/sha1.h"

#include <string>

#include "support/catch.h"

using pglynx::sharding::Sha1LastWord;

TEST_CASE("Sha1LastWord gives the end of the known digests") {
  CHECK(Sha1LastWord("") == 0xafd80709);
  CHECK(Sha1LastWord("abc") == 0x9cd0d89d);
  CHECK(Sha1LastWord("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") == 0xe54670f1);
  CHECK(Sha1LastWord(std::string(1'000'000, 'a')) == 0x6534016f);
}

TEST_CASE("Sha1LastWord pads every length") {
  uint64_t folded = 0;
  for (size_t length = 0; length < 200; ++length) {
    std::string bytes;
    for (size_t i = 0; i < length; ++i) bytes += static_cast<char>((i * 7 + length) % 256);
    folded = folded * 31 + Sha1LastWord(bytes);
  }
  CHECK(folded == 0xe3853d00d666cb27);
}
