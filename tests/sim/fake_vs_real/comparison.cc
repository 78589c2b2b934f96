#include "sim/fake_vs_real/comparison.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "sim/fake_vs_real/login.h"
#include "sim/fake_vs_real/reply.h"
#include "sim/fake_vs_real/script_writer.h"

namespace pglynx::sim {
namespace {

using Replies = std::vector<Reply>;

bool AllSame(const Replies& fake, const Replies& real) {
  return std::equal(fake.begin(), fake.end(), real.begin(), real.end(), IsSame);
}

std::string Text(const Reply& reply) {
  return reply.text.empty() ? reply.line : reply.line + " " + reply.text;
}

std::string SideBySide(const Replies& fake, const Replies& real) {
  std::string text;
  for (const auto& [name, replies] : {std::pair("fake", &fake), std::pair("real", &real)}) {
    text += fmt::format("  the {} server replied:\n", name);
    for (const Reply& reply : *replies) text += "    " + Text(reply) + "\n";
  }
  const size_t common = std::min(fake.size(), real.size());
  size_t first = 0;
  while (first < common && IsSame(fake[first], real[first])) ++first;
  return text + fmt::format("  first difference: reply {}\n", first + 1);
}

size_t CountReady(const Replies& replies) {
  return static_cast<size_t>(
      std::count_if(replies.begin(), replies.end(), [](const Reply& r) { return r.type == 'Z'; }));
}

// "E 42P01", "C INSERT", "D": the type, and the SQLSTATE or the first word of the tag.
void Count(const Replies& replies, std::map<std::string, size_t>& counts) {
  for (const Reply& reply : replies) {
    std::string kind(1, reply.type);
    if (reply.type == 'E' || reply.type == 'N') kind += reply.line.substr(reply.line.rfind(' '));
    if (reply.type == 'C') kind = reply.line.substr(0, reply.line.find_first_of(" \\", 2));
    if (reply.type == 'Z') kind = reply.line;
    ++counts[kind];
  }
}

// One script on both servers.
class ScriptRun {
 public:
  ScriptRun(RealServer& real, uint64_t seed)
      : seed_(seed), fake_(seed), real_(real), writer_(seed) {
    real_.StartScript();
    for (size_t i = 0; i < kConnections; ++i) {
      LogIn(i);
      if (!result_.difference.empty()) return;
    }
  }
  ~ScriptRun() {
    for (Pair& pair : pairs_) {
      if (pair.fake != nullptr) pair.fake->Leave();
      if (pair.real != nullptr) pair.real->Leave();
    }
  }

  Comparison Run(size_t messages_max) {
    while (result_.difference.empty() && result_.sent < messages_max) Step(writer_.Next(statuses_));
    for (size_t i = 0; i < kConnections; ++i) {
      // What came unasked, and what is left.
      Step({i, {ScriptWriter::Query("ROLLBACK"), ScriptWriter::Query("SELECT 'the end'")}});
    }
    if (seed_ % 4 == 0) Step(writer_.Last(seed_ / 4 % kConnections));
    return result_;
  }

 private:
  static constexpr size_t kConnections = ScriptWriter::kConnections;
  struct Pair {
    std::unique_ptr<Peer> fake;
    std::unique_ptr<Peer> real;
  };

  void LogIn(size_t index) {
    Pair& pair = pairs_[index];
    pair = {fake_.Connect(), real_.Connect()};
    const Login login{.user = std::string(kTrusted), .password = {}, .settings = {}};
    const std::vector<RawMessage> fake = RunLogin(*pair.fake, login);
    const std::vector<RawMessage> real = RunLogin(*pair.real, login);
    NoteProcess(fake, fake_processes_, index);
    NoteProcess(real, real_processes_, index);
    Compare({}, DescribeAll(fake, fake_processes_), DescribeAll(real, real_processes_));
  }

