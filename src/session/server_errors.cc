// Errors of a server on their way to the client: in its own terms (error_names.h).

#include <charconv>

#include "pglynx/core/bytes.h"
#include "pglynx/session/session_table.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using wire::FrameScanner;

// The longest error that is put into the client's terms; with the queries of its context an error
// may have megabytes.
constexpr size_t kErrorBytesMax = size_t{64} * 1024;

}  // namespace

// What may have to be put into the client's terms is gathered whole, if it is not very long.
ClientSession::Fate ClientSession::ShowError(const FrameScanner::Item& item) {
  if (item.kind == FrameScanner::Kind::kHead) {
    const size_t whole = size_t{LoadU32(item.bytes.data() + 1)} + 1;
    if (whole > kErrorBytesMax) return Fate::kForward;
    error_ = std::make_unique<std::string>(item.bytes);
    return Fate::kSwallow;
  }
  const bool shifted =
      (sql_names_ != nullptr && !sql_names_->shifts.empty()) || parse_shifts_ != nullptr;
  if (!shifted && item.bytes.find(pool::StatementCache::kNamePrefix) == std::string_view::npos) {
    return Fate::kForward;
  }
  AppendError(item.bytes);
  return Fate::kSwallow;
}

void ClientSession::GatherError(std::string_view bytes) {
  *error_ += bytes;
  if (swallow_bytes_ > 0) return;
  const std::unique_ptr<std::string> whole = std::exchange(error_, nullptr);
  AppendError(*whole);
}

void ClientSession::AppendError(std::string_view whole) {
  const pool::StatementUses::Use* use = lease_->memory().uses.Find(error_request_);
  const auto name_of = [this, use](std::string_view server_name) -> std::string_view {
    if (sql_names_ != nullptr) {
      for (const auto& [server, own] : sql_names_->names) {
        if (server == server_name) return own;
      }
    }
    if (use != nullptr) return use->name();
    const bool passing = server_name.starts_with(kPassingStatement);
    if (!sql_changes_.empty() && (passing || server_name.starts_with(kGoneStatement))) {
      return sql_changes_.front().name;
    }
    if (parse_shifts_ != nullptr) {
      for (const ParseShift& parsed : *parse_shifts_) {
        if (parsed.server_name == server_name) return parsed.name;
      }
    }
    uint64_t id = 0;
    const std::string_view digits = server_name.substr(pool::StatementCache::kNamePrefix.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (error != std::errc() || end != digits.data() + digits.size()) return {};
    return statements_ == nullptr ? std::string_view() : statements_->NameOf(id);
  };
  WriteBatch& batch = table_.scratch().to_client;
  std::string& message = batch.NewOwned();
  std::vector<TextShift> shifts;
  if (sql_names_ != nullptr && sql_names_->request == error_request_) {
    shifts = sql_names_->shifts;
  } else if (parse_shifts_ != nullptr) {
    for (const ParseShift& parsed : *parse_shifts_) {
      if (parsed.request <= error_request_) shifts.assign(1, parsed.shift);
    }
  }
  AppendInClientsTerms(message, whole, name_of, shifts);
  batch.AddOwned(message);
}

}  // namespace pglynx::session
