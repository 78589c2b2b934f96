#include "sim/fake_vs_real/login.h"

#include <optional>

#include "pglynx/auth/md5.h"
#include "pglynx/auth/scram.h"
#include "pglynx/auth/scram_client.h"
#include "pglynx/wire/authentication.h"

namespace pglynx::sim {
namespace {

// Answers the server's questions; "" where there is nothing to say.
class Prover {
 public:
  explicit Prover(const Login& login) : login_(login) {}

  std::string Answer(const RawMessage& message) {
    const Result<wire::AuthenticationRequest> request = wire::ParseAuthentication(message.body);
    if (!request) return "";
    std::string bytes;
    switch (request->code) {
      case wire::AuthenticationCode::kMd5Password: {
        const Result<auth::SecretString> secret = auth::MakeMd5Secret(login_.password, login_.user);
        const Result<std::string> response =
            secret ? auth::MakeMd5Response(secret->view(), message.body.substr(4))
                   : Result<std::string>(secret.error());
        if (response) bytes = e2e::RawClient::Frame('p', *response + '\0');
        break;
      }
      case wire::AuthenticationCode::kSasl:
        scram_.emplace(random_);
        wire::AppendSaslInitialResponse(bytes, auth::kScramMechanism, scram_->Start());
        break;
      case wire::AuthenticationCode::kSaslContinue: {
        const Result<auth::ScramClient::NeedKeys> need = scram_->ReceiveServerFirst(request->data);
        if (!need) break;
        const auth::ScramKeys keys =
            auth::DeriveScramKeys(login_.password, need->salt, need->iterations);
        wire::AppendSaslResponse(bytes, scram_->Continue(keys));
        break;
      }
      default:
        break;
    }
    return bytes;
  }

 private:
  const Login& login_;
  SeededRandom random_{1};
  std::optional<auth::ScramClient> scram_;
};

}  // namespace

std::vector<RawMessage> RunLogin(Peer& peer, const Login& login) {
  std::vector<std::pair<std::string, std::string>> parameters = {{"user", login.user},
                                                                 {"database", "app"}};
  parameters.insert(parameters.end(), login.settings.begin(), login.settings.end());
  peer.Send(e2e::RawClient::Startup(parameters));
  Prover prover(login);
  std::vector<RawMessage> messages;
  while (std::optional<RawMessage> message = peer.Next()) {
    messages.push_back(std::move(*message));
    const char type = messages.back().type;
    if (type == 'Z') break;
    if (type != 'R') continue;
    const std::string answer = prover.Answer(messages.back());
    if (!answer.empty()) peer.Send(answer);
  }
  return messages;
}

}  // namespace pglynx::sim
