#pragma once

// The unnamed prepared statement of one client in transaction mode. Postgres keeps one for
// each session; ours must survive a change of servers, so its text is kept here and parsed
// again where it is used next. Made when the client first sends such a Parse.
//
// A Parse, a Close and a Query replace or drop it as soon as the server reaches them, even if
// they fail then (exec_parse_message and exec_simple_query, src/backend/tcop/postgres.c). Behind
// an error in the same batch they are skipped: Strike takes those back.
//
// Bounds: a text longer than kKeptBytesMax is not kept, nor is one with which the texts that may
// still come back would exceed kPendingBytesMax.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pglynx/pool/revertible.h"
#include "pglynx/sql/judge.h"

namespace pglynx::session {

class UnnamedStatement {
 public:
  static constexpr size_t kKeptBytesMax = size_t{16} * 1024;
  static constexpr size_t kPendingBytesMax = size_t{64} * 1024;

  // Where among its server's requests a message stands.
  struct Place {
    uint64_t request;
    uint64_t batch;
    pool::Reach reach;
  };

  // A Parse with these contents (its body behind the name) is sent at this place.
  void Parsed(std::string_view contents, sql::StateEffects effects, Place place);
  // A Close or Query that drops it is.
  void Dropped(Place place);
  // The same where no server is held, so that nothing can take it back. Versions go on: a server
  // may still hold an older one.
  void Forget() {
    Dropped({.request = 0, .batch = 0, .reach = pool::Reach::kCertain});
    Settle(1);
  }
  // It was given to a Bind.
  void Bound() { texts_.now().bound = true; }

  // As pool::Revertible does.
  void Strike(uint64_t first, uint64_t end);
  void Settle(uint64_t answered) { texts_.Settle(answered); }
  [[nodiscard]] bool Uncertain(uint64_t batch) const { return texts_.Uncertain(batch); }

  [[nodiscard]] bool exists() const { return version() != 0; }
  // Empty if there is none, or if it is not kept. Valid until the next change.
  [[nodiscard]] std::string_view contents() const { return texts_.now().contents; }
  [[nodiscard]] sql::StateEffects effects() const { return texts_.now().effects; }
  // Tells it from every other unnamed statement of this client; 0: there is none.
  [[nodiscard]] uint64_t version() const { return texts_.now().version; }
  // Only the server that it was sent to has it, and it has not been used: a driver that
  // describes a statement first is about to.
  [[nodiscard]] bool NeedsItsServer() const {
    return exists() && !texts_.now().kept && !texts_.now().bound;
  }

 private:
  struct Text {
    std::string contents = {};
    sql::StateEffects effects = {};
    uint64_t version = 0;
    bool kept = true;
    bool bound = false;
  };

  pool::Revertible<Text> texts_;
  size_t pending_bytes_ = 0;  // of the texts since the last one that was certain
  uint64_t last_version_ = 0;
};

}  // namespace pglynx::session
