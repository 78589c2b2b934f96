#include "session/state_watch.h"

#include <algorithm>

#include "pglynx/core/bytes.h"
#include "pglynx/pool/parameters.h"
#include "pglynx/wire/message_writer.h"

namespace pglynx::session {
namespace {

constexpr size_t kStateColumns = 5;
constexpr uint32_t kNull = 0xffffffffU;

std::string PlainSetting(std::string_view name) {
  return "pg_catalog.current_setting(" + pool::QuoteLiteral(name) + ", true)";
}

// NULL where it is not set in the session. Parameters that the view does not show (role, those of
// a module that is not loaded) count as set.
std::string CarefulSetting(std::string_view name) {
  return "CASE WHEN COALESCE((SELECT source OPERATOR(pg_catalog.=) 'session' FROM "
         "pg_catalog.pg_settings WHERE pg_catalog.lower(name) OPERATOR(pg_catalog.=) " +
         pool::QuoteLiteral(name) + "), true) THEN " + PlainSetting(name) + " END";
}

// The values of a DataRow; nothing where it is not one.
std::optional<std::vector<std::optional<std::string>>> Values(std::string_view body) {
  ByteReader reader(body);
  std::vector<std::optional<std::string>> values(reader.U16());
  for (std::optional<std::string>& value : values) {
    const uint32_t length = reader.U32();
    if (length != kNull) value = std::string(reader.Bytes(length));
  }
  if (!reader.AtEnd()) return std::nullopt;
  return values;
}

// The rows among the messages of a reply.
std::vector<std::vector<std::optional<std::string>>> Rows(std::string_view reply) {
  std::vector<std::vector<std::optional<std::string>>> rows;
  while (reply.size() >= wire::kHeaderBytes) {
    const size_t frame = size_t{LoadU32(reply.data() + 1)} + 1;
    if (frame < wire::kHeaderBytes || frame > reply.size()) break;
    if (reply[0] == 'D') {
      auto values = Values(reply.substr(wire::kHeaderBytes, frame - wire::kHeaderBytes));
      if (values.has_value()) rows.push_back(std::move(*values));
    }
    reply.remove_prefix(frame);
  }
  return rows;
}

}  // namespace

bool StateWatch::NoteSetting(std::string_view name) {
  if (std::find(owed_.settings.begin(), owed_.settings.end(), name) != owed_.settings.end()) {
    return true;
  }
  if (owed_.settings.size() >= kSettingsMax) return false;
  owed_.settings.emplace_back(name);
  return true;
}

void StateWatch::NoteAllAsked(bool role) {
  if (!asked_.has_value()) return;
  const std::vector<std::string> names = asked_->settings;
  for (const std::string& name : names) {
    if (role || name != pool::kRole) NoteSetting(name);
  }
}

void StateWatch::NoteError() {
  owed_.careful = owed_.careful || !owed_.settings.empty();
  overtaken_ = overtaken_ || (asked_.has_value() && !asked_->careful && !asked_->settings.empty());
}

std::string StateWatch::TakeQuestion() {
  std::string text;
  if (owed_.state) text = kStateProbe;
  if (!owed_.settings.empty()) {
    if (!text.empty()) text += "; ";
    text += "SELECT ";
    for (const std::string& name : owed_.settings) {
      if (&name != owed_.settings.data()) text += ", ";
      text += owed_.careful ? CarefulSetting(name) : PlainSetting(name);
    }
  }
  asked_ = std::move(owed_);
  owed_ = {};
  reply_.clear();
  failed_ = false;
  overtaken_ = false;
  return text;
}

void StateWatch::AddReply(std::string_view bytes) {
  if (reply_.size() + bytes.size() > kReplyBytesMax) {
    failed_ = true;
    return;
  }
  reply_ += bytes;
}

void StateWatch::Owe(const Question& question) {
  owed_.state = owed_.state || question.state;
  owed_.effects.Add(question.effects);
  owed_.careful = owed_.careful || question.careful;
  for (const std::string& name : question.settings) NoteSetting(name);
}

void StateWatch::AskAgain(const Answer& answer) {
  if (answer.has_state) NoteState(answer.effects);
  for (const Setting& setting : answer.settings) NoteSetting(setting.name);
}

StateWatch::Answer StateWatch::TakeAnswer(bool at_end) {
  Answer answer;
  if (!asked_.has_value()) return answer;
  const Question question = std::move(*asked_);
  asked_.reset();
  const auto rows = Rows(reply_);
  std::string().swap(reply_);
  if (overtaken_) {
    Owe(question);
    owed_.careful = true;
    answer.kind = Answer::Kind::kAgain;
    return answer;
  }
  size_t row = 0;
  bool complete = !failed_ && at_end;
  answer.has_state = question.state;
  answer.effects = question.effects;
  if (complete && question.state) {
    complete = row < rows.size() && rows[row].size() == kStateColumns;
    for (size_t i = 0; complete && i < kStateColumns; ++i) {
      if (rows[row][i] == "t") answer.held = static_cast<uint8_t>(answer.held | 1U << i);
    }
    ++row;
  }
  if (complete && !question.settings.empty()) {
    complete = row < rows.size() && rows[row].size() == question.settings.size();
  }
  for (size_t i = 0; i < question.settings.size(); ++i) {
    answer.settings.push_back({question.settings[i], std::nullopt});
    if (complete) answer.settings.back().value = rows[row][i];
  }
  if (complete) {
    tries_ = 0;
    return answer;
  }
  tries_ += at_end ? 1 : 0;  // inside a transaction it was too early
  if (tries_ < kTriesMax) {
    answer.kind = Answer::Kind::kAgain;
    Owe(question);
  } else {
    tries_ = 0;
    answer.kind = Answer::Kind::kUnknown;
  }
  return answer;
}

}  // namespace pglynx::session
