#pragma once

// A libpq connection as tests want it: waits are bounded, results are values.
//
// Move-only; closes itself. A failed login is a value (ok(), error()); no answer within
// kPatience throws std::runtime_error. Without threads, two connections are interleaved by
// Send on one, work on the other, Receive on the first.
//
//   Connection client = Connection::Open({.port = 6432, .database = "app", …});
//   CHECK(client.Exec("select 1").rows == Rows{{"1"}});

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include "support/e2e/child_process.h"

namespace pglynx::e2e {

using Rows = std::vector<std::vector<std::string>>;  // NULL reads as "(null)"

struct QueryResult {
  Rows rows;                         // of the last statement that returned any
  std::vector<std::string> columns;  // their names
  std::string command_tag;           // of the last statement
  std::string error;                 // empty, or what the server said, in one line or more
  std::string sqlstate;              // of the error; "08006" when the connection broke

  [[nodiscard]] bool ok() const { return error.empty(); }
  // The only value of a result with one row and one column; "" for any other.
  [[nodiscard]] std::string value() const;
};

struct ConnectOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string database;
  std::string user;
  std::string password;
  std::vector<std::pair<std::string, std::string>> extra;  // further libpq keywords
};

class Connection {
 public:
  static Connection Open(const ConnectOptions& options);

  [[nodiscard]] bool ok() const;
  [[nodiscard]] std::string error() const;

  QueryResult Exec(const std::string& sql);  // simple protocol
  QueryResult ExecParams(const std::string& sql, const std::vector<std::string>& values);
  QueryResult Prepare(const std::string& name, const std::string& sql);
  QueryResult ExecPrepared(const std::string& name, const std::vector<std::string>& values);

  // Simple protocol in two halves. Receive throws when nothing came within `timeout`.
  void Send(const std::string& sql);
  QueryResult Receive(std::chrono::milliseconds timeout = kPatience);
  // True if the whole answer to Send is there within `timeout`.
  bool Answered(std::chrono::milliseconds timeout);

  // True once notices() holds at least `count`, between Send and Receive; false if the answer
  // or the timeout comes first. A statement that raises one tells so that it is running.
  bool WaitForNotices(size_t count, std::chrono::milliseconds timeout = kPatience);

  // Sends a CancelRequest on a connection of its own; true if it was delivered.
  bool Cancel();

  [[nodiscard]] std::string Parameter(const std::string& name) const;  // "" if not reported
  [[nodiscard]] int backend_pid() const;
  [[nodiscard]] PGTransactionStatusType transaction_status() const;
  [[nodiscard]] const std::vector<std::string>& notices() const { return *notices_; }
  [[nodiscard]] PGconn* raw() const { return connection_.get(); }
  void Close() { connection_.reset(); }

 private:
  struct Finish {
    void operator()(PGconn* connection) const { PQfinish(connection); }
  };
  explicit Connection(PGconn* connection);

  std::unique_ptr<PGconn, Finish> connection_;
  std::unique_ptr<std::vector<std::string>> notices_;  // at a fixed address: libpq holds it
};

}  // namespace pglynx::e2e
