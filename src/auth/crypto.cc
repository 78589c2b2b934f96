#include "auth/crypto.h"

#include <algorithm>
#include <array>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

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

constexpr std::array<uint8_t, 256> MakeBase64Values() {
  std::array<uint8_t, 256> values{};
  values.fill(64);
  for (uint8_t i = 0; i < kBase64Alphabet.size(); ++i) {
    values[static_cast<unsigned char>(kBase64Alphabet[i])] = i;
  }
  return values;
}

// The value of each base64 digit, or 64 for what is none.
constexpr std::array<uint8_t, 256> kBase64Values = MakeBase64Values();

uint32_t Base64Value(char digit) {
  return kBase64Values[static_cast<unsigned char>(digit)];
}

// To look an algorithm up by its name costs OpenSSL 3 ten times what a short message does.
const EVP_MD* Sha256Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  PGLYNX_CHECK(algorithm != nullptr);
  return algorithm;
}

// One for each thread that needs it. Holds a copy of the last key until the next one.
class Hmac {
 public:
  Hmac() {
    EVP_MAC* algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    PGLYNX_CHECK(algorithm != nullptr);
    context_ = EVP_MAC_CTX_new(algorithm);
    EVP_MAC_free(algorithm);  // the context has it
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    PGLYNX_CHECK(context_ != nullptr && EVP_MAC_CTX_set_params(context_, parameters) == 1);
  }
  ~Hmac() { EVP_MAC_CTX_free(context_); }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  Digest Of(std::string_view key, std::string_view data) {
    Digest digest{};
    size_t size = 0;
    PGLYNX_CHECK(EVP_MAC_init(context_, Unsigned(key), key.size(), nullptr) == 1);
    PGLYNX_CHECK(EVP_MAC_update(context_, Unsigned(data), data.size()) == 1);
    PGLYNX_CHECK(EVP_MAC_final(context_, Unsigned(digest), &size, digest.size()) == 1);
    PGLYNX_CHECK(size == digest.size());
    return digest;
  }

 private:
  EVP_MAC_CTX* context_;
};

}  // namespace

Digest Sha256(std::string_view data) {
  Digest digest{};
  unsigned int size = 0;
  PGLYNX_CHECK(EVP_Digest(NotNull(data), data.size(), Unsigned(digest), &size, Sha256Algorithm(),
                          nullptr) == 1);
  PGLYNX_CHECK(size == digest.size());
  return digest;
}

Digest HmacSha256(std::string_view key, std::string_view data) {
  thread_local Hmac hmac;
  return hmac.Of(key, data);
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
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  char* out = text.data();
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t count = std::min<size_t>(bytes.size() - at, 3);
    uint32_t bits = 0;
    for (size_t i = 0; i < count; ++i) {
      bits |= uint32_t{static_cast<unsigned char>(bytes[at + i])} << (16U - 8U * i);
    }
    for (size_t i = 0; i <= count; ++i) out[i] = kBase64Alphabet[(bits >> (18U - 6U * i)) & 63U];
    out += 4;
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
