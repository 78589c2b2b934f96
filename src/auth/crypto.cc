#include "auth/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "pglynx/core/check.h"

namespace pglynx::auth {
namespace {

constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// OpenSSL takes a null key or salt for "as before" or "none": never hand it one.
const char* NotNull(std::string_view bytes) {
  return bytes.empty() ? "" : bytes.data();
}

const unsigned char* Unsigned(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(NotNull(bytes));
}

unsigned char* Unsigned(Digest& digest) {
  return reinterpret_cast<unsigned char*>(digest.data());
}

// The value of one base64 digit, or 64 for what is none.
uint32_t Base64Value(char digit) {
  const size_t at = kBase64Alphabet.find(digit);
  return at == std::string_view::npos ? 64U : static_cast<uint32_t>(at);
}

}  // namespace

Digest Sha256(std::string_view data) {
  Digest digest{};
  unsigned int size = 0;
  PGLYNX_CHECK(
      EVP_Digest(NotNull(data), data.size(), Unsigned(digest), &size, EVP_sha256(), nullptr) == 1);
  PGLYNX_CHECK(size == digest.size());
  return digest;
}

Digest HmacSha256(std::string_view key, std::string_view data) {
  Digest digest{};
  unsigned int size = 0;
  PGLYNX_CHECK(HMAC(EVP_sha256(), NotNull(key), static_cast<int>(key.size()), Unsigned(data),
                    data.size(), Unsigned(digest), &size) != nullptr);
  PGLYNX_CHECK(size == digest.size());
  return digest;
}

Digest Pbkdf2Sha256(std::string_view password, std::string_view salt, uint32_t iterations) {
  Digest digest{};
  PGLYNX_CHECK(PKCS5_PBKDF2_HMAC(NotNull(password), static_cast<int>(password.size()),
                                 Unsigned(salt), static_cast<int>(salt.size()),
                                 static_cast<int>(iterations), EVP_sha256(),
                                 static_cast<int>(digest.size()), Unsigned(digest)) == 1);
  return digest;
}

Result<std::string> Md5Hex(std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(NotNull(data), data.size(), digest.data(), &size, EVP_md5(), nullptr) != 1) {
    return Error{ErrorCode::kFeatureNotSupported,
                 "MD5 is refused by this system's OpenSSL (FIPS policy): use scram-sha-256"};
  }
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(size_t{2} * size);
  for (unsigned int i = 0; i < size; ++i) {
    hex += kHexDigits[digest[i] >> 4U];
    hex += kHexDigits[digest[i] & 15U];
  }
  return hex;
}

std::string Base64Encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      const char byte = i < group.size() ? group[i] : '\0';
      bits = (bits << 8U) | static_cast<unsigned char>(byte);
    }
    for (size_t i = 0; i < 4; ++i) {
      text += i <= group.size() ? kBase64Alphabet[(bits >> (18U - 6U * i)) & 63U] : '=';
    }
  }
  return text;
}

std::optional<std::string> Base64Decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t at = 0; at < text.size(); at += 4) {
    std::string_view group = text.substr(at, 4);
    if (at + 4 == text.size()) {  // padding may stand only here
      if (group[3] == '=') group.remove_suffix(group[2] == '=' ? 2 : 1);
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; ++i) {
      const uint32_t value = i < group.size() ? Base64Value(group[i]) : 0;
      if (value > 63) return std::nullopt;
      bits = (bits << 6U) | value;
    }
    const size_t count = group.size() - 1;
    // What the padding cuts off must be zero, or two texts would mean the same bytes.
    if ((bits & ((1U << (8U * (3U - count))) - 1U)) != 0) return std::nullopt;
    for (size_t i = 0; i < count; ++i) {
      bytes += static_cast<char>((bits >> (16U - 8U * i)) & 255U);
    }
  }
  return bytes;
}

bool ConstantTimeEqual(std::string_view left, std::string_view right) {
  return left.size() == right.size() &&
         CRYPTO_memcmp(NotNull(left), NotNull(right), left.size()) == 0;
}

void Cleanse(void* at, size_t count) {
  OPENSSL_cleanse(at, count);
}

}  // namespace pglynx::auth
