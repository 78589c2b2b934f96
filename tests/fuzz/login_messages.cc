// The messages of a login and their collector (wire/authentication.h,
// handshake/message_collector.h, handshake/server_error.h).
//
// Properties: a body that is understood comes out again byte by byte when it is written, and
// what is written is understood as it was meant; views stay inside the body; a collector, cut
// anywhere, finds the messages that a plain reading finds and takes no byte behind them.
#include <string>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "pglynx/handshake/message_collector.h"
#include "pglynx/handshake/server_error.h"
#include "pglynx/wire/authentication.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::fuzz {
namespace {

using handshake::MessageCollector;
using wire::AuthenticationCode;

std::string_view BodyOf(std::string_view message, char type) {
  const std::vector<Frame> frames = WholeFrames(message);
  PGLYNX_CHECK(frames.size() == 1 && frames[0].type == type);
  return frames[0].body;
}

void CheckRequest(std::string_view body) {
  const auto request = wire::ParseAuthentication(body);
  if (!request) {
    PGLYNX_CHECK(request.error().code == ErrorCode::kServerProtocolViolation);
    return;
  }
  PGLYNX_CHECK(!wire::AuthenticationName(request->code).empty());
  std::string out;
  switch (request->code) {
    case AuthenticationCode::kOk:
      wire::AppendAuthenticationOk(out);
      break;
    case AuthenticationCode::kCleartextPassword:
      wire::AppendAuthenticationCleartextPassword(out);
      break;
    case AuthenticationCode::kMd5Password:
      wire::AppendAuthenticationMd5Password(out, request->data);
      break;
    case AuthenticationCode::kSasl: {
      const auto mechanisms = wire::ParseSaslMechanisms(request->data);
      if (!mechanisms) return;
      wire::AppendAuthenticationSasl(out, *mechanisms);
      break;
    }
    case AuthenticationCode::kSaslContinue:
      wire::AppendAuthenticationSaslContinue(out, request->data);
      break;
    case AuthenticationCode::kSaslFinal:
      wire::AppendAuthenticationSaslFinal(out, request->data);
      break;
    default:
      return;  // of other methods only the number is known
  }
  PGLYNX_CHECK(BodyOf(out, 'R') == body);
}

void CheckAnswers(std::string_view body) {
  if (const auto password = wire::ParsePasswordMessage(body)) {
    std::string out;
    wire::AppendPasswordMessage(out, *password);
    PGLYNX_CHECK(BodyOf(out, 'p') == body);
  }
  if (const auto initial = wire::ParseSaslInitialResponse(body)) {
    std::string out;
    wire::AppendSaslInitialResponse(out, initial->mechanism, initial->response.value_or(""));
    if (!initial->response) StoreU32(out.data() + out.size() - 4, 0xffffffffU);  // none was sent
    PGLYNX_CHECK(BodyOf(out, 'p') == body);
  }
}

void CheckNegotiation(std::string_view body) {
  const auto negotiation = wire::ParseNegotiateProtocolVersion(body);
  if (!negotiation) return;
  const std::vector<std::string> options(negotiation->unrecognized_options.begin(),
                                         negotiation->unrecognized_options.end());
  std::string out;
  wire::AppendNegotiateProtocolVersion(out, negotiation->minor, options);
  // The major version may be left out by a server.
  PGLYNX_CHECK(BodyOf(out, 'v').substr(2) == body.substr(2));
}

struct Collected {
  std::vector<std::string> messages;
  bool bad = false;
  size_t taken = 0;
  bool operator==(const Collected&) const = default;
};

Collected Collect(MessageCollector::Framing framing, size_t bytes_max,
                  const std::vector<ExactBytes>& pieces) {
  Collected collected;
  MessageCollector collector;
  for (const ExactBytes& piece : pieces) {
    std::string_view rest = piece.view();
    while (!collected.bad) {
      const MessageCollector::Outcome outcome = collector.Take(rest, framing, bytes_max);
      PGLYNX_CHECK(collector.whole().size() <= std::max<size_t>(bytes_max, 5));
      if (outcome == MessageCollector::Outcome::kNeedMore) break;
      collected.messages.emplace_back(collector.whole());
      collected.bad = outcome == MessageCollector::Outcome::kBadLength;
      if (!collected.bad) PGLYNX_CHECK(collector.whole().ends_with(collector.body()));
      collector.Clear();
    }
    PGLYNX_CHECK(collected.bad || rest.empty());
    collected.taken += piece.view().size() - rest.size();
  }
  return collected;
}

Collected CollectPlainly(size_t type_bytes, size_t bytes_max, std::string_view stream) {
  Collected collected;
  const size_t header_bytes = type_bytes + 4;
  size_t at = 0;
  while (stream.size() - at >= header_bytes && !collected.bad) {
    const size_t bytes = LoadU32(stream.data() + at + type_bytes) + type_bytes;
    collected.bad = bytes < header_bytes || bytes > bytes_max;
    if (!collected.bad && stream.size() - at < bytes) break;
    const size_t taken = collected.bad ? header_bytes : bytes;
    collected.messages.emplace_back(stream.substr(at, taken));
    at += taken;
  }
  collected.taken = collected.bad ? at : stream.size();
  return collected;
}

}  // namespace

// Input: the body of a message of a login.
void FuzzAuthentication(std::string_view input) {
  CheckRequest(input);
  CheckAnswers(input);
  CheckNegotiation(input);
}

// Input: one byte for the framing and the limit, the cuts, then the stream.
void FuzzMessageCollector(std::string_view bytes) {
  Input input(bytes);
  const uint8_t choice = input.Byte();
  const bool typed = (choice & 1U) != 0;
  const size_t bytes_max = 5 + size_t{choice};
  const auto framing =
      typed ? MessageCollector::Framing::kTyped : MessageCollector::Framing::kUntyped;
  const Cuts cuts(input);
  const std::string_view stream = input.Rest();

  const Collected plain = CollectPlainly(typed ? 1 : 0, bytes_max, stream);
  PGLYNX_CHECK(Collect(framing, bytes_max, cuts.Apply(stream)) == plain);
  PGLYNX_CHECK(Collect(framing, bytes_max, SingleBytes(stream)) == plain);
}

// Input: the body of an ErrorResponse.
void FuzzServerError(std::string_view input) {
  const auto error = handshake::ParseServerError(input);
  if (!error) return;
  std::string out;
  wire::AppendErrorResponse(out, {.severity = wire::Severity::kFatal,
                                  .sqlstate = error->sqlstate,
                                  .message = error->message,
                                  .detail = error->detail,
                                  .hint = error->hint});
  const auto again = handshake::ParseServerError(BodyOf(out, 'E'));
  PGLYNX_CHECK(again.has_value() && again->severity == "FATAL");
  PGLYNX_CHECK(again->sqlstate == error->sqlstate && again->message == error->message);
  PGLYNX_CHECK(again->detail == error->detail && again->hint == error->hint);
}

}  // namespace pglynx::fuzz
