#include "support/e2e/connection.h"

#include <stdexcept>

#include "support/e2e/wait.h"

namespace pglynx::e2e {

namespace {

using ResultHandle = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::string Text(const char* text) {
  return text != nullptr ? text : "";
}

void Collect(const PGresult* from, QueryResult& into) {
  const ExecStatusType status = PQresultStatus(from);
  if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
    if (!into.ok()) return;  // the first tells the cause, what follows only that it broke
    into.error = Text(PQresultErrorMessage(from));
    into.sqlstate = Text(PQresultErrorField(from, PG_DIAG_SQLSTATE));
    if (into.sqlstate.empty()) into.sqlstate = "08006";
    return;
  }
  into.command_tag = Text(PQcmdStatus(const_cast<PGresult*>(from)));
  if (status != PGRES_TUPLES_OK) return;
  into.rows.clear();
  into.columns.clear();
  for (int column = 0; column < PQnfields(from); ++column) {
    into.columns.emplace_back(PQfname(from, column));
  }
  for (int row = 0; row < PQntuples(from); ++row) {
    std::vector<std::string>& values = into.rows.emplace_back();
    for (int column = 0; column < PQnfields(from); ++column) {
      const bool is_null = PQgetisnull(from, row, column) != 0;
      values.emplace_back(is_null ? "(null)" : PQgetvalue(from, row, column));
    }
  }
}

std::vector<const char*> Pointers(const std::vector<std::string>& values) {
  std::vector<const char*> pointers;
  for (const std::string& value : values) pointers.push_back(value.c_str());
  return pointers;
}

}  // namespace

std::string QueryResult::value() const {
  return rows.size() == 1 && rows.front().size() == 1 ? rows.front().front() : "";
}

Connection::Connection(PGconn* connection)
    : connection_(connection), notices_(std::make_unique<std::vector<std::string>>()) {
  PQsetNoticeProcessor(
      connection,
      [](void* notices, const char* message) {
        static_cast<std::vector<std::string>*>(notices)->emplace_back(message);
      },
      notices_.get());
}

Connection Connection::Open(const ConnectOptions& options) {
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"host", options.host},         {"port", std::to_string(options.port)},
      {"dbname", options.database},   {"user", options.user},
      {"password", options.password}, {"sslmode", "disable"},
      {"gssencmode", "disable"},      {"connect_timeout", "30"},
      {"passfile", "/dev/null"}};
  pairs.insert(pairs.end(), options.extra.begin(), options.extra.end());
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : pairs) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return Connection(PQconnectdbParams(keywords.data(), values.data(), 0));
}

bool Connection::ok() const {
  return PQstatus(raw()) == CONNECTION_OK;
}

std::string Connection::error() const {
  return Text(PQerrorMessage(raw()));
}

QueryResult Connection::Exec(const std::string& sql) {
  Send(sql);
  return Receive();
}

QueryResult Connection::ExecParams(const std::string& sql, const std::vector<std::string>& values) {
  PQsendQueryParams(raw(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                    Pointers(values).data(), nullptr, nullptr, 0);
  return Receive();
}

QueryResult Connection::Prepare(const std::string& name, const std::string& sql) {
  PQsendPrepare(raw(), name.c_str(), sql.c_str(), 0, nullptr);
  return Receive();
}

QueryResult Connection::ExecPrepared(const std::string& name,
                                     const std::vector<std::string>& values) {
  PQsendQueryPrepared(raw(), name.c_str(), static_cast<int>(values.size()), Pointers(values).data(),
                      nullptr, nullptr, 0);
  return Receive();
}

void Connection::Send(const std::string& sql) {
  PQsendQuery(raw(), sql.c_str());
}

bool Connection::Answered(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (ok() && PQisBusy(raw()) != 0) {
    const bool flushed = PQflush(raw()) == 0;
    const short events = flushed ? POLLIN : static_cast<short>(POLLIN | POLLOUT);
    if (!WaitFor({PQsocket(raw())}, events, deadline)) return false;
    if (PQconsumeInput(raw()) == 0) return true;  // broken: Receive tells
  }
  return true;
}

bool Connection::WaitForNotices(size_t count, std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (ok() && PQisBusy(raw()) != 0 && notices_->size() < count) {
    if (!WaitReadable({PQsocket(raw())}, deadline) || PQconsumeInput(raw()) == 0) break;
  }
  return notices_->size() >= count;
}

QueryResult Connection::Receive(std::chrono::milliseconds timeout) {
  QueryResult result;
  if (!ok()) {
    result.error = error().empty() ? "connection is closed" : error();
    result.sqlstate = "08006";
    return result;
  }
  while (true) {
    if (!Answered(timeout)) throw std::runtime_error("no answer from the server in time");
    const ResultHandle next(PQgetResult(raw()), &PQclear);
    if (!next) return result;
    Collect(next.get(), result);
  }
}

bool Connection::Cancel() {
  const std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(raw()),
                                                                  &PQfreeCancel);
  char problem[256];
  return cancel && PQcancel(cancel.get(), problem, sizeof problem) == 1;
}

std::string Connection::Parameter(const std::string& name) const {
  return Text(PQparameterStatus(raw(), name.c_str()));
}

int Connection::backend_pid() const {
  return PQbackendPID(raw());
}

PGTransactionStatusType Connection::transaction_status() const {
  return PQtransactionStatus(raw());
}

}  // namespace pglynx::e2e
