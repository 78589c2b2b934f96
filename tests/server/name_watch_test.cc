// Goal: every name of the file is looked up every dns_max_ttl, one at a time; who is to know of its
// addresses does; a failure is said once and changes nothing. Method: virtual time, and lookups
// that end when the test says so.
#include "pglynx/server/name_watch.h"

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"
#include "support/fake_scheduler.h"

namespace pglynx::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Texts = std::vector<std::string>;

class FakeResolver final : public net::Resolver {
 public:
  struct Lookup {
    std::string name;
    Done done;
    bool wanted = true;
  };
  std::unique_ptr<net::PendingLookup> Resolve(const std::string& name, Done done) override {
    return std::make_unique<Pending>(lookups.emplace_back(Lookup{name, std::move(done)}));
  }
  // The last one, which is the only one.
  void Answer(Result<Texts> addresses) {
    Lookup& last = lookups.back();
    REQUIRE(std::exchange(last.wanted, false));
    last.done(std::move(addresses));
  }
  [[nodiscard]] std::string Asked() const {
    return !lookups.empty() && lookups.back().wanted ? lookups.back().name : "";
  }

  std::deque<Lookup> lookups;

 private:
  struct Pending final : net::PendingLookup {
    explicit Pending(Lookup& lookup_in) : lookup(lookup_in) {}
    ~Pending() override { lookup.wanted = false; }
    Lookup& lookup;
  };
};

class LinesLog final : public Log {
 public:
  void Write(LogLevel, std::string_view message, Fields fields) override {
    std::string line(message);
    for (const LogField& field : fields) {
      line.append(" ").append(field.key).append("=").append(field.value);
    }
    lines.push_back(line);
  }
  [[nodiscard]] LogLevel level() const override { return LogLevel::kInfo; }
  Texts lines;
};

config::Config ConfigOf(const Texts& hosts, Duration ttl = seconds(30)) {
  config::Config config;
  config.general.dns_max_ttl = ttl;
  for (const std::string& host : hosts) {
    config.pools.emplace_back().shards = {{.database = "app", .servers = {{.host = host}}}};
  }
  return config;
}

struct Fixture {
  explicit Fixture(const config::Config& config) { watch.Apply(config); }
  void Pass(Duration duration) { loop.Pass(duration); }

  test::FakeScheduler loop;
  FakeResolver resolver;
  LinesLog log;
  Texts told;
  NameWatch watch{{loop, resolver, log},
                  [this](const std::string& name, std::span<const std::string> addresses) {
                    told.push_back(name);
                    for (const std::string& address : addresses) told.back() += " " + address;
                  }};
};

const Error kNoName = {ErrorCode::kIo, "no such name"};

TEST_CASE("a name is looked up at once, and again when its time is over") {
  Fixture world(ConfigOf({"db"}));
  world.Pass(Duration(0));
  CHECK(world.resolver.Asked() == "db");
  world.Pass(seconds(100));
  CHECK(world.resolver.lookups.size() == 1);
  world.resolver.Answer(Texts{"10.0.0.1", "::1"});
  CHECK(world.told == Texts{"db 10.0.0.1 ::1"});
  world.Pass(milliseconds(29'999));
  CHECK(world.resolver.lookups.size() == 1);
  world.Pass(milliseconds(1));
  world.resolver.Answer(Texts{"10.0.0.1", "::1"});
  CHECK(world.told == Texts{"db 10.0.0.1 ::1", "db 10.0.0.1 ::1"});
  CHECK(world.log.lines.empty());
}

TEST_CASE("each name is looked up once, and nothing that is no name") {
  Fixture world(ConfigOf({"b", "a", "b", "127.0.0.1", "::1", "fe80::1%lo", "/run/postgresql"}));
  CHECK(world.watch.size() == 2);
  Texts asked;
  for (int i = 0; i < 4; ++i) {
    world.Pass(seconds(20));
    asked.push_back(world.resolver.Asked());
    world.resolver.Answer(Texts{"10.0.0.1"});
  }
  CHECK(asked == Texts{"a", "b", "a", "b"});
  CHECK(world.resolver.lookups.size() == 4);
}

TEST_CASE("other addresses are a line in the log") {
  Fixture world(ConfigOf({"db"}));
  for (const Texts& addresses :
       std::vector<Texts>{{"10.0.0.1", "10.0.0.2"}, {"10.0.0.1", "10.0.0.2"}, {"10.0.0.3"}}) {
    world.Pass(seconds(30));
    world.resolver.Answer(addresses);
  }
  CHECK(world.log.lines == Texts{"the name of a server has other addresses name=db "
                                 "before=10.0.0.1, 10.0.0.2 now=10.0.0.3"});
}

TEST_CASE("a lookup that fails is said once and changes nothing") {
  Fixture world(ConfigOf({"db"}));
  for (int i = 0; i < 3; ++i) {
    world.Pass(seconds(30));
    world.resolver.Answer(kNoName);
  }
  CHECK(world.told.empty());
  CHECK(world.log.lines == Texts{"the name of a server cannot be looked up; the connections to it "
                                 "stay name=db cause=no such name"});
  world.Pass(seconds(30));
  world.resolver.Answer(Texts{"10.0.0.1"});
  CHECK(world.told == Texts{"db 10.0.0.1"});
  REQUIRE(world.log.lines.size() == 2);
  CHECK(world.log.lines[1] == "the name of a server is found again name=db");
  world.Pass(seconds(30));
  world.resolver.Answer(kNoName);
  CHECK(world.log.lines.size() == 3);
}

TEST_CASE("a reload adds names, takes names away and changes the time") {
  Fixture world(ConfigOf({"a", "b"}));
  world.Pass(Duration(0));
  world.resolver.Answer(Texts{"10.0.0.1"});
  world.Pass(Duration(0));
  CHECK(world.resolver.Asked() == "b");
  world.watch.Apply(ConfigOf({"a", "c"}, seconds(5)));
  CHECK(world.resolver.Asked().empty());
  world.Pass(Duration(0));
  CHECK(world.resolver.Asked() == "c");
  world.resolver.Answer(Texts{"10.0.0.3"});
  world.Pass(seconds(5));
  CHECK(world.resolver.Asked() == "a");
  world.watch.Apply(ConfigOf({"a", "c"}, seconds(5)));
  CHECK(world.resolver.Asked() == "a");  // it goes on
  world.watch.Apply(ConfigOf({"a", "c"}, Duration::zero()));
  CHECK(world.resolver.Asked().empty());
  world.Pass(seconds(1000));
  CHECK(world.resolver.lookups.size() == 4);
  CHECK(world.watch.size() == 0);
  CHECK(world.told == Texts{"a 10.0.0.1", "c 10.0.0.3"});
}

}  // namespace
}  // namespace pglynx::server
