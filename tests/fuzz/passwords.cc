// SCRAM-SHA-256, both sides, its stored form, and md5 (auth/scram_*.h, credentials.h, md5.h).
//
// Properties: a client and a server of the same password accept each other, and whoever gets
// a message that was changed on the way refuses, or refuses the next one; messages from
// outside alone prove nothing; a verifier that is understood is written and understood again
// as the same one; no error repeats a secret or has a newline in it.
#include <optional>
#include <string>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "pglynx/auth/credentials.h"
#include "pglynx/auth/md5.h"
#include "pglynx/auth/scram_client.h"
#include "pglynx/auth/scram_server.h"

namespace pglynx::fuzz {
namespace {

using auth::ScramClient;
using auth::ScramServer;

constexpr std::string_view kSalt = "0123456789abcdef";

const auth::ScramKeys& Keys() {
  static const auth::ScramKeys kKeys = auth::DeriveScramKeys("pencil", kSalt, 1);
  return kKeys;
}

enum class Changed : uint8_t { kNothing, kClientFirst, kServerFirst, kClientFinal, kServerFinal };

// One message of an exchange is changed on its way; how far does it come?
class Exchange {
 public:
  Exchange(Changed changed, uint8_t where, uint8_t how)
      : changed_(changed), where_(where), how_(how) {}

  // True if both sides were content. The keys are those of the password from the start: with
  // others, of a changed salt say, it could only fail earlier.
  bool Run() {
    ScramClient client(random_);
    ScramServer server(auth::VerifierOf(Keys(), kSalt, 1), random_);
    const auto server_first =
        server.ReceiveClientFirst(OnTheWay(Changed::kClientFirst, client.Start()));
    if (!server_first) return false;
    const auto need = client.ReceiveServerFirst(OnTheWay(Changed::kServerFirst, *server_first));
    if (!need) return false;
    const auto success =
        server.ReceiveClientFinal(OnTheWay(Changed::kClientFinal, client.Continue(Keys())));
    if (!success) return false;
    PGLYNX_CHECK(success->keys.client_key.bytes == Keys().client_key.bytes);
    PGLYNX_CHECK(!server.ReceiveClientFinal("c=biws").has_value());
    return client.ReceiveServerFinal(OnTheWay(Changed::kServerFinal, success->server_final))
        .has_value();
  }

 private:
  std::string OnTheWay(Changed which, const std::string& message) const {
    return which == changed_ ? Mutated(message, where_, how_) : message;
  }

