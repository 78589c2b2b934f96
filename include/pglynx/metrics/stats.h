#pragma once

// What is counted. Plain integers of one loop, added up when somebody asks. The names are
// those of PgBouncer's SHOW STATS: a column is a field; the last two are our own.

#include <cstdint>

namespace pglynx::metrics {

// Of one pool, since it exists. Times in microseconds, sizes in bytes.
struct PoolStats {
  uint64_t server_assignment_count = 0;  // times a server was given to a client
  uint64_t xact_count = 0;               // transactions ended
  uint64_t query_count = 0;              // requests: one per Query or pipelined batch
  uint64_t bytes_received = 0;           // from clients
  uint64_t bytes_sent = 0;               // to clients
  uint64_t xact_time = 0;                // clients held a server inside a transaction
  uint64_t query_time = 0;               // requests were under way on a server
  uint64_t wait_time = 0;                // clients waited for a server
  uint64_t client_parse_count = 0;       // named Parse from clients
  uint64_t server_parse_count = 0;       // named Parse sent to servers
  uint64_t bind_count = 0;               // Bind of named statements
  uint64_t client_login_count = 0;
  uint64_t pin_count = 0;    // times a client was pinned
  uint64_t probe_count = 0;  // probes for hidden state

  PoolStats& operator+=(const PoolStats& other) {
    server_assignment_count += other.server_assignment_count;
    xact_count += other.xact_count;
    query_count += other.query_count;
    bytes_received += other.bytes_received;
    bytes_sent += other.bytes_sent;
    xact_time += other.xact_time;
    query_time += other.query_time;
    wait_time += other.wait_time;
    client_parse_count += other.client_parse_count;
    server_parse_count += other.server_parse_count;
    bind_count += other.bind_count;
    client_login_count += other.client_login_count;
    pin_count += other.pin_count;
    probe_count += other.probe_count;
    return *this;
  }
};

}  // namespace pglynx::metrics
