// Goal: secrets made from one key are HMAC-SHA-256, and differ by purpose and by key.
// Method: a vector of RFC 4231, and a few names.

#include "pglynx/auth/derived_secret.h"

#include <set>
#include <string>

#include <fmt/format.h>

#include "support/catch.h"

using pglynx::auth::DeriveSecret;

namespace {

std::string Hex(const std::string& bytes) {
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

}  // namespace

TEST_CASE("a derived secret is the beginning of an HMAC-SHA-256") {
  const std::string key(20, '\x0b');  // RFC 4231, 4.2
  CHECK(Hex(DeriveSecret(key, "Hi There", 32)) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(Hex(DeriveSecret(key, "Hi There", 4)) == "b0344c61");
  CHECK(DeriveSecret(key, "Hi There", 0).empty());
}

TEST_CASE("derived secrets differ by what they are for, and by the key") {
  std::set<std::string> secrets;
  for (const char* key : {"one key", "another key"}) {
    for (int number = 0; number < 1000; ++number) {
      secrets.insert(DeriveSecret(key, std::to_string(number), 32));
    }
  }
  CHECK(secrets.size() == 2000);
}