  SeededRandom random_{7};
  Changed changed_;
  uint8_t where_;
  uint8_t how_;
};

void CheckRefusal(const Error& error) {
  PGLYNX_CHECK(!error.detail.empty() && IsOneLine(error.detail) && error.detail.size() < 300);
}

}  // namespace

// Input: which message of an exchange is changed, where and how (bytes), then the messages of
// a client: client-first to a byte 0xFF, client-final to the end.
void FuzzScramServer(std::string_view bytes) {
  Input input(bytes);
  const uint8_t which = input.Byte();
  const uint8_t where = input.Byte();
  const uint8_t how = input.Byte();
  PGLYNX_CHECK(Exchange(Changed::kNothing, where, how).Run());
  PGLYNX_CHECK(!Exchange(static_cast<Changed>(1 + which % 4), where, how).Run());

  const ExactBytes client_first(input.Text());
  const ExactBytes client_final(input.Rest());
  const auth::ScramVerifier verifier = auth::VerifierOf(Keys(), kSalt, 1);
  ConstantRandom random;
  ScramServer server = (which & 0x80U) != 0 ? ScramServer::Mock("secret", "alice", random)
                                            : ScramServer(verifier, random);
  const auto server_first = server.ReceiveClientFirst(client_first.view());
  if (!server_first) {
    CheckRefusal(server_first.error());
    PGLYNX_CHECK(!server.ReceiveClientFinal(client_final.view()).has_value());
    return;
  }
  PGLYNX_CHECK(server_first->starts_with("r=") && IsOneLine(*server_first));
  const auto success = server.ReceiveClientFinal(client_final.view());
  if (!success) return CheckRefusal(success.error());
  // Only a seed that knows the password comes here.
  PGLYNX_CHECK((which & 0x80U) == 0);
  PGLYNX_CHECK(success->keys.client_key.bytes == Keys().client_key.bytes);
  PGLYNX_CHECK(success->server_final.starts_with("v="));
}

// Input: which message of an exchange is changed, where and how, then the messages of a
// server: server-first to a byte 0xFF, server-final to the end.
void FuzzScramClient(std::string_view bytes) {
  Input input(bytes);
  const uint8_t which = input.Byte();
  const uint8_t where = input.Byte();
  const uint8_t how = input.Byte();
  PGLYNX_CHECK(!Exchange(static_cast<Changed>(1 + which % 4), where, how).Run());

  const ExactBytes server_first(input.Text());
  const ExactBytes server_final(input.Rest());
  ConstantRandom random;
  ScramClient client(random);
  const std::string client_first = client.Start();
  PGLYNX_CHECK(client_first == client.Start());
  const auto need = client.ReceiveServerFirst(server_first.view());
  if (!need) return CheckRefusal(need.error());
  PGLYNX_CHECK(!need->salt.empty() && need->salt.size() <= 1024);
  PGLYNX_CHECK(need->iterations >= 1 && need->iterations <= auth::kScramIterationsMax);
  PGLYNX_CHECK(!client.ReceiveServerFirst(server_first.view()).has_value());
  const std::string client_final = client.Continue(Keys());
  PGLYNX_CHECK(client_final.starts_with("c=biws,r=") && IsOneLine(client_final));
  const Status proven = client.ReceiveServerFinal(server_final.view());
  if (!proven) return CheckRefusal(proven.error());
  PGLYNX_CHECK(server_final.view().size() == 46 && server_final.view().starts_with("v="));
}

// Input: a text as pg_authid.rolpassword holds it.
void FuzzScramVerifier(std::string_view text) {
  const auto verifier = auth::ScramVerifier::Parse(text);
  const auto credential = auth::Credential::Parse(text);
  PGLYNX_CHECK(credential.has_value() ==
               (verifier.has_value() || !auth::LooksLikeScramVerifier(text)));
  if (!verifier) {
    CheckRefusal(verifier.error());
    if (!credential) return CheckRefusal(credential.error());
    PGLYNX_CHECK(credential->verifier() == nullptr && credential->secret().view() == text);
    PGLYNX_CHECK((credential->kind() == auth::Credential::Kind::kMd5Secret) ==
                 auth::IsMd5Secret(text));
    return;
  }
  PGLYNX_CHECK(credential->kind() == auth::Credential::Kind::kScramVerifier);
  PGLYNX_CHECK(credential->secret().empty());
  const std::string written = verifier->Format();
  const auto again = auth::ScramVerifier::Parse(written);
  PGLYNX_CHECK(again.has_value() && again->Format() == written);
  PGLYNX_CHECK(again->iterations == verifier->iterations && again->salt == verifier->salt);
  PGLYNX_CHECK(again->stored_key.bytes == verifier->stored_key.bytes);
  PGLYNX_CHECK(again->server_key.bytes == verifier->server_key.bytes);
  // Only leading zeros of the iteration count may be written otherwise.
  PGLYNX_CHECK(written.size() <= text.size());
  PGLYNX_CHECK(text.substr(text.find(':')) == written.substr(written.find(':')));
}

// Input: where and how a response is changed, password and user to a byte 0xFF each, then a
// response from outside.
void FuzzMd5(std::string_view bytes) {
  Input input(bytes);
  const uint8_t where = input.Byte();
  const uint8_t how = input.Byte();
  const std::string_view password = input.Text();
  const std::string_view user = input.Text();
  const std::string_view other = input.Rest();
  const std::string_view salt("\x01\x80\xffz", 4);

  const auto secret = auth::MakeMd5Secret(password, user);
  PGLYNX_CHECK(secret.has_value() && auth::IsMd5Secret(secret->view()));
  const auto response = auth::MakeMd5Response(secret->view(), salt);
  PGLYNX_CHECK(response.has_value() && response->size() == 35);
  PGLYNX_CHECK(*auth::VerifyMd5Response(secret->view(), salt, *response));
  PGLYNX_CHECK(!*auth::VerifyMd5Response(secret->view(), salt, Mutated(*response, where, how)));
  PGLYNX_CHECK(!*auth::VerifyMd5Response(secret->view(), Mutated(salt, where, how), *response));
  const ExactBytes guess(other);
  PGLYNX_CHECK(*auth::VerifyMd5Response(secret->view(), salt, guess.view()) ==
               (other == *response));
  const auto of_other = auth::MakeMd5Response(guess.view(), salt);
  PGLYNX_CHECK(of_other.has_value() == auth::IsMd5Secret(other));
  if (!of_other) CheckRefusal(of_other.error());
}

}  // namespace pglynx::fuzz
