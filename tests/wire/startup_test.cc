// Goal: the first packet is read as Postgres reads it, and nothing else passes. Method:
// tables, every prefix of each valid packet, seeded noise.
#include "pglynx/wire/startup.h"

#include "pglynx/core/bytes.h"
#include "pglynx/core/random.h"
#include "support/catch.h"

using pglynx::ErrorCode;
using pglynx::wire::AppendCancelRequest;
using pglynx::wire::AppendGssEncRequest;
using pglynx::wire::AppendSslRequest;
using pglynx::wire::AppendStartupMessage;
using pglynx::wire::CancelRequest;
using pglynx::wire::GssEncRequest;
using pglynx::wire::kStartupBytesMax;
using pglynx::wire::ParseOptions;
using pglynx::wire::ParseReplication;
using pglynx::wire::ParseStartup;
using pglynx::wire::ReplicationMode;
using pglynx::wire::SslRequest;
using pglynx::wire::StartupMessage;
using pglynx::wire::StartupParameters;

namespace {

constexpr std::string_view kBadLayout =
    "invalid startup packet layout: expected terminator as last byte";
constexpr std::string_view kBadLength = "invalid length of startup packet";

// A packet with the right length around `code` and `rest`.
std::string Packet(uint32_t code, std::string_view rest) {
  std::string packet;
  pglynx::AppendU32(packet, static_cast<uint32_t>(8 + rest.size()));
  pglynx::AppendU32(packet, code);
  return packet.append(rest);
}

void CheckRefused(std::string_view packet, ErrorCode code, std::string_view text) {
  const auto parsed = ParseStartup(packet);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().code == code);
  CHECK(parsed.error().detail == text);
}

template <typename T>
T ParseAs(std::string_view packet) {
  // What follows the packet is left alone; every shorter input asks for more.
  for (size_t length = 0; length < packet.size(); ++length) {
    const auto prefix = ParseStartup(packet.substr(0, length));
    REQUIRE(prefix.has_value());
    CHECK_FALSE(prefix->has_value());
  }
  const auto parsed = ParseStartup(std::string(packet) + "more");
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->has_value());
  CHECK((*parsed)->consumed == packet.size());
  REQUIRE(std::holds_alternative<T>((*parsed)->packet));
  return std::get<T>((*parsed)->packet);
}

}  // namespace

