// Goal: the primitives give the published values, and base64 accepts exactly one text per
// byte string. Method: vectors of RFC 4231, RFC 7914, RFC 1321 and RFC 4648, then every
// short input and a seeded run.
#include "auth/crypto.h"

#include "pglynx/core/random.h"
#include "support/catch.h"

using pglynx::auth::AsView;
using pglynx::auth::Base64Decode;
using pglynx::auth::Base64Encode;
using pglynx::auth::Cleanse;
using pglynx::auth::ConstantTimeEqual;
using pglynx::auth::HmacSha256;
using pglynx::auth::Md5Hex;
using pglynx::auth::Pbkdf2Sha256;
using pglynx::auth::Sha256;

namespace {

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += "0123456789abcdef"[byte >> 4U];
    hex += "0123456789abcdef"[byte & 15U];
  }
  return hex;
}

}  // namespace

TEST_CASE("Hashes and derived keys have the published values") {
  CHECK(Hex(AsView(Sha256("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(Hex(AsView(Sha256({}))) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Hex(AsView(HmacSha256("Jefe", "what do ya want for nothing?"))) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(Hex(AsView(HmacSha256({}, {}))) ==
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  CHECK(Hex(AsView(Pbkdf2Sha256("passwd", "salt", 1))) ==
        "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  CHECK(*Md5Hex("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(*Md5Hex("abc") == "900150983cd24fb0d6963f7d28e17f72");
}

TEST_CASE("Base64 writes and reads the vectors of RFC 4648") {
  const std::pair<std::string_view, std::string_view> cases[] = {{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : cases) {
    CHECK(Base64Encode(bytes) == text);
    REQUIRE(Base64Decode(text).has_value());
    CHECK(*Base64Decode(text) == bytes);
  }
}

TEST_CASE("Base64 refuses every text that is not the canonical one") {
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "=Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9",
        "Zm8=\n", "Zm9-", "Zm9_", "Zm9\xff", "Z=8="}) {
    CAPTURE(text);
    CHECK_FALSE(Base64Decode(text).has_value());
  }
  // Whatever is accepted is written back the same.
  pglynx::SeededRandom random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int at = 0; at < 4; ++at) {
      text +=
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/== -"[random.Next64() %
                                                                                 68];
    }
    const std::optional<std::string> bytes = Base64Decode(text);
    if (bytes) CHECK(Base64Encode(*bytes) == text);
  }
  for (size_t length = 0; length < 100; ++length) {
    const std::string bytes = random.Bytes(length);
    CHECK(Base64Decode(Base64Encode(bytes)) == bytes);
  }
}

TEST_CASE("ConstantTimeEqual tells equal from different") {
  CHECK(ConstantTimeEqual("", ""));
  CHECK(ConstantTimeEqual("abc", "abc"));
  CHECK_FALSE(ConstantTimeEqual("abc", "abd"));
  CHECK_FALSE(ConstantTimeEqual("abc", "ab"));
}

TEST_CASE("Cleanse overwrites what it is given") {
  std::string text = "secret";
  Cleanse(text);
  CHECK(text == std::string(6, '\0'));
}
