// The relay as a whole, in the simulator's virtual time: a client, and then a server, whose
// every byte behind the login comes from outside (session/, backend/, pool/).
//
// Properties: whatever a client sends, it gets whole messages of a server, the pool's
// invariants hold at every turn, nothing of it is left when it has gone, and the next client
// finds the one server of the pool clean and is answered as if nobody had been there. Whatever
// a server sends, the client gets whole messages, and nothing is left when both have gone.
//
// Input: one byte for the pool, the cuts, then the client's bytes; or one byte, then the
// server's answers, each to a byte 0xFF, one for each time that it hears something.
#include <string>
#include <utility>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/raw_peers.h"
#include "fuzz/targets.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::fuzz {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Types that a server may send behind a login, and no others.
void CheckFrames(std::string_view stream) {
  while (stream.size() >= wire::kHeaderBytes) {
    const uint32_t length = LoadU32(stream.data() + 1);
    PGLYNX_CHECK(length >= 4);
    PGLYNX_CHECK(std::string_view("123ACDEGHIKNRSTVWZcdnstv").find(stream[0]) !=
                 std::string_view::npos);
    stream.remove_prefix(std::min<size_t>(stream.size(), size_t{length} + 1));
  }
}

std::string Query(std::string_view sql) {
  std::string message;
  wire::AppendQuery(message, sql);
  return message;
}

// A statement prepared by name and run; then it is run once more.
void UseStatement(RelayWorld& world, RawClient& client) {
  std::string message;
  wire::AppendParse(message, "s", std::string_view("select $1\0\0\0", 12));
  const size_t bind = message.size();
  message.append("B\0\0\0\x11\0s\0\0\0\0\1\0\0\0\1x\0\0", 20);
  message.append("E\0\0\0\x09\0\0\0\0\0S\0\0\0\4", 15);
  client.Say(message);
  world.RunFor(milliseconds(20));
  client.Say(message.substr(bind));
  world.RunFor(milliseconds(20));
}

}  // namespace

void FuzzClientRelay(std::string_view bytes) {
  Input input(bytes);
  const uint8_t choice = input.Byte();
  const Cuts cuts(input);
  const std::string_view stream = input.Rest();

  RelayWorld world((choice & 1U) != 0 ? config::PoolMode::kSession
                                      : config::PoolMode::kTransaction);
  HonestPostgres server(world);
  {
    RawClient client(world, "");
    for (const ExactBytes& piece : cuts.Apply(stream)) {
      client.Say(piece.view());
      world.RunFor(milliseconds(20));
    }
    CheckFrames(client.heard());
  }
  world.RunFor(seconds(10));
  {
    RawClient next(world, "");
    const size_t before = next.heard().size();
    server.ExpectClean();
    next.Say(Query("select 1"));
    world.RunFor(seconds(5));
    const std::vector<Frame> frames = WholeFrames(std::string_view(next.heard()).substr(before));
    PGLYNX_CHECK(frames.size() == 2 && frames[0].type == 'C' && frames[1].type == 'Z');
    PGLYNX_CHECK(frames[1].body == "I");
  }
  world.RunFor(seconds(30));
  world.CheckDrained();
}

void FuzzServerRelay(std::string_view bytes) {
  Input input(bytes);
  const uint8_t choice = input.Byte();
  std::vector<std::string_view> answers;
  while (!input.empty()) answers.push_back(input.Text());

  RelayWorld world((choice & 1U) != 0 ? config::PoolMode::kSession
                                      : config::PoolMode::kTransaction);
  {
    const RawPostgres server(world, std::move(answers));
    {
      // A setting whose value the server must be asked for, so that the login reads answers too.
      RawClient client(world, (choice & 2U) != 0 ? "german" : "");
      client.Say(Query("select 1"));
      world.RunFor(milliseconds(20));
      UseStatement(world, client);
      client.Say(Query("begin; set x.y = 'z'"));
      world.RunFor(milliseconds(20));
      CheckFrames(client.heard());
    }
    world.RunFor(seconds(10));
  }
  world.RunFor(seconds(30));
  world.CheckDrained();
}

}  // namespace pglynx::fuzz