TEST_CASE("ParseStartup reads each kind of first packet") {
  std::string out;
  AppendSslRequest(out);
  CHECK(out == std::string_view("\0\0\0\x08\x04\xd2\x16\x2f", 8));
  ParseAs<SslRequest>(out);
  out.clear();
  AppendGssEncRequest(out);
  ParseAs<GssEncRequest>(out);
  for (const size_t secret_bytes : {4U, 32U, 256U}) {
    out.clear();
    AppendCancelRequest(out, 4'000'000'000U, std::string(secret_bytes, 's'));
    const auto cancel = ParseAs<CancelRequest>(out);
    CHECK(cancel.pid == 4'000'000'000U);
    CHECK(cancel.secret == std::string(secret_bytes, 's'));
  }
}

TEST_CASE("ParseStartup keeps the parameters in order and the last of a name counts") {
  const StartupParameters parameters = {
      {"user", "first"}, {"database", ""}, {"_pq_.x", "1"}, {"user", "app"}};
  for (const uint16_t minor : {uint16_t{0}, uint16_t{2}, uint16_t{9999}}) {
    std::string out;
    AppendStartupMessage(out, minor, parameters);
    const auto message = ParseAs<StartupMessage>(out);
    CHECK(message.minor == minor);
    CHECK(message.parameters == parameters);
    CHECK(message.Find("user") == "app");
    CHECK(message.Find("database") == "");
    CHECK_FALSE(message.Find("options").has_value());
  }
  std::string empty;
  AppendStartupMessage(empty, 0, {});
  CHECK(ParseAs<StartupMessage>(empty).parameters.empty());
}

TEST_CASE("ParseStartup refuses lengths that cannot be as soon as they are known") {
  for (const uint32_t length : {0U, 4U, 7U, 10'005U, 0x7fffffffU, 0xffffffffU}) {
    std::string packet;
    pglynx::AppendU32(packet, length);
    CheckRefused(packet, ErrorCode::kProtocolViolation, kBadLength);
  }
  CheckRefused("GET / HTTP/1.1\r\n", ErrorCode::kProtocolViolation, kBadLength);
  CheckRefused("\x16\x03\x01\x02", ErrorCode::kProtocolViolation, kBadLength);
  // The longest that is allowed.
  const std::string rest =
      "user" + std::string(1, '\0') + std::string(9989, 'u') + std::string(2, '\0');
  const auto longest = ParseStartup(Packet(3U << 16U, rest));
  REQUIRE(longest.has_value());
  CHECK((*longest)->consumed == kStartupBytesMax);
}

TEST_CASE("ParseStartup refuses a broken layout") {
  using std::string_view_literals::operator""sv;
  for (const std::string_view rest :
       {""sv, "user"sv, "user\0"sv, "user\0app"sv, "user\0app\0"sv, "\0\0"sv, "user\0app\0\0\0"sv,
        "user\0app\0\0x"sv, "user\0app\0database\0\0"sv}) {
    CheckRefused(Packet(3U << 16U, rest), ErrorCode::kProtocolViolation, kBadLayout);
  }
  CheckRefused(Packet(80877103, "x"), ErrorCode::kProtocolViolation,
               "invalid length of SSLRequest: it has 8 bytes");
  CheckRefused(Packet(80877104, "x"), ErrorCode::kProtocolViolation,
               "invalid length of GSSENCRequest: it has 8 bytes");
  for (const size_t bytes : {0U, 3U, 4U, 7U, 261U, 1000U}) {
    CheckRefused(Packet(80877102, std::string(bytes, 'c')), ErrorCode::kProtocolViolation,
                 "invalid length of cancel request: the secret has 4 to 256 bytes");
  }
}

TEST_CASE("ParseStartup names the protocols it speaks when asked for another") {
  const std::pair<uint32_t, std::string_view> cases[] = {
      {1U << 16U, "1.0"}, {2U << 16U, "2.0"}, {(4U << 16U) | 1U, "4.1"}, {80877105, "1234.5681"}};
  for (const auto& [code, name] : cases) {
    CheckRefused(
        Packet(code, "anything"), ErrorCode::kFeatureNotSupported,
        "unsupported frontend protocol " + std::string(name) + ": server supports 3.0 to 3.2");
  }
}

TEST_CASE("ParseStartup survives noise") {
  pglynx::SeededRandom random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string noise = random.Bytes(random.Next64() % 80);
    if (i % 2 == 0) noise = Packet(i % 4 == 0 ? 3U << 16U : 80877102U, noise);
    const auto parsed = ParseStartup(noise);
    if (parsed && *parsed) CHECK((*parsed)->consumed <= noise.size());
  }
}

TEST_CASE("ParseOptions reads what Postgres takes for settings") {
  const std::pair<std::string_view, StartupParameters> cases[] = {
      {"", {}},
      {"  \t\n", {}},
      {"-c geqo=off", {{"geqo", "off"}}},
      {"-cgeqo=off", {{"geqo", "off"}}},
      {"--geqo=off", {{"geqo", "off"}}},
      {"--statement-timeout=5-s", {{"statement_timeout", "5-s"}}},
      {"-c statement-timeout=5", {{"statement_timeout", "5"}}},
      {"-c a=b=c", {{"a", "b=c"}}},
      {"-c a=", {{"a", ""}}},
      {" -c a=1   --b=2 -cc=3 ", {{"a", "1"}, {"b", "2"}, {"c", "3"}}},
      {R"(-c search_path=a,\ b)", {{"search_path", "a, b"}}},
      {R"(-c a=x\\y\z)", {{"a", R"(x\yz)"}}},
      {R"(-c a=x\)", {{"a", "x"}}},
      {"-c my.setting=1", {{"my.setting", "1"}}},
      {"-c a=1 -c a=2", {{"a", "1"}, {"a", "2"}}}};
  for (const auto& [options, expected] : cases) {
    CAPTURE(options);
    const auto parsed = ParseOptions(options);
    REQUIRE(parsed.has_value());
    CHECK(*parsed == expected);
  }
}

TEST_CASE("ParseOptions refuses every other switch and says what is allowed") {
  for (const std::string_view options : {"-c", "-c a=1 -c", "-c a", "-c =1", "--", "--a", "--=1",
                                         "-B 5", "-d5", "a=1", "-", "\\", "-C a=1", "-e\n"}) {
    CAPTURE(options);
    const auto parsed = ParseOptions(options);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == ErrorCode::kSyntaxError);
    const std::string& detail = parsed.error().detail;
    const bool says = detail.find("name=value") != std::string::npos ||
                      detail.find("requires a value") != std::string::npos ||
                      detail.find("invalid command-line argument") != std::string::npos;
    CHECK(says);
    CHECK(parsed.error().detail.find('\n') == std::string::npos);
  }
}

TEST_CASE("ParseReplication reads a mode as Postgres does") {
  const std::pair<std::string_view, ReplicationMode> cases[] = {
      {"database", ReplicationMode::kLogical},
      {"true", ReplicationMode::kPhysical},
      {"TRUE", ReplicationMode::kPhysical},
      {"t", ReplicationMode::kPhysical},
      {"on", ReplicationMode::kPhysical},
      {"yes", ReplicationMode::kPhysical},
      {"1", ReplicationMode::kPhysical},
      {"false", ReplicationMode::kNone},
      {"F", ReplicationMode::kNone},
      {"off", ReplicationMode::kNone},
      {"of", ReplicationMode::kNone},
      {"no", ReplicationMode::kNone},
      {"0", ReplicationMode::kNone}};
  for (const auto& [value, mode] : cases) {
    CAPTURE(value);
    REQUIRE(ParseReplication(value).has_value());
    CHECK(*ParseReplication(value) == mode);
  }
  for (const std::string_view value : {"", "o", "2", "truee", "Database", "10", "on\n"}) {
    CAPTURE(value);
    const auto parsed = ParseReplication(value);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == ErrorCode::kInvalidParameterValue);
    CHECK(parsed.error().detail.find('\n') == std::string::npos);
  }
}
