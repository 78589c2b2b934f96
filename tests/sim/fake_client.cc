#include "sim/fake_client.h"

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "pglynx/core/check.h"
#include "pglynx/wire/message_writer.h"
#include "sim/known_parameters.h"

namespace pglynx::sim {
namespace {

constexpr uint32_t kTextOid = 25;
// pg_backend_pid in pg_proc: any function will do, the fake answers all alike.
constexpr uint32_t kFunctionOid = 2026;

void AppendBind(std::string& out, const Op& op) {
  const wire::MessageScope message(out, 'B');
  wire::AppendCString(out, "");
  wire::AppendCString(out, op.statement);
  AppendU16(out, 0);
  AppendU16(out, op.by_parameter ? 1 : 0);
  if (op.by_parameter) {
    AppendU32(out, static_cast<uint32_t>(op.marker.size()));
    out += op.marker;
  }
  AppendU16(out, 0);
}

void AppendDescribePortal(std::string& out) {
  const wire::MessageScope message(out, 'D');
  out += 'P';
  wire::AppendCString(out, "");
}

void AppendExecute(std::string& out) {
  const wire::MessageScope message(out, 'E');
  wire::AppendCString(out, "");
  AppendU32(out, 0);
}

}  // namespace

// A CancelRequest on its way: 16 bytes and the end of the connection.
class FakeClient::Canceler final : public net::ConnectListener, public net::StreamListener {
 public:
  Canceler(ClientWorld& world, std::string message)
      : message_(std::move(message)), connect_(world.network.Connect(world.pooler, *this)) {}

  void OnConnected(std::unique_ptr<net::Stream> stream) override {
    stream_ = std::move(stream);
    stream_->SetListener(*this);
    stream_->Write(message_);
    connect_.reset();
  }
  void OnConnectFailed(const Error&) override {}
  void OnData(std::span<char>) override {}
  void OnDrained() override {}
  void OnClosed(const Error&) override {}

