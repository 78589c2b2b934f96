// FakeClient: what comes back, checked against the model.

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/wire/message_writer.h"
#include "sim/fake_client.h"
#include "sim/session_state.h"

namespace pglynx::sim {
namespace {

using Stage = ClientModel::Stage;

std::string JoinColumns(std::string_view body) {
  ByteReader reader(body);
  std::string joined;
  for (uint16_t left = reader.U16(); left > 0; --left) {
    const uint32_t length = reader.U32();
    if (length != ~0U) joined += reader.Bytes(length);
    if (left > 1) joined += '|';
  }
  return joined;
}

}  // namespace

void FakeClient::Complain(std::string_view what) {
  const bool first = world_.violations.empty();
  world_.violations.Report("I1", fmt::format("client {}: {}", number_, what));
  if (first) Explain();
}

void FakeClient::Explain() const {
  for (const std::string& line : transcript_) world_.violations.Explain(line);
}

void FakeClient::Remember(char direction, std::string_view what) {
  constexpr size_t kLinesKept = 60;
  constexpr size_t kBytesKept = 300;
  if (transcript_.size() >= kLinesKept) transcript_.pop_front();
  std::string line = fmt::format("{} {} ", world_.loop.Now().time_since_epoch().count(), direction);
  for (const char c : what.substr(0, kBytesKept)) line += c >= ' ' && c <= '~' ? c : '.';
  transcript_.push_back(std::move(line));
}

void FakeClient::OnMessage(char type, std::string_view body) {
  Remember('<', std::string(1, type) + ' ' + std::string(body));
  switch (type) {
    case 'N':
      OnNotice(body);
      return;
    case 'S': {
      ByteReader reader(body);
      const std::string name(reader.CString());
      reported_[name] = reader.CString();
      return;
    }
    case 'A':
      OnNotification(body);
      return;
    case 'E':
      OnError(body);
      return;
    case 'Z':
      OnReady(body);
      return;
    default:
      OnReply(type, body);
  }
}

// Warnings belong to the statement whose reply comes next.
void FakeClient::OnNotice(std::string_view body) {
  const auto notice = handshake::ParseServerError(body);
  if (!notice.has_value()) {
    Complain("got a NoticeResponse that cannot be read");
  } else if (notice->severity == "WARNING" && !batches_.empty()) {
    batches_.front().warning = notice->sqlstate;
  }
}

void FakeClient::OnNotification(std::string_view body) {
  ByteReader reader(body);
  reader.U32();
  const std::string_view channel = reader.CString();
  ++notifications_;
  if (!model_.Listens(channel)) {
    Complain(fmt::format("was notified of {}, to which it never listened", channel));
  }
}

void FakeClient::OnReply(char type, std::string_view body) {
  if (!batches_.empty() && batches_.front().is_empty && type == 'I') {
    batches_.front().is_empty = false;
    model_.DropUnnamed();
    route_.RanNothing();
    return;
  }
  if (batches_.empty() || batches_.front().steps.empty()) {
    Complain(fmt::format("got a message of type '{}' that answers nothing", type));
    return;
  }
  Batch& batch = batches_.front();
  if (!batch.begun) {
    batch.begun = true;
    model_.BatchBegins();
    model_.BeginImplicit();
    if (batch.steps.front().part == Part::kStatement) model_.DropUnnamed();
  }
  const Part part = batch.steps.front().part;
  if (part == Part::kExecute || part == Part::kStatement) {
    OnStatementReply(batch, type, body);
  } else if (part == Part::kFunction) {
    const Op& op = batch.steps.front().op;
    const std::string_view result = body.size() < 4 ? body : body.substr(4);
    if (type != 'V' || result != op.marker) {
      Complain(fmt::format("its function {} was answered with '{}' {}", op.marker, type, result));
    }
    PopStep(batch);
  } else {
    OnSimpleReply(batch, type);
  }
}

// The replies that are one message, or two of which the second decides.
void FakeClient::OnSimpleReply(Batch& batch, char type) {
  const Step& step = batch.steps.front();
  const Op& op = step.op;
  Stage stage = Stage::kParse;
  char wanted = '1';
  if (step.part == Part::kBind) {
    stage = Stage::kBind;
    wanted = '2';
  } else if (step.part == Part::kDescribe) {
    stage = Stage::kDescribe;
    wanted = op.ReturnsRows() ? 'T' : 'n';
  } else if (step.part == Part::kClose) {
    wanted = '3';
  }
  const std::string_view error = step.part == Part::kClose || op.IsCommand()
                                     ? std::string_view()
                                     : model_.ExpectedError(op, stage);
  if (type != wanted || !error.empty()) {
    Complain(fmt::format("{} was answered with '{}', awaited was '{}' {}", op.marker, type, wanted,
                         error));
  }
  if (step.part == Part::kParse) model_.Parsed(op);
  if (step.part == Part::kClose) model_.Closed(op);
  PopStep(batch);
}

void FakeClient::OnStatementReply(Batch& batch, char type, std::string_view body) {
  const Step& step = batch.steps.front();
  const Op& op = step.op;
  const std::string_view error = AwaitedError(batch);
  // A function fails when it is called, behind the description of its row.
  const bool describes = type == 'T' && op.kind == OpKind::kHiddenTemp && !batch.described &&
                         step.part == Part::kStatement;
  if (describes) {
    batch.described = true;
    return;
  }
  if (!error.empty()) {
    Complain(fmt::format("{} was answered with '{}' where the error {} was awaited", op.marker,
                         type, error));
    PopStep(batch);
    return;
  }
  switch (type) {
    case 'C':
      OnComplete(batch, body.substr(0, body.empty() ? 0 : body.size() - 1));
      return;
    case 'D':
      batch.rows.push_back(JoinColumns(body));
      return;
    case 'd':
      batch.rows.emplace_back(body);
      return;
    case 'c':
      batch.copy_done = true;
      return;
    case 'T':
      if (step.part != Part::kExecute && op.ReturnsRows() && !batch.described) {
        batch.described = true;
        return;
      }
      break;
    case 'H':
    case 'G':
      if (op.kind == (type == 'H' ? OpKind::kCopyOut : OpKind::kCopyIn) && !batch.described) {
        batch.described = true;
        if (type == 'G') SendCopyData(batch);
        return;
      }
      break;
    default:
      break;
  }
  Complain(fmt::format("{} was answered with a message of type '{}'", op.marker, type));
}

void FakeClient::OnComplete(Batch& batch, std::string_view tag) {
  const Op op = batch.steps.front().op;
  if (op.IsCommand()) return OnCommand(batch, tag);
  if (op.kind == OpKind::kCopyIn && op.copy_end == CopyEnd::kFail) {
    Complain(fmt::format("{} ended well although CopyFail was sent", op.Sql()));
  }
  const std::vector<std::string> wanted = model_.ExpectedRows(op);
  const bool looks = op.kind == OpKind::kShow || op.kind == OpKind::kCurrent;
  const bool looks_away = looks && (model_.IsBeingRestored(op.name) || model_.IsUnsure(op.name));
  if (batch.rows != wanted && !looks_away) {
    const std::string first = batch.rows.empty() ? "nothing" : batch.rows.front();
    Complain(fmt::format("{} got {} rows, the first of them {}; awaited were {} with {}", op.Sql(),
                         batch.rows.size(), first, wanted.size(),
                         wanted.empty() ? "nothing" : wanted.front()));
  }
  const std::string wanted_tag = model_.ExpectedTag(op);
  if (tag != wanted_tag) {
    Complain(fmt::format("{} ended with {}, awaited was {}", op.Sql(), tag, wanted_tag));
  }
  const std::string_view wanted_warning = model_.ExpectedWarning(op, batch.is_many);
  if (batch.warning != wanted_warning) {
    Complain(fmt::format("{} came with the warning '{}', awaited was '{}'", op.Sql(), batch.warning,
                         wanted_warning));
  }
  CheckPlace(batch, op);
  model_.Apply(op);
  ++statements_done_;
  PopStep(batch);
}

void FakeClient::PopStep(Batch& batch) {
  batch.steps.pop_front();
  batch.rows.clear();
  batch.described = false;
  batch.copy_done = false;
  batch.warning.clear();
}

bool FakeClient::IsTolerated(std::string_view sqlstate) {
  if (sqlstate == "57014" && cancels_hit_ < cancels_asked_) {
    ++cancels_hit_;
    return true;
  }
  return options_.tolerated.contains(sqlstate);
}

void FakeClient::OnError(std::string_view body) {
  const auto error = handshake::ParseServerError(body);
  if (!error.has_value()) {
    Complain("got an ErrorResponse that cannot be read");
    return;
  }
  if (error->severity == "FATAL") {
    OnFatal(*error);
    return;
  }
  last_error_ = error->sqlstate;
  last_error_text_ = error->message;
  ++errors_seen_;
  if (batches_.empty() || (batches_.front().steps.empty() && !batches_.front().is_empty)) {
    Complain(fmt::format("got the error {} that answers nothing", error->sqlstate));
    return;
  }
  Batch& batch = batches_.front();
  if (batch.is_empty) {
    batch.is_empty = false;
    model_.DropUnnamed();
    if (!IsTolerated(error->sqlstate)) Complain("an empty Query failed with " + error->sqlstate);
    model_.Fail(false);
    route_.Failed();
    return;
  }
  if (!batch.begun) {
    batch.begun = true;
    model_.BatchBegins();
    model_.BeginImplicit();
    if (batch.steps.front().part == Part::kStatement) model_.DropUnnamed();
  }
  const bool of_command = batch.steps.front().op.IsCommand();
  const bool routed = route_.MayFail(batch.steps.front().op, model_.status(), error->sqlstate) ||
                      (!batch.extended && batch.is_many &&
                       std::any_of(batch.steps.begin(), batch.steps.end(), [&](const Step& step) {
                         return route_.MayFail(step.op, model_.status(), error->sqlstate);
                       }));
  const bool awaited = IsAwaited(batch, error->sqlstate) || routed;
  if (!awaited && !IsTolerated(error->sqlstate)) {
    Complain(fmt::format("{} failed with {} {}", batch.steps.front().op.Sql(), error->sqlstate,
                         error->message));
  }
  batch.steps.clear();
  if (!of_command || model_.status() != 'I') route_.Failed();
  model_.Fail(awaited && !routed);
}

// The oldest statement's error is its own fault.
bool FakeClient::IsAwaited(const Batch& batch, std::string_view sqlstate) {
  const Step& step = batch.steps.front();
  if (step.op.IsCommand()) return false;
  bool awaited = false;
  const bool gave_up = step.op.copy_end == CopyEnd::kFail && batch.described &&
                       step.op.kind == OpKind::kCopyIn && sqlstate == "57014";
  switch (step.part) {
    case Part::kParse:
      awaited = model_.ExpectedError(step.op, Stage::kParse) == sqlstate ||
                (model_.MayBeRefusedUnread(step.op) && sqlstate == "25P02");
      model_.ParseFailed(step.op);
      break;
    case Part::kBind:
      awaited = model_.ExpectedError(step.op, Stage::kBind) == sqlstate;
      // A statement that its server does not have yet is refused as a whole, before its values.
      awaited = awaited || (model_.status() == 'E' && sqlstate == "25P02");
      break;
    case Part::kDescribe:
      awaited = model_.ExpectedError(step.op, Stage::kDescribe) == sqlstate;
      break;
    case Part::kExecute:
      awaited = model_.ExpectedError(step.op, Stage::kExecute) == sqlstate || gave_up;
      break;
    case Part::kClose:
      break;
    case Part::kStatement:
    case Part::kFunction:
      awaited = model_.ExpectedError(step.op, Stage::kStatement) == sqlstate || gave_up;
      // The whole text is parsed before any of it runs.
      for (const Step& later : batch.steps) {
        awaited = awaited || (later.op.kind == OpKind::kBadSyntax && sqlstate == "42601");
        awaited = awaited || (model_.MayBeRefusedUnread(later.op) && sqlstate == "25P02");
      }
      break;
  }
  return awaited;
}

void FakeClient::OnReady(std::string_view body) {
  if (batches_.empty() || !batches_.front().steps.empty() || batches_.front().is_empty) {
    Complain(batches_.empty() ? "got a ReadyForQuery that answers nothing"
                              : fmt::format("got a ReadyForQuery before the answer to {}",
                                            batches_.front().is_empty
                                                ? "an empty Query"
                                                : batches_.front().steps.front().op.Sql()));
    return;
  }
  model_.EndImplicit();
  if (body.size() != 1 || body[0] != model_.status()) {
    Complain(fmt::format("was told the transaction status '{}', awaited was '{}'", body,
                         model_.status()));
  }
  CheckReported();
  if (model_.status() == 'I') route_.OnIdle();
  batches_.pop_front();
  held_copy_.reset();  // it failed before its data were at an end
}

// What a driver believes its settings to be is what they are.
void FakeClient::CheckReported() {
  for (const std::string& name : model_.TouchedParameters()) {
    const KnownParameter* known = FindParameter(name);
    if (known == nullptr || !known->reported || model_.IsBeingRestored(name)) continue;
    const std::string wanted = model_.Value(name);
    const std::string told = Reported(known->name);
    if (told != wanted) {
      Complain(fmt::format("was told that {} is '{}', its own is '{}'", name, told, wanted));
    }
  }
}

}  // namespace pglynx::sim
