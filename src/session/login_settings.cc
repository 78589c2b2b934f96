// What a client asks for in its startup packet: each value is judged by a server of the pool
// once, and remembered as that server prints it.

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/pool/cluster.h"
#include "pglynx/session/session_table.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_login.h"

namespace pglynx::session {
namespace {

bool IsSetting(std::string_view name) {
  return name != "user" && name != "database" && name != "options" && name != "replication";
}

// The last value of a name counts; names compare without case.
void AddSetting(wire::StartupParameters& settings, const wire::StartupParameter& setting) {
  for (wire::StartupParameter& known : settings) {
    if (pool::LowerCase(known.name) == pool::LowerCase(setting.name)) {
      known.value = setting.value;
      return;
    }
  }
  settings.push_back(setting);
}

}  // namespace

// As in Postgres, `options` come first and the packet's own parameters override them
// (process_startup_options in src/backend/utils/init/postinit.c).
Status ClientLogin::CollectSettings() {
  for (const wire::StartupParameter& parameter : handshake_.parameters()) {
    if (parameter.name != "options") continue;
    Result<wire::StartupParameters> options = wire::ParseOptions(parameter.value);
    if (!options) return options.error();
    for (const wire::StartupParameter& option : *options) AddSetting(settings_, option);
  }
  for (const wire::StartupParameter& parameter : handshake_.parameters()) {
    if (IsSetting(parameter.name)) AddSetting(settings_, parameter);
  }
  return Ok();
}

bool ClientLogin::AllSettingsKnown() const {
  if (pool_->FindGreeting(settings_) != nullptr) return true;
  return std::all_of(settings_.begin(), settings_.end(), [this](const auto& setting) {
    return pool_->FindCanonical(setting.name, setting.value) != nullptr;
  });
}

void ClientLogin::ContinueWithSettings() {
  if (pool_->welcome().has_value() && AllSettingsKnown()) {
    Complete();
    return;
  }
  // Any server that can be had knows what there is to know.
  pool::Pool::Outcome outcome =
      pool_->cluster != nullptr
          ? pool_->cluster->Acquire(*this, {.shard = pool_->cluster->SomeHealthyShard()})
          : pool_->Acquire(*this);
  if (auto* lease = std::get_if<pool::Lease>(&outcome)) {
    OnLease(std::move(*lease));
  } else if (const auto* error = std::get_if<Error>(&outcome)) {
    Fatal(*error);
  }
}

void ClientLogin::OnLease(pool::Lease lease) {
  if (AllSettingsKnown()) {
    lease.Release();
    Complete();
    return;
  }
  lease_ = std::move(lease);
  lease_->SetUser(this);
  AskServer();
}

// Lets the server judge each value and print it as it prints it. SET LOCAL in a Query of two
// statements acts in their implicit transaction, so nothing stays behind.
void ClientLogin::AskServer() {
  std::string messages;
  wire::ReplyTracker& tracker = lease_->tracker();
  pool::ServerMemory& memory = lease_->memory();
  // Under known rules for literals: a value may hold a backslash.
  const pool::ParameterRef known = table_.world().parameters.With(
      pool_->welcome()->defaults, "standard_conforming_strings", "on");
  const int changes = pool::AppendParameterChanges(
      messages, {*memory.parameters, *memory.defaults, memory.settings_unknown}, *known);
  memory.settings_unknown = false;
  lease_->NoteUnnamed(0, 0);
  for (int i = 0; i < changes; ++i) tracker.Sent(wire::Request::kHiddenQuery);
  memory.parameters = known;
  for (size_t i = 0; i < settings_.size(); ++i) {
    const wire::StartupParameter& setting = settings_[i];
    if (pool_->FindCanonical(setting.name, setting.value) != nullptr) continue;
    wire::AppendQuery(messages, fmt::format("{}; SHOW {}",
                                            pool::SetStatement(setting.name, setting.value,
                                                               pool::SetScope::kLocal),
                                            pool::QuoteIdentifier(setting.name)));
    tracker.Sent(wire::Request::kQuery);
    asked_.push_back(i);
  }
  const std::string_view chunk = messages;
  lease_->Send({&chunk, 1});
}

void ClientLogin::OnServerData(std::span<char> bytes) {
  reply_.append(bytes.data(), bytes.size());
  std::string_view rest = reply_;
  while (rest.size() >= wire::kHeaderBytes) {
    const uint32_t length = LoadU32(rest.data() + 1);
    if (length < 4 || length > kSettingsReplyBytesMax) {
      lease_->tracker().Doubt();
      Fatal({ErrorCode::kServerProtocolViolation,
             fmt::format("server {} sent an invalid message", lease_->Peer())});
      return;
    }
    if (rest.size() < length + 1) break;
    const std::string_view body = rest.substr(wire::kHeaderBytes, length - 4);
    if (!OnSettingsReply(rest[0], body)) return;
    rest.remove_prefix(length + 1);
  }
  reply_.erase(0, reply_.size() - rest.size());
  if (lease_ && lease_->tracker().empty()) OnSettingsDone();
}

bool ClientLogin::OnSettingsReply(char type, std::string_view body) {
  ByteReader reader(body);
  if (type == 'S') {
    const std::string_view name = reader.CString();
    const std::string_view value = reader.CString();
    if (reader.ok() && name == pool::kInHotStandby) pool_->LearnStandby(value);
    if (reader.ok() && !pool::IsFixedParameter(name)) {
      pool::ServerMemory& memory = lease_->memory();
      memory.parameters = table_.world().parameters.With(memory.parameters, name, value);
    }
    return true;
  }
  const bool hidden = lease_->tracker().HeadIsHidden();
  const char status = type == 'Z' && !body.empty() ? body[0] : '\0';
  const auto verdict = lease_->tracker().Reply(type, status);
  if (verdict == wire::ReplyTracker::Verdict::kUnexpected ||
      verdict == wire::ReplyTracker::Verdict::kHiddenFailed) {
    lease_->tracker().Doubt();
    Fatal({ErrorCode::kServerProtocolViolation,
           fmt::format("server {} could not be prepared for a login", lease_->Peer())});
    return false;
  }
  if (hidden) return true;
  if (type == 'T' && reader.U16() == 1) {
    canonical_.name = reader.CString();
  } else if (type == 'D' && reader.U16() == 1) {
    const uint32_t length = reader.U32();
    if (length <= body.size()) canonical_.value = reader.Bytes(length);
  } else if (type == 'E' && !refused_.has_value()) {
    refused_ = handshake::ParseServerError(body);
  } else if (type == 'Z' && answered_ < asked_.size()) {
    const wire::StartupParameter& setting = settings_[asked_[answered_++]];
    if (!refused_.has_value()) {
      pool_->LearnCanonical(setting.name, setting.value, std::exchange(canonical_, {}));
    }
  }
  return true;
}

void ClientLogin::OnSettingsDone() {
  if (!refused_.has_value()) {
    lease_.Release();
    Complete();
    return;
  }
  // Postgres's own verdict, as it would stand in a direct login.
  std::string message;
  wire::AppendErrorResponse(message, {.severity = wire::Severity::kFatal,
                                      .sqlstate = refused_->sqlstate,
                                      .message = refused_->message,
                                      .detail = refused_->detail,
                                      .hint = refused_->hint});
  Write(greeting_ + message);
  Finish();
}

}  // namespace pglynx::session
