#pragma once

// What the statements of one client may have left in its server's session, and the question
// (state_probe.h) that says what they did. Made when the client first sends such a statement.
// Pure book-keeping: the session sends the question and hands over the reply.
//
//   watch.NoteState(effects); watch.NoteSetting("search_path");   // statements are sent
//   if (watch.owes()) Send(watch.TakeQuestion());                 // at the transaction's end
//   watch.AddReply(bytes) …; watch.TakeAnswer()                   // its ReadyForQuery has come
//
// A question that fails is asked again, kTriesMax times in all; then what is held counts as
// unknown until the next statement.
//
// Bounds: kSettingsMax settings in one question, kReplyBytesMax bytes of an answer.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/sql/judge.h"
#include "session/state_probe.h"

namespace pglynx::session {

class StateWatch {
 public:
  static constexpr size_t kSettingsMax = 100;
  static constexpr size_t kReplyBytesMax = size_t{256} * 1024;
  static constexpr uint32_t kTriesMax = 3;

  struct Setting {
    std::string name;
    std::optional<std::string> value;  // nothing: the server does not know it
  };
  struct Answer {
    enum class Kind : uint8_t {
      kKnown,
      kAgain,    // to be asked again
      kUnknown,  // it cannot be had
    };
    Kind kind = Kind::kKnown;
    bool has_state = false;  // `held` was asked for
    uint8_t held = 0;        // HeldState bits
    sql::StateEffects effects;
    std::vector<Setting> settings;
  };

  // A statement with these effects was sent: it may leave, or end, state that cannot travel.
  void NoteState(sql::StateEffects effects) {
    owed_.state = true;
    owed_.effects.Add(effects);
  }
  // A statement was sent that may set this parameter (lower case). False: there are too many.
  bool NoteSetting(std::string_view name);

  // A statement was sent that may change all settings, those included whose answer is on its way;
  // the role only where it resets that too.
  void NoteAllAsked(bool role);
  // A statement has failed: a setting that it was to set may be as it was before.
  void NoteError();

  [[nodiscard]] bool owes() const {
    return !asked_.has_value() && (owed_.state || !owed_.settings.empty());
  }
  [[nodiscard]] bool asking() const { return asked_.has_value(); }

  // The text of the question. Precondition: owes().
  std::string TakeQuestion();
  // Whole or partial messages of the reply, as they come, without its last ones.
  void AddReply(std::string_view bytes);
  void Failed() { failed_ = true; }
  // The reply is over. `at_end`: the transaction was, so that it counts.
  Answer TakeAnswer(bool at_end);
  // What an unknown answer was about is asked for again.
  void AskAgain(const Answer& answer);

 private:
  struct Question {
    bool state = false;
    sql::StateEffects effects;
    std::vector<std::string> settings;
    bool careful = false;  // only settings that were set in the session count
  };
  void Owe(const Question& question);

  Question owed_;
  std::optional<Question> asked_;
  std::string reply_;
  bool failed_ = false;
  bool overtaken_ = false;  // an error came behind what was asked
  uint32_t tries_ = 0;
};

}  // namespace pglynx::session
