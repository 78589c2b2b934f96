#include "config/secret.h"

#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/expand.h"
#include "config/file_text.h"
#include "pglynx/auth/scram.h"

namespace pglynx::config {

namespace {

constexpr std::string_view kMd5Prefix = "md5";
constexpr size_t kMd5HexDigits = 32;
constexpr size_t kSecretFileBytesMax = 4096;

// PostgreSQL writes md5 secrets in lower case and takes others for plain passwords.
bool IsMd5(std::string_view text) {
  return text.size() == kMd5Prefix.size() + kMd5HexDigits && text.starts_with(kMd5Prefix) &&
         text.find_first_not_of("0123456789abcdef", kMd5Prefix.size()) == std::string_view::npos;
}

std::optional<std::string> FileSecret(KeyReader& reader, const std::string& key) {
  const std::optional<std::string> named = reader.RawText(key);
  if (!named) return std::nullopt;
  Problems& problems = reader.context().problems;
  const Place place = reader.PlaceOf(key);
  const std::string path = RelativeTo(problems.path(place.file), *named);
  auto file = ReadFile(path, kSecretFileBytesMax);
  if (!file) {
    reader.AddError(key,
                    fmt::format("key '{}': the file cannot be read: {}", key, file.error().detail));
    return std::nullopt;
  }
  std::string& text = file->text;
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) {
    reader.AddError(key, fmt::format("key '{}': the file is empty", key));
    return std::nullopt;
  }
  if (file->readable_by_others) {
    problems.AddWarning(
        place,
        fmt::format("key '{}': the file can be read by every user; set its mode to 0600", key));
  }
  return std::move(text);
}

std::optional<std::string> EnvironmentSecret(KeyReader& reader, const std::string& key) {
  const std::optional<std::string> name = reader.RawText(key);
  if (!name) return std::nullopt;
  std::optional<std::string> value = reader.context().environment.Get(*name);
  if (!value || value->empty()) {
    reader.AddError(key, fmt::format("key '{}': the environment variable is {}", key,
                                     value ? "empty" : "not set"));
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> InlineSecret(KeyReader& reader, const std::string& key) {
  std::optional<std::string> text = reader.RawText(key);
  const TomlEntry* entry = reader.Find(key);
  if (text && !text->empty() && !HasVariable(entry->value.text)) {
    reader.context().secret_files.insert(entry->value.place.file);
  }
  return text;
}

std::optional<Secret> Classified(KeyReader& reader, const std::string& key,
                                 std::optional<std::string> text) {
  if (!text) return std::nullopt;
  Result<Secret> secret = ClassifySecret(*std::move(text));
  if (secret) return *std::move(secret);
  reader.AddError(key, fmt::format("key '{}': {}", key, secret.error().detail));
  return std::nullopt;
}

}  // namespace

Result<Secret> ClassifySecret(std::string text) {
  if (text.empty()) return Secret{};
  if (text.size() > kSecretBytesMax) {
    return Error{ErrorCode::kConfigFile,
                 fmt::format("the secret has more than {} bytes", kSecretBytesMax)};
  }
  if (text.find('\0') != std::string::npos) {
    return Error{ErrorCode::kConfigFile, "the secret holds a NUL"};
  }
  if (IsMd5(text)) return Secret{Secret::Kind::kMd5, std::move(text)};
  if (!auth::LooksLikeScramVerifier(text)) {
    return Secret{Secret::Kind::kPlain, std::move(text)};
  }
  const Result<auth::ScramVerifier> verifier = auth::ScramVerifier::Parse(text);
  if (!verifier) return Error{ErrorCode::kConfigFile, verifier.error().detail};
  return Secret{Secret::Kind::kScram, std::move(text)};
}

std::optional<Secret> ReadInlineSecret(KeyReader& reader, const std::string& key) {
  if (reader.Find(key) == nullptr) return Secret{};
  return Classified(reader, key, InlineSecret(reader, key));
}

std::optional<Secret> ReadSecret(KeyReader& reader, const std::string& key) {
  std::vector<std::string> set;
  for (const char* suffix : {"", "_file", "_env"}) {
    if (reader.Find(key + suffix) != nullptr) set.push_back(key + suffix);
  }
  if (set.empty()) return Secret{};
  if (set.size() > 1) {
    reader.AddError(set.back(), fmt::format("only one of these may be set: {}", Join(set)));
    return std::nullopt;
  }
  const std::string& name = set.front();
  if (name.ends_with("_file")) return Classified(reader, name, FileSecret(reader, name));
  if (name.ends_with("_env")) return Classified(reader, name, EnvironmentSecret(reader, name));
  return Classified(reader, name, InlineSecret(reader, name));
}

}  // namespace pglynx::config
