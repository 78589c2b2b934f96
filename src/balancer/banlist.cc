#include "pglynx/balancer/banlist.h"

#include <algorithm>

#include "pglynx/core/check.h"

namespace pglynx::balancer {

std::string_view TextOf(BanReason reason) {
  switch (reason) {
    case BanReason::kConnectRefused:
      return "connect refused";
    case BanReason::kConnectTimedOut:
      return "connect timed out";
    case BanReason::kTlsFailed:
      return "TLS failed";
    case BanReason::kServerNotReady:
      return "server starting up or shutting down (57P03)";
    case BanReason::kHealthCheckFailed:
      return "health check failed";
    case BanReason::kHealthCheckLate:
      return "health check late";
    case BanReason::kAdmin:
      return "admin";
  }
  return "";
}

BanOutcome Banlist::Ban(HostId host, BanReason reason, TimePoint now, BanTimes times,
                        std::span<const HostGroup> groups) {
  PGLYNX_DCHECK(reason != BanReason::kAdmin);
  if (IsBanned(host, now)) return BanOutcome::kAlreadyBanned;
  if (IsLate(reason) && !MayLose(host, groups, now)) return BanOutcome::kRefused;
  records_[host] = Record{.state = State::kBanned,
                          .reason = reason,
                          .span = {now, times.ban_time},
                          .length_max = std::max(times.ban_time, times.ban_time_max),
                          .admin = {}};
  return BanOutcome::kBanned;
}

bool Banlist::OnProbe(HostId host, TimePoint now) {
  Record* record = Get(host);
  if (record == nullptr || record->state == State::kHealthy) return false;
  if (UntilDue(*record, now) != Duration::zero()) return false;
  record->state = State::kProbed;
  return true;
}

void Banlist::OnSuccess(HostId host) {
  Record* record = Get(host);
  if (record == nullptr || record->state != State::kProbed) return;
  // What may remain is a ban by an operator; whether it is over shows when somebody asks.
  record->state = State::kHealthy;
  if (record->admin.length == Duration::zero()) records_.erase(host);
}

void Banlist::OnFailure(HostId host, BanReason reason, TimePoint now) {
  Record* record = Get(host);
  if (record == nullptr || record->state != State::kProbed) return;
  record->state = State::kBanned;
  record->reason = reason;
  Span& span = record->span;
  if (now < span.end()) return;  // Clear had let it out before its time
  const bool may_double = span.length <= record->length_max / 2;
  span = {now, may_double ? span.length * 2 : record->length_max};
}

void Banlist::OnAbandon(HostId host) {
  Record* record = Get(host);
  if (record != nullptr && record->state == State::kProbed) record->state = State::kLetOut;
}

void Banlist::AdminBan(HostId host, Duration duration, TimePoint now) {
  records_[host].admin = {now, duration};
}

bool Banlist::Unban(HostId host, TimePoint now) {
  const bool was_banned = IsBanned(host, now);
  records_.erase(host);
  return was_banned;
}

size_t Banlist::Clear(std::span<const HostId> hosts, TimePoint now) {
  size_t due = 0;
  for (const HostId host : hosts) {
    Record* record = Get(host);
    if (record == nullptr || record->state == State::kHealthy) continue;
    if (record->state == State::kBanned) record->state = State::kLetOut;
    if (UntilDue(*record, now) == Duration::zero()) ++due;
  }
  return due;
}

bool Banlist::IsBanned(HostId host, TimePoint now) const {
  const Record* record = Get(host);
  return record != nullptr && IsBanned(*record, now);
}

bool Banlist::AllBanned(std::span<const HostId> hosts, TimePoint now) const {
  return !hosts.empty() &&
         std::all_of(hosts.begin(), hosts.end(), [&](HostId host) { return IsBanned(host, now); });
}

std::optional<Duration> Banlist::UntilProbe(HostId host, TimePoint now) const {
  const Record* record = Get(host);
  if (record == nullptr || !IsBanned(*record, now)) return Duration::zero();
  return UntilDue(*record, now);
}

TimePoint Banlist::NextExpiry(TimePoint now) const {
  TimePoint next = kNever;
  for (const auto& [host, record] : records_) {
    const std::optional<Duration> wait = UntilDue(record, now);
    if (wait && *wait > Duration::zero()) next = std::min(next, now + *wait);
  }
  return next;
}

std::optional<BanRow> Banlist::Find(HostId host, TimePoint now) const {
  const Record* record = Get(host);
  if (record == nullptr || !IsBanned(*record, now)) return std::nullopt;
  return RowOf(host, *record, now);
}

std::vector<BanRow> Banlist::ListBans(TimePoint now) const {
  std::vector<BanRow> rows;
  for (const auto& [host, record] : records_) {
    if (IsBanned(record, now)) rows.push_back(RowOf(host, record, now));
  }
  std::sort(rows.begin(), rows.end(),
            [](const BanRow& left, const BanRow& right) { return left.host < right.host; });
  return rows;
}

TimePoint Banlist::Span::end() const {
  return length < kNever - begin ? begin + length : kNever;
}

bool Banlist::IsBanned(const Record& record, TimePoint now) {
  return record.state != State::kHealthy || IsAdmin(record, now);
}

bool Banlist::IsAdmin(const Record& record, TimePoint now) {
  return now < record.admin.end();
}

// Until nothing but a probe, or nothing at all, keeps the host away.
std::optional<Duration> Banlist::UntilDue(const Record& record, TimePoint now) {
  if (record.state == State::kProbed) return std::nullopt;
  TimePoint due = std::max(now, record.admin.end());
  if (record.state == State::kBanned) due = std::max(due, record.span.end());
  return due - now;
}

// The record is of a host that is banned.
BanRow Banlist::RowOf(HostId host, const Record& record, TimePoint now) {
  const bool is_admin = IsAdmin(record, now) && (record.state == State::kHealthy ||
                                                 record.admin.end() >= record.span.end());
  const Span& span = is_admin ? record.admin : record.span;
  return {.host = host,
          .reason = is_admin ? BanReason::kAdmin : record.reason,
          .begin = span.begin,
          .duration = span.length,
          .remaining = std::max(span.end() - now, Duration::zero())};
}

bool Banlist::MayLose(HostId host, std::span<const HostGroup> groups, TimePoint now) const {
  return std::all_of(groups.begin(), groups.end(), [&](const HostGroup& group) {
    if (std::find(group.begin(), group.end(), host) == group.end()) return true;
    size_t left = 0;
    for (const HostId other : group) {
      if (other != host && !IsBanned(other, now)) ++left;
    }
    return left >= (group.size() + 1) / 2;
  });
}

Banlist::Record* Banlist::Get(HostId host) {
  const auto found = records_.find(host);
  return found == records_.end() ? nullptr : &found->second;
}

const Banlist::Record* Banlist::Get(HostId host) const {
  const auto found = records_.find(host);
  return found == records_.end() ? nullptr : &found->second;
}

}  // namespace pglynx::balancer