 private:
  std::string message_;
  std::unique_ptr<net::Stream> stream_;
  std::unique_ptr<net::PendingConnect> connect_;
};

FakeClient::FakeClient(ClientWorld& world, ClientOptions options)
    : world_(world),
      options_(std::move(options)),
      number_(world.next_client++),
      route_(options_.map) {
  for (const auto* settings : {&options_.option_settings, &options_.settings}) {
    for (const wire::StartupParameter& setting : *settings) {
      model_.SetStartup(setting.name, setting.value);
    }
  }
}

FakeClient::~FakeClient() = default;

void FakeClient::Connect() {
  PGLYNX_CHECK(state_ == State::kNew);
  state_ = State::kConnecting;
  last_progress_ = world_.loop.Now();
  connect_ = world_.network.Connect(world_.pooler, *this);
}

std::string FakeClient::NewMarker() {
  return fmt::format("client-{}/{}", number_, next_statement_++);
}

void FakeClient::Query(std::vector<Op> ops) {
  Batch batch;
  batch.is_empty = ops.empty();
  batch.is_many = ops.size() > 1;
  std::string sql;
  for (Op& op : ops) {
    op.marker = NewMarker();
    if (!sql.empty()) sql += "; ";
    sql += op.Sql();
    batch.steps.push_back({Part::kStatement, std::move(op)});
  }
  std::string bytes;
  wire::AppendQuery(bytes, sql);
  SendBatch(std::move(batch), bytes);
}

void FakeClient::Extended(std::vector<Op> ops, BatchEnd end) {
  Batch batch;
  batch.extended = true;
  std::string bytes;
  for (Op& op : ops) {
    op.marker = NewMarker();
    // Else its result has another marker.
    PGLYNX_CHECK(op.parses || op.by_parameter || op.kind == OpKind::kShow);
    if (op.parses) {
      std::string contents = op.Sql();
      contents += '\0';
      AppendU16(contents, op.by_parameter ? 1 : 0);
      if (op.by_parameter) AppendU32(contents, kTextOid);
      wire::AppendParse(bytes, op.statement, contents);
      batch.steps.push_back({Part::kParse, op});
    }
    AppendBind(bytes, op);
    batch.steps.push_back({Part::kBind, op});
    if (op.describes) {
      AppendDescribePortal(bytes);
      batch.steps.push_back({Part::kDescribe, op});
    }
    AppendExecute(bytes);
    batch.steps.push_back({Part::kExecute, op});
    if (!op.closes) continue;
    wire::AppendClose(bytes, 'S', op.statement);
    batch.steps.push_back({Part::kClose, op});
  }
  if (end == BatchEnd::kSync) wire::MessageScope(bytes, 'S');
  if (end == BatchEnd::kFlush) wire::MessageScope(bytes, 'H');
  SendBatch(std::move(batch), bytes);
}

void FakeClient::SendSync() {
  std::string bytes;
  wire::MessageScope(bytes, 'S');
  Send(bytes);
}

void FakeClient::FunctionCall() {
  Batch batch;
  Op op = Echo();
  op.marker = NewMarker();
  std::string bytes;
  {
    const wire::MessageScope message(bytes, 'F');
    AppendU32(bytes, kFunctionOid);
    AppendU16(bytes, 0);
    AppendU16(bytes, 1);
    AppendU32(bytes, static_cast<uint32_t>(op.marker.size()));
    bytes += op.marker;
    AppendU16(bytes, 0);
  }
  batch.steps.push_back({Part::kFunction, std::move(op)});
  SendBatch(std::move(batch), bytes);
}

void FakeClient::SendBatch(Batch batch, std::string_view bytes) {
  if (state_ == State::kEnded || leaving_) return;
  last_progress_ = world_.loop.Now();
  batch.alone = batches_.empty();
  if (last_progress_ < excused_until_) Excuse();
  batch.sent_at = last_progress_;
  for (const Step& step : batch.steps) {
    route_.Asked(step.op);
    if (step.part == Part::kFunction) route_.MayBeKept();
    batch.needs_shard = batch.needs_shard || RouteModel::NeedsShard(step.op);
  }
  batches_.push_back(std::move(batch));
  if (state_ == State::kReady) {
    Send(bytes);
  } else {
    unsent_ += bytes;
  }
}

// All that this client sends goes through here, so that it can vanish at any byte.
void FakeClient::Send(std::string_view bytes) {
  if (stream_ == nullptr || leaving_) return;
  Remember('>', bytes);
  if (vanish_after_.has_value()) {
    const size_t now = std::min(*vanish_after_, bytes.size());
    *vanish_after_ -= now;
    bytes = bytes.substr(0, now);
  }
  if (!bytes.empty()) stream_->Write(bytes);
  if (vanish_after_.has_value() && *vanish_after_ == 0) Go();
}

void FakeClient::Vanish(Exit exit, size_t after_bytes) {
  if (state_ == State::kEnded || leaving_) return;
  exit_ = exit;
  vanish_after_ = after_bytes;
  if (after_bytes == 0) Go();
}

// Half-closing, it still hears what comes, and checks it.
void FakeClient::Go() {
  leaving_ = true;
  connect_.reset();
  auto* stream = static_cast<SimStream*>(stream_.get());
  if (stream != nullptr && exit_ == Exit::kHalfClose && state_ == State::kReady) {
    stream->FinishSending();
    return;
  }
  if (stream != nullptr && exit_ == Exit::kReset) stream->Abort();
  if (stream != nullptr) stream->Close();
  End();
}

void FakeClient::Leave() {
  if (state_ == State::kEnded || leaving_) return;
  std::string bytes;
  wire::MessageScope(bytes, 'X');
  if (stream_ != nullptr) Send(bytes);
  if (leaving_) return;
  leaving_ = true;
  connect_.reset();
  if (stream_ != nullptr) {
    stream_->FinishAndClose();
  }
  End();
}

void FakeClient::StopReading() {
  if (stream_ == nullptr || !reads_) return;
  reads_ = false;
  stream_->Pause();
}

void FakeClient::ResumeReading() {
  if (stream_ == nullptr || reads_) return;
  reads_ = true;
  last_progress_ = world_.loop.Now();
  stream_->Resume();
}

void FakeClient::CancelMine() {
  if (state_ != State::kReady) return;
  ++cancels_asked_;
  SendCancel(cancel_pid_, cancel_secret_);
}

void FakeClient::SendCancel(uint32_t pid, std::string_view secret) {
  Remember('>', "cancel");
  std::string message;
  wire::AppendCancelRequest(message, pid, secret);
  canceler_ = std::make_unique<Canceler>(world_, std::move(message));
}

// In pieces that need not end with a row.
void FakeClient::SendCopyRows(const Op& op, uint32_t begin, uint32_t end) {
  std::string bytes;
  std::string rows;
  for (uint32_t i = begin; i < end; ++i) rows += op.marker + "\n";
  constexpr size_t kPieceBytes = 37;
  for (size_t at = 0; at < rows.size(); at += kPieceBytes) {
    const wire::MessageScope message(bytes, 'd');
    bytes += rows.substr(at, kPieceBytes);
  }
  Send(bytes);
}

// In the extended protocol the Sync behind Execute has been ignored, so another follows.
void FakeClient::SendCopyEnd(bool extended) {
  std::string bytes;
  if (copy_end_ == CopyEnd::kFail) {
    const wire::MessageScope message(bytes, 'f');
    wire::AppendCString(bytes, "the client gave up");
  } else {
    wire::MessageScope(bytes, 'c');
  }
  if (extended) wire::MessageScope(bytes, 'S');
  Send(bytes);
}

// It may vanish while it sends: the batch is not looked at afterwards.
void FakeClient::SendCopyData(const Batch& batch) {
  const Op op = batch.steps.front().op;
  const bool extended = batch.extended;
  copy_end_ = op.copy_end;
  const bool holds = op.copy_end == CopyEnd::kHold;
  SendCopyRows(op, 0, holds ? op.rows / 2 : op.rows);
  if (holds) {
    held_copy_ = op;
  } else {
    SendCopyEnd(extended);
  }
}

void FakeClient::FinishCopy() {
  if (!held_copy_.has_value() || batches_.empty()) return;
  const Op op = std::move(*held_copy_);
  const bool extended = batches_.front().extended;
  held_copy_.reset();
  SendCopyRows(op, op.rows / 2, op.rows);
  SendCopyEnd(extended);
}

std::string FakeClient::Reported(std::string_view name) const {
  const auto found = reported_.find(name);
  return found == reported_.end() ? std::string() : found->second;
}

std::optional<std::string> FakeClient::Expected(uint32_t statement,
                                                std::string_view parameter) const {
  const bool has_first =
      !batches_.empty() && !batches_.front().begun && !batches_.front().steps.empty();
  const bool is_first = has_first && batches_.front().steps.front().op.marker ==
                                         fmt::format("client-{}/{}", number_, statement);
  // It is called as its pool says, which the model does not know.
  const bool is_user = parameter == kAuthorizationParameter;
  if (!is_first || is_user || model_.IsUnsure(parameter)) return std::nullopt;
  return model_.Value(parameter);
}

void FakeClient::End() {
  state_ = State::kEnded;
  batches_.clear();
  connect_.reset();
}

}  // namespace pglynx::sim
