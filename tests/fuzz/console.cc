// The console: its commands and its side of the protocol (admin/command.h, console.h).
//
// Properties: neither the case of a command, the names of databases and hosts aside, nor blanks,
// comments and semicolons around it matter; nothing is sent while a command waits; errors are one
// line and short. Whatever messages come, what is sent are whole messages of a server, each Query
// and each Sync is answered by exactly one ReadyForQuery, nothing is sent while messages are
// skipped, and who has no admin rights changes nothing.
#include "pglynx/admin/console.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "admin/command_lexer.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "pglynx/admin/command.h"

namespace pglynx::fuzz {
namespace {

using admin::Command;
using admin::CommandKind;

class FakeHost final : public admin::ConsoleHost {
 public:
  pool::Snapshot TakeSnapshot(admin::WhatToInclude what) override {
    pool::Snapshot snapshot;
    snapshot.pools.resize(2);
    snapshot.pools[0].database = "app";
    snapshot.pools[0].pool_mode = "transaction";
    if (what == admin::WhatToInclude::kPoolsAndConnections) {
      snapshot.clients.resize(2);
      snapshot.servers.resize(1);
    }
    return snapshot;
  }
  std::vector<config::ConfigRow> ConfigRows() override { return {{"port", "6432", "6432", false}}; }
  Result<std::vector<std::string>> Reload() override {
    ++changes;
    return std::vector<std::string>{"one line"};
  }
  void Shutdown(admin::ShutdownMode) override { ++changes; }
  Status Steer(admin::SteerWhat, std::string_view database) override {
    ++changes;
    if (database == "app" || database.empty()) return Ok();
    return Error{ErrorCode::kUnknownDatabase, "no such database"};
  }
  bool IsSettled(admin::SteerWhat, std::string_view) override { return ++questions % 3 == 0; }
  Status KillClient(uint64_t id) override {
    PGLYNX_CHECK(id >= admin::kClientIdMin && id <= admin::kClientIdMax);
    ++changes;
    if (id == 1) return Ok();
    return Error{ErrorCode::kInvalidParameterValue, "no such client"};
  }
  Result<std::vector<pool::BanRow>> Ban(std::string_view host, std::optional<uint16_t> port,
                                        Duration length) override {
    PGLYNX_CHECK(length >= std::chrono::seconds(admin::kBanSecondsMin) &&
                 length <= std::chrono::seconds(admin::kBanSecondsMax));
    return Unban(host, port);
  }
  Result<std::vector<pool::BanRow>> Unban(std::string_view host,
                                          std::optional<uint16_t> port) override {
    PGLYNX_CHECK(!host.empty() && port != 0);
    ++changes;
    if (host != "db1") return Error{ErrorCode::kInvalidParameterValue, "no such server"};
    std::vector<pool::BanRow> bans(1);
    bans[0].host = host;
    bans[0].used_as = {{"app", 0, "peer"}};
    return bans;
  }
  void Drain(bool) override { ++changes; }
  std::string_view version() override { return "0.1.0"; }

  int changes = 0;
  int questions = 0;
};

// Upper for lower case and the other way round, outside of quotes and comments: a word more
// is not a word less.
std::string CaseTurned(std::string_view text) {
  std::string turned(text);
  for (char& c : turned) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) c = static_cast<char>(c ^ 0x20);
  }
  return turned;
}

size_t CountReady(const std::vector<Frame>& frames) {
  size_t count = 0;
  for (const Frame& frame : frames) {
    if (frame.type != 'Z') continue;
    PGLYNX_CHECK(frame.body == "I");
    ++count;
  }
  return count;
}

class Session {
 public:
  explicit Session(admin::Rights rights) : console_(host_, rights), rights_(rights) {}

  // False: the console has closed.
  bool Send(char type, std::string_view body) {
    const ExactBytes exact(body);
    std::string out;
    admin::Next next = console_.OnMessage(type, exact.view(), out);
    for (; next == admin::Next::kWait; next = console_.Continue(out)) {
      PGLYNX_CHECK(out.empty() && (type == 'Q' || type == 'E'));
    }
    const std::vector<Frame> frames = WholeFrames(out);
    const bool closed = next == admin::Next::kClose;
    const size_t ready = CountReady(frames);
    for (const Frame& frame : frames) {
      PGLYNX_CHECK(std::string_view("123CDEINSTZnst").find(frame.type) != std::string_view::npos);
    }
    if (closed) {
      PGLYNX_CHECK(ready == 0 && frames.size() <= 1);
      PGLYNX_CHECK(frames.empty() || frames[0].type == 'E');
    } else if (type == 'S') {
      PGLYNX_CHECK(ready == 1 && frames.size() == 1);
      skipping_ = false;
    } else if (skipping_) {
      PGLYNX_CHECK(frames.empty());
    } else if (type == 'Q' || type == 'F') {
      PGLYNX_CHECK(ready == 1 && frames.back().type == 'Z');
    } else {
      PGLYNX_CHECK(ready == 0);
      skipping_ = !frames.empty() && frames.back().type == 'E';
    }
    PGLYNX_CHECK(host_.changes == 0 || rights_ == admin::Rights::kAdmin);
    return !closed;
  }

 private:
  FakeHost host_;
  admin::Console console_;
  admin::Rights rights_;
  bool skipping_ = false;
};

}  // namespace

// Input: the text of a command.
void FuzzConsoleCommand(std::string_view text) {
  const auto command = admin::ParseCommand(text);
  if (!command) {
    PGLYNX_CHECK(IsOneLine(command.error().detail) && command.error().detail.size() < 600);
  } else {
    PGLYNX_CHECK(command->tag.empty() == (command->kind == CommandKind::kEmpty));
  }
  const auto tokens = admin::Tokenize(text);
  PGLYNX_CHECK(!tokens || tokens->size() <= admin::kTokensMax);
  if (text.size() + 32 > admin::kCommandBytesMax || !tokens || tokens->size() >= 60) return;
  const auto turned = admin::ParseCommand(CaseTurned(text));
  PGLYNX_CHECK(turned.has_value() == command.has_value());
  if (command) {
    Command expected = *command;
    expected.database = CaseTurned(command->database);
    expected.host = CaseTurned(command->host);
    PGLYNX_CHECK(*turned == expected);
  }
  const auto wrapped = admin::ParseCommand(" ;/* ; */" + std::string(text) + "\n; -- x\n;\t");
  PGLYNX_CHECK(wrapped.has_value() == command.has_value());
  if (command) PGLYNX_CHECK(*wrapped == *command);
}

// Input: one byte for the rights, then messages, each a type, the rest of its body to a byte
// 0xFF.
void FuzzConsoleMessages(std::string_view bytes) {
  Input input(bytes);
  Session session((input.Byte() & 1U) != 0 ? admin::Rights::kAdmin : admin::Rights::kStats);
  while (!input.empty()) {
    const char type = static_cast<char>(input.Byte());
    if (!session.Send(type, input.Text())) return;
  }
}

}  // namespace pglynx::fuzz