  void Step(const ScriptStep& step) {
    if (!result_.difference.empty()) return;
    Pair& pair = pairs_[step.connection];
    std::string bytes;
    for (const ScriptMessage& message : step.messages) {
      bytes += message.bytes;
      script_ += fmt::format("  c{}: {}\n", step.connection, Printable(message.line));
    }
    result_.sent += step.messages.size();
    Replies fake = Fake(*pair.fake, bytes);
    if (!pair.fake->closed() && (fake.empty() || fake.back().type != 'Z')) {
      const ScriptMessage closing{e2e::RawClient::Frame('f', std::string("left open") + '\0') +
                                      e2e::RawClient::Frame('S', ""),
                                  "CopyFail, Sync to end what is open"};
      bytes += closing.bytes;
      script_ += fmt::format("  c{}: {}\n", step.connection, closing.line);
      const Replies rest = Fake(*pair.fake, closing.bytes);
      fake.insert(fake.end(), rest.begin(), rest.end());
    }
    const Replies real = Real(pair, bytes, CountReady(fake));
    if (!fake.empty() && fake.back().type == 'Z') {
      statuses_[step.connection] = fake.back().line.back();
    }
    Compare(script_, fake, real);
    if (result_.difference.empty() && pair.fake->closed() != pair.real->closed()) {
      result_.difference = fmt::format("seed {}, script:\n{}  only the {} server hung up\n", seed_,
                                       script_, pair.fake->closed() ? "fake" : "real");
    }
  }

  Replies Fake(Peer& peer, const std::string& bytes) {
    peer.Send(bytes);
    Replies replies;
    while (const auto message = peer.Next()) replies.push_back(Describe(*message, fake_processes_));
    return replies;
  }

  // As many ReadyForQuery as the fake has said, or until it says no more.
  Replies Real(Pair& pair, const std::string& bytes, size_t ready) {
    pair.real->Send(bytes);
    Replies replies;
    const bool to_end = pair.fake->closed();
    while (to_end || CountReady(replies) < ready) {
      const auto message = pair.real->Next();
      if (!message.has_value()) break;
      replies.push_back(Describe(*message, real_processes_));
    }
    return replies;
  }

  void Compare(const std::string& script, const Replies& fake, const Replies& real) {
    Count(fake, result_.compared);
    if (AllSame(fake, real)) return;
    result_.difference =
        fmt::format("seed {}, script:\n{}{}", seed_, script, SideBySide(fake, real));
  }

  static void NoteProcess(const std::vector<RawMessage>& messages, Processes& processes,
                          size_t index) {
    for (const RawMessage& message : messages) {
      if (message.type == 'K') processes[ByteReader(message.body).U32()] = index;
    }
  }
  static Replies DescribeAll(const std::vector<RawMessage>& messages, const Processes& processes) {
    Replies replies;
    for (const RawMessage& message : messages) replies.push_back(Describe(message, processes));
    return replies;
  }

  const uint64_t seed_;
  FakeServer fake_;
  RealServer& real_;
  ScriptWriter writer_;
  ScriptWriter::Statuses statuses_ = {'I', 'I'};
  std::array<Pair, kConnections> pairs_;
  Processes fake_processes_;
  Processes real_processes_;
  std::string script_;
  Comparison result_;
};

}  // namespace

Comparison CompareScript(RealServer& real, uint64_t seed, size_t messages_max) {
  return ScriptRun(real, seed).Run(messages_max);
}

Comparison CompareLogins(RealServer& real) {
  using Settings = std::vector<std::pair<std::string, std::string>>;
  const std::vector<Settings> settings = {
      {},
      {{"application_name", "a test"}, {"datestyle", "sql"}, {"TimeZone", "Asia/Tokyo"}},
      {{"statement_timeout", "60000"}},
      {{"no_such_parameter", "1"}},
      {{"TimeZone", "Mars/Olympus"}},
      {{"server_version", "99"}},
  };
  Comparison result;
  FakeServer fake(1);
  for (const std::string_view user : {kTrusted, kMd5User, kScramUser, kNobody}) {
    for (const std::string_view password : {kPassword, std::string_view("guess")}) {
      for (const Settings& chosen : settings) {
        const Login login{std::string(user), std::string(password), chosen};
        Replies replies[2];
        for (const bool is_fake : {true, false}) {
          const std::unique_ptr<Peer> peer = is_fake ? fake.Connect() : real.Connect();
          for (const RawMessage& message : RunLogin(*peer, login)) {
            Processes own;
            if (message.type == 'K') own[ByteReader(message.body).U32()] = 0;
            replies[is_fake ? 0 : 1].push_back(Describe(message, own));
          }
          peer->Leave();
        }
        ++result.sent;
        Count(replies[0], result.compared);
        if (AllSame(replies[0], replies[1])) continue;
        result.difference +=
            fmt::format("login of {} with \"{}\", {} settings:\n{}", user, password, chosen.size(),
                        SideBySide(replies[0], replies[1]));
      }
    }
  }
  return result;
}

}  // namespace pglynx::sim
