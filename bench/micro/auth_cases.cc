// The steps of a SCRAM login that run on the loop; PBKDF2 is not one of them. The exchange is that
// of RFC 7677.

#include <string_view>
#include <utility>

#include "micro/micro_case.h"
#include "pglynx/auth/scram.h"
#include "pglynx/auth/scram_client.h"
#include "pglynx/auth/scram_server.h"
#include "pglynx/core/check.h"
#include "pglynx/core/random.h"

namespace pglynx::micro {
namespace {

using auth::ScramClient;
using auth::ScramServer;

constexpr std::string_view kNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view kFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

auth::ScramVerifier Verifier() {
  constexpr std::string_view kSalt(
      "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81", 16);
  return auth::MakeVerifier("pencil", kSalt, auth::kScramIterationsDefault);
}

}  // namespace

std::unique_ptr<Case> ScramFirstStep() {
  return Repeat([verifier = Verifier()] {
    ScramServer server = ScramServer::WithNonceForTest(verifier, kNonce);
    Keep(server.ReceiveClientFirst(kFirst).has_value());
  });
}

std::unique_ptr<Case> ScramWholeLogin() {
  return Repeat([verifier = Verifier()] {
    ScramServer server = ScramServer::WithNonceForTest(verifier, kNonce);
    PGLYNX_CHECK(server.ReceiveClientFirst(kFirst).has_value());
    PGLYNX_CHECK(server.ReceiveClientFinal(kFinal).has_value());
  });
}

std::unique_ptr<Case> ScramTowardServer() {
  const auth::ScramVerifier verifier = Verifier();
  return Repeat([keys = auth::DeriveScramKeys("pencil", verifier.salt, verifier.iterations),
                 verifier, random = SeededRandom(1)]() mutable {
    ScramClient client(random);
    ScramServer server = ScramServer::WithNonceForTest(verifier, kNonce);
    const Result<std::string> first = server.ReceiveClientFirst(client.Start());
    PGLYNX_CHECK(first.has_value() && client.ReceiveServerFirst(*first).has_value());
    Keep(client.Continue(keys).size());
  });
}

}  // namespace pglynx::micro
