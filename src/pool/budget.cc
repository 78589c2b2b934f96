#include "pglynx/pool/budget.h"

#include <algorithm>

#include <fmt/format.h>

#include "pglynx/core/check.h"
#include "pglynx/pool/pool.h"

namespace pglynx::pool {

std::string_view LimitKey(LimitKind kind) {
  switch (kind) {
    case LimitKind::kServer:
      return "max_connections";
    case LimitKind::kDatabase:
      return "max_db_connections";
    case LimitKind::kUser:
      return "max_user_connections";
  }
  return "";
}

// ----- Slot -----

Slot::Slot(Budget& budget, const std::array<Account*, kLimitKinds>& accounts)
    : accounts_(accounts), budget_(&budget) {
  for (Account* account : accounts_) {
    if (account != nullptr) ++account->used;
  }
}

Slot::~Slot() {
  if (budget_ != nullptr) budget_->Free(*this);
}

void Slot::MarkClosing() {
  if (closing_ || budget_ == nullptr) return;
  closing_ = true;
  for (Account* account : accounts_) {
    if (account != nullptr) ++account->closing;
  }
}

// ----- Share -----

Share::~Share() {
  Join({}, {});
}

void Share::Join(const BudgetNames& names, const BudgetLimits& limits) {
  LeaveLine();
  for (size_t i = 0; i < kLimitKinds; ++i) {
    if (accounts_[i] != nullptr) {
      --accounts_[i]->shares;
      if (limits_[i] > 0) --accounts_[i]->limiting_shares;
      // Others may have a higher limit there than what this pool stood in line for.
      budget_.ServeLater(*accounts_[i]);
    }
    limits_[i] = limits[i];
    accounts_[i] = nullptr;
    if (names[i].empty()) continue;
    accounts_[i] = &budget_.Find(static_cast<LimitKind>(i), names[i]);
    ++accounts_[i]->shares;
    if (limits_[i] > 0) ++accounts_[i]->limiting_shares;
  }
}

std::unique_ptr<Slot> Share::Take() {
  auto slot = std::make_unique<Slot>(budget_, accounts_);
  budget_.slots_.PushBack(*slot);
  return slot;
}

bool Share::IsFull(size_t kind) const {
  return limits_[kind] > 0 && accounts_[kind]->used >= limits_[kind];
}

Account* Share::Full() const {
  for (size_t i = 0; i < kLimitKinds; ++i) {
    if (IsFull(i)) return accounts_[i];
  }
  return nullptr;
}

bool Share::MustWait() {
  if (Full() != nullptr) return true;
  for (size_t i = 0; i < kLimitKinds; ++i) {
    if (limits_[i] == 0 || accounts_[i]->line.empty()) continue;
    const Share* first = budget_.First(*accounts_[i]);
    if (first != nullptr && first != this) return true;
  }
  return false;
}

bool Share::HasRoom() {
  Account* account = Full();
  if (account == nullptr) return true;
  if (account->closing == 0 && !account->idle.empty()) account->idle.front()->server->Close();
  return false;
}

PlaceInLine Share::Place() {
  return {has_connection_, since_, number_, this};
}

void Share::Enter(Account& account, TimePoint since) {
  line_ = &account;
  has_connection_ = pool_.server_count() > 0;
  since_ = since;
  if (number_ == 0) number_ = budget_.next_number_++;
  account.line.insert(Place());
  ++budget_.in_line_;
}

void Share::StandInLine() {
  if (line_ != nullptr) {
    if (has_connection_ == (pool_.server_count() > 0)) return;
    LeaveLine();  // it has lost its last one: its place is another
  }
  Account* account = Full();
  for (size_t i = 0; i < kLimitKinds && account == nullptr; ++i) {
    if (limits_[i] > 0 && !accounts_[i]->line.empty()) account = accounts_[i];
  }
  const TimePoint since = pool_.UncoveredWait();
  if (account == nullptr || since == kNever) return;
  Enter(*account, since);
  if (Full() == nullptr) {
    budget_.ServeLater(*account);  // it has only to let others go first
  } else {
    budget_.MakeRoom(*account);
  }
}

void Share::LeaveLine() {
  if (line_ == nullptr) return;
  line_->line.erase(Place());
  line_ = nullptr;
  --budget_.in_line_;
}

bool Share::IsOver() const {
  for (size_t i = 0; i < kLimitKinds; ++i) {
    if (limits_[i] > 0 && accounts_[i]->used - accounts_[i]->closing > limits_[i]) return true;
  }
  return false;
}

std::string Share::ReachedLimit() const {
  for (size_t i = 0; i < kLimitKinds; ++i) {
    if (!IsFull(i)) continue;
    return fmt::format("{} = {} is reached for {}", LimitKey(static_cast<LimitKind>(i)), limits_[i],
                       accounts_[i]->name);
  }
  return {};
}

// ----- Budget -----

Budget::~Budget() {
  while (Slot* slot = slots_.front()) {
    slot->Unlink();
    slot->budget_ = nullptr;
    slot->accounts_ = {};
  }
}

Account& Budget::Find(LimitKind kind, const std::string& name) {
  std::unique_ptr<Account>& account = accounts_[{kind, name}];
  if (account == nullptr) {
    account = std::make_unique<Account>();
    account->name = name;
  }
  return *account;
}

void Budget::Free(Slot& slot) {
  slot.Unlink();
  for (Account* account : slot.accounts_) {
    if (account == nullptr) continue;
    PGLYNX_CHECK(account->used > 0);
    --account->used;
    if (slot.closing_) --account->closing;
    if (!account->line.empty()) ServeLater(*account);
  }
}

void Budget::ServeLater(Account& account) {
  if (std::find(to_serve_.begin(), to_serve_.end(), &account) == to_serve_.end()) {
    to_serve_.push_back(&account);
  }
  loop_.Post(serve_);
}

void Budget::Serve() {
  std::vector<Account*> accounts;
  accounts.swap(to_serve_);
  for (Account* account : accounts) ServeLine(*account);
}

// Lets pools connect in the order of the line, as long as there is room. One that another
// account holds up goes there. A pool with a lower limit than others here does not hold them
// up: it is passed over.
void Budget::ServeLine(Account& account) {
  for (bool served = true; served;) {
    served = false;
    if (First(account) == nullptr) return;
    for (const PlaceInLine& place : account.line) {
      Share* share = std::get<Share*>(place);
      Account* full = share->Full();
      if (full == &account) continue;
      Share& next = *share;
      next.LeaveLine();  // `share` is gone from the line: no more steps in this round
      if (full != nullptr) {
        next.StandInLine();
      } else {
        next.pool_.OnMayConnect();
      }
      served = true;
      break;
    }
  }
  MakeRoom(account);
}

Share* Budget::First(Account& account) {
  while (!account.line.empty()) {
    Share& share = *std::get<Share*>(*account.line.begin());
    const TimePoint since = share.pool_.UncoveredWait();
    if (since == share.since_ && share.has_connection_ == (share.pool_.server_count() > 0)) {
      return &share;
    }
    share.LeaveLine();
    if (since != kNever) share.Enter(account, since);  // else its waiters are served or have left
  }
  return nullptr;
}

// Closes idle connections of others, one for each pool in line.
void Budget::MakeRoom(Account& account) {
  while (account.closing < account.line.size() && !account.idle.empty()) {
    account.idle.front()->server->Close();  // its pool takes it off the list
  }
}

void Budget::NoteIdle(PooledServer& server) {
  if (server.slot == nullptr) return;
  const auto& accounts = server.slot->accounts();
  for (size_t i = 0; i < kLimitKinds; ++i) {
    if (accounts[i] == nullptr || accounts[i]->limiting_shares == 0) continue;
    server.idle_places[i].server = &server;
    accounts[i]->idle.PushBack(server.idle_places[i]);
  }
}

void Budget::NoteUsed(PooledServer& server) {
  for (IdlePlace& place : server.idle_places) place.Unlink();
}

bool Budget::ShouldYield(const PooledServer& server, TimePoint oldest_wait) {
  if (in_line_ == 0 || server.slot == nullptr) return false;
  const bool has_served = server.born + kTenure <= loop_.Now();
  for (Account* account : server.slot->accounts()) {
    if (account == nullptr || account->closing >= account->line.size()) continue;
    const Share* first = First(*account);
    if (first == nullptr) continue;
    if (oldest_wait == kNever) return true;
    // One login at a time: a pool that is about to get one can wait for what it brings.
    if (!has_served || first->pool_.login_count() > 0) continue;
    if (!first->has_connection_ || first->since_ + kPatience < oldest_wait) return true;
  }
  return false;
}

void Budget::DropUnused() {
  std::erase_if(accounts_, [this](const auto& item) {
    const Account& account = *item.second;
    return account.used == 0 && account.shares == 0 &&
           std::find(to_serve_.begin(), to_serve_.end(), &account) == to_serve_.end();
  });
}

void Budget::CheckInvariants() const {
  size_t in_line = 0;
  uint64_t used = 0;
  uint64_t places = 0;
  for (const Slot* slot = slots_.front(); slot != nullptr; slot = slots_.Next(*slot)) {
    places += static_cast<uint64_t>(std::count_if(slot->accounts_.begin(), slot->accounts_.end(),
                                                  [](const Account* a) { return a != nullptr; }));
  }
  for (const auto& [key, account] : accounts_) {
    PGLYNX_CHECK(account->closing <= account->used);
    in_line += account->line.size();
    used += account->used;
    for (const PlaceInLine& place : account->line) {
      Share* share = std::get<Share*>(place);
      PGLYNX_CHECK(share->line_ == account.get() && share->Place() == place);
      // Whoever could connect has been told, or will be at once.
      PGLYNX_CHECK(share->Full() != nullptr || share->pool_.UncoveredWait() == kNever ||
                   std::find(to_serve_.begin(), to_serve_.end(), account.get()) != to_serve_.end());
    }
  }
  PGLYNX_CHECK(in_line == in_line_);
  PGLYNX_CHECK(used == places);
}

}  // namespace pglynx::pool
