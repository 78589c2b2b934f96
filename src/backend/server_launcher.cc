#include "pglynx/backend/server_launcher.h"

#include <cstring>

#include "backend/server_connection.h"

namespace pglynx::backend {
namespace {

bool ToKey(std::string_view bytes, auth::ScramKey& key) {
  if (bytes.size() != key.bytes.size()) return false;
  std::memcpy(key.bytes.data(), bytes.data(), bytes.size());
  return true;
}

}  // namespace

handshake::ServerCredential OwnCredential(const auth::Credential& credential) {
  switch (credential.kind()) {
    case auth::Credential::Kind::kPlainPassword:
      return handshake::PlainPassword{credential.secret()};
    case auth::Credential::Kind::kMd5Secret:
      return handshake::Md5Secret{credential.secret()};
    case auth::Credential::Kind::kNone:
    case auth::Credential::Kind::kScramVerifier:
      break;
  }
  return std::monostate();
}

std::unique_ptr<pool::PooledServer> Launcher::Launch(pool::Pool& pool, uint64_t id) {
  auto server = std::make_unique<ServerConnection>(*this, pool, id);
  server->Start();
  return server;
}

void Launcher::SetTarget(ServerTarget target) {
  target_ = std::move(target);
  keys_.reset();
}

handshake::ServerCredential Launcher::CredentialFor(const pool::Pool& pool) const {
  handshake::ServerCredential own = OwnCredential(target_.credential);
  if (!std::holds_alternative<std::monostate>(own)) return own;
  auth::ScramKeys keys;
  if (ToKey(pool.scram_client_key, keys.client_key) &&
      ToKey(pool.scram_server_key, keys.server_key)) {
    return keys;
  }
  return std::monostate();
}

const auth::ScramKeys* Launcher::FindKeys(std::string_view salt, uint32_t iterations) const {
  const bool known = keys_.has_value() && keys_->salt == salt && keys_->iterations == iterations;
  return known ? &keys_->keys : nullptr;
}

void Launcher::KeepKeys(std::string_view salt, uint32_t iterations, const auth::ScramKeys& keys) {
  keys_ = KnownKeys{std::string(salt), iterations, keys};
}

}  // namespace pglynx::backend
