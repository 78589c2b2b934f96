// FakeClient: where its statements run, and the commands that choose it (route_model.h).

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "sim/fake_client.h"

namespace pglynx::sim {
namespace {

using Stage = ClientModel::Stage;

// Of a marker: client-1/2.
uint32_t NumberOf(std::string_view marker) {
  uint32_t number = 0;
  marker.remove_prefix(std::min(marker.find('/') + 1, marker.size()));
  std::from_chars(marker.data(), marker.data() + marker.size(), number);
  return number;
}

}  // namespace

void FakeClient::ExcuseUntil(TimePoint end) {
  excused_until_ = end;
  if (!idle() || model_.status() != 'I' || route_.kept()) Excuse();
}

void FakeClient::Excuse() {
  options_.may_be_cut_off = true;
  options_.tolerated.insert({"08001", "08006", "57P01", "57P03"});
}

void FakeClient::OnPlaced(uint32_t statement, Place place, bool new_hands,
                          std::optional<TimePoint> banned_since) {
  places_[statement] = place;
  if (options_.map == nullptr || !banned_since.has_value() || !new_hands || route_.kept()) return;
  // Only where it is sure that the server was taken behind the beginning of the ban.
  const bool begins = !batches_.empty() && batches_.front().alone && !batches_.front().begun &&
                      model_.status() == 'I';
  if (!begins || batches_.front().sent_at < *banned_since) return;
  const std::optional<PoolMap::Where> where = options_.map->Find(place.server);
  const bool is_primary = where.has_value() && where->role == balancer::Role::kPrimary;
  if (is_primary && route_.wants_primary()) return;
  const bool first = world_.violations.empty();
  world_.violations.Report(
      "I6",
      fmt::format("statement {} of client {} begins on server {}, banned for {} us", statement,
                  number_, place.server, (batches_.front().sent_at - *banned_since).count()));
  if (first) Explain();
}

std::string_view FakeClient::AwaitedError(const Batch& batch) const {
  const Step& step = batch.steps.front();
  if (step.op.IsCommand()) return route_.MustFail(step.op, model_.status());
  const Stage stage = step.part == Part::kExecute ? Stage::kExecute : Stage::kStatement;
  const std::string_view error = model_.ExpectedError(step.op, stage);
  const bool own_message = !batch.extended && !batch.is_many;
  return error.empty() && own_message ? route_.MustFail(step.op, model_.status()) : error;
}

void FakeClient::OnCommand(Batch& batch, std::string_view tag) {
  const Op op = batch.steps.front().op;
  static constexpr std::array<std::string_view, 7> kTags = {
      "SET SHARD", "SET SHARDING KEY",  "SELECT 1", "SET SERVER ROLE",
      "SELECT 1",  "SET PRIMARY READS", "SELECT 1"};
  const std::string_view wanted =
      kTags[static_cast<size_t>(op.kind) - static_cast<size_t>(OpKind::kSetShard)];
  const std::string row = batch.rows.empty() ? "" : batch.rows.front();
  const std::optional<std::string> awaited = route_.ExpectedRow(op);
  if (tag != wanted) Complain(fmt::format("{} ended with {}", op.Sql(), tag));
  if (batch.rows.size() != (op.ReturnsRows() ? 1U : 0U) || (awaited && *awaited != row)) {
    Complain(fmt::format("{} showed '{}', awaited was '{}'", op.Sql(), row,
                         awaited.value_or("anything")));
  }
  route_.Commanded(op, row);
  ++statements_done_;
  PopStep(batch);
}

void FakeClient::CheckPlace(const Batch& batch, const Op& op) {
  const uint32_t number = NumberOf(op.marker);
  const auto found = places_.find(number);
  std::optional<Place> place;
  if (found != places_.end()) place = found->second;
  places_.erase(places_.begin(), places_.upper_bound(number));
  const bool needs = RouteModel::NeedsShard(op) || (!batch.extended && batch.needs_shard);
  const std::string wrong = route_.Ran(op, place, needs);
  if (!wrong.empty()) Complain(fmt::format("{}: {}", op.Sql(), wrong));
}

}  // namespace pglynx::sim
