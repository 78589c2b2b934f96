// Goal: what statements leave behind is asked for once, answered exactly, and asked for again where
// the answer cannot be believed. Method: replies as a server sends them, cut at every place.
#include "session/state_watch.h"

#include <string>
#include <vector>

#include "pglynx/wire/message_writer.h"
#include "support/catch.h"

namespace {

using pglynx::session::kHoldsAdvisoryLock;
using pglynx::session::kHoldsChannel;
using pglynx::session::kStateProbe;
using pglynx::session::StateWatch;
using pglynx::sql::StateEffect;
using pglynx::sql::StateEffects;
using Kind = StateWatch::Answer::Kind;

StateEffects Effects(StateEffect effect) {
  StateEffects effects;
  effects.Add(effect);
  return effects;
}

// A DataRow; "\1" stands for NULL.
std::string Row(const std::vector<std::string>& values) {
  std::string out;
  const pglynx::wire::MessageScope message(out, 'D');
  out.push_back('\0');
  out += static_cast<char>(values.size());
  for (const std::string& value : values) {
    if (value == "\1") {
      out += "\xff\xff\xff\xff";
      continue;
    }
    out.append(3, '\0');
    out += static_cast<char>(value.size());
    out += value;
  }
  return out;
}

}  // namespace

TEST_CASE("A watch that was told nothing owes nothing") {
  StateWatch watch;
  CHECK_FALSE(watch.owes());
  CHECK_FALSE(watch.asking());
}

TEST_CASE("State is asked for and answered, wherever the reply is cut") {
  const std::string reply = Row({"t", "f", "f", "t", "f"});
  for (size_t cut = 0; cut <= reply.size(); ++cut) {
    StateWatch watch;
    watch.NoteState(Effects(StateEffect::kFunction));
    watch.NoteState(Effects(StateEffect::kListen));
    REQUIRE(watch.owes());
    CHECK(watch.TakeQuestion() == kStateProbe);
    CHECK(watch.asking());
    CHECK_FALSE(watch.owes());
    watch.AddReply(std::string_view(reply).substr(0, cut));
    watch.AddReply(std::string_view(reply).substr(cut));
    const StateWatch::Answer answer = watch.TakeAnswer(true);
    REQUIRE(answer.kind == Kind::kKnown);
    CHECK(answer.has_state);
    CHECK(answer.held == (kHoldsAdvisoryLock | kHoldsChannel));
    CHECK(answer.effects.Has(StateEffect::kFunction));
    CHECK(answer.settings.empty());
    CHECK_FALSE(watch.owes());
  }
}

TEST_CASE("Settings are asked for once each, behind the state") {
  StateWatch watch;
  CHECK(watch.NoteSetting("role"));
  CHECK(watch.NoteSetting("app.o'x"));
  CHECK(watch.NoteSetting("role"));
  CHECK(watch.TakeQuestion() ==
        "SELECT pg_catalog.current_setting('role', true), "
        "pg_catalog.current_setting('app.o''x', true)");
  watch.AddReply(Row({"none", "\1"}));
  const StateWatch::Answer answer = watch.TakeAnswer(true);
  REQUIRE(answer.kind == Kind::kKnown);
  CHECK_FALSE(answer.has_state);
  REQUIRE(answer.settings.size() == 2);
  CHECK(answer.settings[0].name == "role");
  CHECK(answer.settings[0].value == "none");
  CHECK_FALSE(answer.settings[1].value.has_value());

  watch.NoteState(Effects(StateEffect::kDo));
  CHECK(watch.NoteSetting("x"));
  std::string question(kStateProbe);
  question.append("; SELECT pg_catalog.current_setting('x', true)");
  CHECK(watch.TakeQuestion() == question);
  watch.AddReply(Row({"f", "f", "f", "f", "f"}));
  watch.AddReply(Row({"1"}));
  const StateWatch::Answer both = watch.TakeAnswer(true);
  REQUIRE(both.kind == Kind::kKnown);
  CHECK(both.held == 0);
  CHECK(both.settings[0].value == "1");
}

TEST_CASE("An answer from inside a transaction does not count and costs no try") {
  StateWatch watch;
  watch.NoteState(Effects(StateEffect::kDo));
  for (int i = 0; i < 10; ++i) {
    REQUIRE(watch.owes());
    static_cast<void>(watch.TakeQuestion());
    watch.AddReply(Row({"t", "f", "f", "f", "f"}));
    CHECK(watch.TakeAnswer(false).kind == Kind::kAgain);
  }
}

TEST_CASE("A question that fails is asked again, and in the end the answer is unknown") {
  StateWatch watch;
  watch.NoteState(Effects(StateEffect::kCall));
  CHECK(watch.NoteSetting("a"));
  for (uint32_t i = 1; i < StateWatch::kTriesMax; ++i) {
    static_cast<void>(watch.TakeQuestion());
    watch.Failed();
    REQUIRE(watch.TakeAnswer(true).kind == Kind::kAgain);
    REQUIRE(watch.owes());
  }
  static_cast<void>(watch.TakeQuestion());
  watch.Failed();
  const StateWatch::Answer answer = watch.TakeAnswer(true);
  CHECK(answer.kind == Kind::kUnknown);
  CHECK(answer.effects.Has(StateEffect::kCall));
  CHECK_FALSE(watch.owes());
  watch.AskAgain(answer);
  CHECK(watch.owes());
  CHECK(watch.TakeQuestion().find("'a'") != std::string::npos);
}

TEST_CASE("Behind an error only what was set in the session counts") {
  StateWatch watch;
  CHECK(watch.NoteSetting("work_mem"));
  watch.NoteError();
  const std::string question = watch.TakeQuestion();
  CHECK(question.find("pg_catalog.pg_settings") != std::string::npos);
  watch.AddReply(Row({"\1"}));
  const StateWatch::Answer answer = watch.TakeAnswer(true);
  CHECK(answer.kind == Kind::kKnown);
  CHECK_FALSE(answer.settings[0].value.has_value());
}

TEST_CASE("An error that comes behind the question has it asked with care") {
  StateWatch watch;
  CHECK(watch.NoteSetting("work_mem"));
  CHECK(watch.TakeQuestion().find("pg_settings") == std::string::npos);
  watch.NoteError();
  watch.AddReply(Row({"4MB"}));
  CHECK(watch.TakeAnswer(true).kind == Kind::kAgain);
  REQUIRE(watch.owes());
  CHECK(watch.TakeQuestion().find("pg_settings") != std::string::npos);
}

TEST_CASE("More settings than may be asked for are refused") {
  StateWatch watch;
  for (size_t i = 0; i < StateWatch::kSettingsMax; ++i) {
    REQUIRE(watch.NoteSetting("app.s" + std::to_string(i)));
  }
  CHECK_FALSE(watch.NoteSetting("app.more"));
  CHECK(watch.NoteSetting("app.s7"));
}

TEST_CASE("An answer that is too long, or none at all, is no answer") {
  StateWatch watch;
  CHECK(watch.NoteSetting("a"));
  static_cast<void>(watch.TakeQuestion());
  watch.AddReply(std::string(StateWatch::kReplyBytesMax + 1, 'x'));
  CHECK(watch.TakeAnswer(true).kind == Kind::kAgain);
  static_cast<void>(watch.TakeQuestion());
  CHECK(watch.TakeAnswer(true).kind == Kind::kAgain);
  static_cast<void>(watch.TakeQuestion());
  watch.AddReply(Row({"a", "b"}));
  CHECK(watch.TakeAnswer(true).kind == Kind::kUnknown);
}
