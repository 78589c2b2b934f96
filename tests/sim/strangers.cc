#include "sim/strangers.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "pglynx/core/bytes.h"
#include "pglynx/wire/message_writer.h"
#include "pglynx/wire/startup.h"

namespace pglynx::sim {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kSslRequest = "\0\0\0\x08\x04\xd2\x16\x2f"sv;
constexpr std::string_view kGssRequest = "\0\0\0\x08\x04\xd2\x16\x30"sv;
constexpr std::string_view kSync = "S\0\0\0\4"sv;

std::string WithLength(char type, uint32_t length) {
  std::string bytes(1, type);
  AppendU32(bytes, length);
  return bytes;
}

}  // namespace

void Strangers::Tick() {
  const TimePoint now = sim_.Now();
  std::erase_if(strangers_, [now](const Stranger& stranger) {
    return stranger.client->ended() || stranger.until <= now;
  });
  if (strangers_.size() >= kAtOnceMax || !sim_.dice().Chance(0.5)) return;
  auto client = std::make_unique<RawClient>(sim_);
  client->Say(FirstWords());
  strangers_.push_back(
      {std::move(client), now + sim_.dice().Between(Duration::zero(), Duration(kStayMax))});
}

std::string Strangers::FirstWords() {
  Dice& dice = sim_.dice();
  switch (dice.Below(9)) {
    case 0:
      return "";
    case 1:
      return "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    case 2:
      return dice.random().Bytes(dice.Between(1, 200));
    case 3:  // the beginning of a TLS handshake without SSLRequest
      return std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv);
    case 4:
      return std::string(dice.Chance(0.5) ? kSslRequest : kGssRequest) +
             dice.random().Bytes(dice.Below(50));
    case 5: {  // a length that is none, or more than anybody needs
      std::string bytes;
      constexpr std::array<uint32_t, 5> kLengths = {0, 3, 7, 10'001, 0x7fffffff};
      AppendU32(bytes, kLengths[dice.Below(kLengths.size())]);
      AppendU32(bytes, 196608);
      return bytes + dice.random().Bytes(dice.Below(50));
    }
    case 6: {  // cut anywhere
      const std::string packet = StartupPacket();
      return packet.substr(0, dice.Below(packet.size() + 1));
    }
    case 7: {  // a long password nobody asked for
      std::string packet = StartupPacket() + WithLength('p', 65'540);
      return packet + std::string(dice.Below(65'537), 'x');
    }
    default:
      return StartupPacket() + RubbishAfterLogin();
  }
}

std::string Strangers::StartupPacket() {
  const std::string& database = databases_[sim_.dice().Below(databases_.size())];
  std::string packet;
  const wire::StartupParameters parameters = {{"user", database}, {"database", database}};
  wire::AppendStartupMessage(packet, 0, parameters);
  return packet;
}

// Where a password is asked for, this stands in its place.
std::string Strangers::RubbishAfterLogin() {
  Dice& dice = sim_.dice();
  std::string bytes;
  if (trusted_ && dice.Chance(0.3)) wire::AppendQuery(bytes, "BEGIN");
  switch (dice.Below(8)) {
    case 0:
      return bytes + WithLength('\0', static_cast<uint32_t>(dice.Below(100)));
    case 1:
      return bytes + WithLength('Q', static_cast<uint32_t>(dice.Below(5)));
    case 2:
      return bytes + WithLength('Q', 0x7fffffff) + "SELECT";
    case 3:  // half a message for ever
      return bytes + WithLength("QPBDECF"[dice.Below(7)], 1000) + std::string(dice.Below(900), 'x');
    case 4:
      return bytes + WithLength('B', 20) + std::string(16, '\xff') + std::string(kSync);
    case 5:
      for (uint64_t i = dice.Below(500); i > 0; --i) bytes += kSync;
      return bytes;
    case 6:  // COPY data without a COPY, and a function call without arguments
      return bytes + WithLength('d', 8) + "data" + WithLength('F', 4) + std::string(kSync);
    default:
      return bytes + dice.random().Bytes(dice.Between(1, 300));
  }
}

}  // namespace pglynx::sim
