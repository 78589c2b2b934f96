#include "sim/fake_vs_real/script_writer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pglynx/core/bytes.h"
#include "support/e2e/raw_client.h"

namespace pglynx::sim {
namespace {

constexpr uint32_t kTextOid = 25;
constexpr uint32_t kTrimFunction = 885;  // btrim(text)
using Protocol = RandomSql::Protocol;

std::string CString(const std::string& text) {
  return text + '\0';
}

std::string Int16(size_t value) {
  std::string bytes;
  AppendU16(bytes, static_cast<uint16_t>(value));
  return bytes;
}

std::string Int32(uint32_t value) {
  return e2e::RawClient::Int32(value);
}

// The highest parameter of a statement that RandomSql makes.
size_t ParametersOf(const std::string& sql) {
  if (sql.starts_with("PREPARE") || sql.starts_with("COPY")) return 0;
  if (sql.find("$2") != std::string::npos) return 2;
  return sql.find("$1") != std::string::npos ? 1 : 0;
}

}  // namespace

ScriptWriter::ScriptWriter(uint64_t seed) : random_(seed), dice_(random_) {}

ScriptStep ScriptWriter::Next(const Statuses& statuses) {
  step_ = {};
  step_.connection = dice_.Chance(0.7) ? 0 : 1;
  if (looks_on_.has_value()) {
    step_.connection = *looks_on_;
    looks_on_.reset();
    // Whether the other one still holds a lock and still listens.
    step_.messages.push_back(Query(
        "SELECT pg_try_advisory_xact_lock(7), pg_try_advisory_xact_lock(8); NOTIFY c0; NOTIFY c1"));
    return std::move(step_);
  }
  status_ = statuses[step_.connection];
  if (!begun_[step_.connection]) {
    begun_[step_.connection] = true;
    Prologue();
  }
  // A pipeline now and then.
  for (uint64_t requests = dice_.Chance(0.1) ? dice_.Between(2, 4) : 1; requests > 0; --requests) {
    Request();
  }
  return std::move(step_);
}

ScriptStep ScriptWriter::Last(size_t connection) {
  step_ = {};
  step_.connection = connection;
  Send('z', "", "message of an unknown type");
  return std::move(step_);
}

ScriptMessage ScriptWriter::Query(const std::string& sql) {
  return {e2e::RawClient::Query(sql), fmt::format("Query \"{}\"", sql)};
}

ScriptMessage ScriptWriter::Plain(char type, const std::string& name) {
  return {e2e::RawClient::Frame(type, ""), name};
}

void ScriptWriter::Request() {
  const uint64_t choice = dice_.Below(100);
  if (choice < 12) {
    Story();
  } else if (choice < 45) {
    std::string sql = Sql().Statement(Protocol::kSimple, status_);
    if (dice_.Chance(0.05)) {  // what a pooler puts in front of a client's statement
      step_.messages.push_back(
          Query("RESET ALL; RESET ROLE; RESET SESSION AUTHORIZATION; SET \"TimeZone\" TO "
                "'Asia/Tokyo'; SET \"role\" TO 'app_reader'"));
    }
    for (uint64_t more = dice_.Chance(0.3) ? dice_.Between(1, 3) : 0; more > 0; --more) {
      sql += ";" + Sql().Statement(Protocol::kSimple, status_);
    }
    step_.messages.push_back(Query(sql));
    if (sql.find(" TO ") != std::string::npos) CloseLeftOver();
  } else if (choice < 85) {
    Batch();
  } else if (choice < 92) {
    CopyIn();
  } else if (choice < 96) {
    FunctionCall();
  } else {
    OutOfPlace();
  }
}

// A Query that fails in a failed transaction leaves its portal behind with a list of statements
// that Postgres has freed: whatever an Execute of it says is chance.
void ScriptWriter::CloseLeftOver() {
  Close('P', "");
  step_.messages.push_back(Plain('S', "Sync"));
}

// Some set the scene, so that later ones find tables, listeners and statements.
void ScriptWriter::Prologue() {
  for (const char* sql : {"CREATE TEMP TABLE t0 (x text)", "LISTEN c0", "PREPARE p0 AS SELECT 'p'",
                          "INSERT INTO t0 VALUES ('first')"}) {
    if (dice_.Chance(0.8)) step_.messages.push_back(Query(sql));
  }
  if (dice_.Chance(0.5)) step_.messages.push_back(Query("BEGIN; SAVEPOINT a"));
}

void ScriptWriter::Story() {
  const std::vector<std::string> story = Sql().Story();
  if (dice_.Chance(0.7)) looks_on_ = 1 - step_.connection;
  const uint64_t form = dice_.Below(3);
  std::string together;
  for (const std::string& sql : story) {
    if (form == 0) {
      together += sql + "; ";
    } else if (form == 1) {
      step_.messages.push_back(Query(sql));
    } else {
      Parse("", sql);
      Bind("", "", 0);
      Execute("", 0);
    }
  }
  if (form == 0) step_.messages.push_back(Query(together));
  if (form == 2) step_.messages.push_back(Plain('S', "Sync"));
  CloseLeftOver();
}

void ScriptWriter::Batch() {
  for (uint64_t count = dice_.Between(1, 4); count > 0; --count) Statement();
  step_.messages.push_back(Plain('S', "Sync"));
}

void ScriptWriter::Statement() {
  const std::string name = StatementName();
  const std::string portal = PortalName();
  const std::string sql = dice_.Chance(0.02)   ? "SELECT 1; SELECT 2"
                          : dice_.Chance(0.05) ? Sql().CopyIn()
                                               : Sql().Statement(Protocol::kExtended, status_);
  size_t parameters = ParametersOf(sql);
  if (dice_.Chance(0.95)) {
    if (!name.empty() && dice_.Chance(0.8)) Close('S', name);
    Parse(name, sql);
  } else {
    parameters = dice_.Below(2);
  }
  if (dice_.Chance(0.03)) parameters = dice_.Below(3);
  if (dice_.Chance(0.2)) Describe('S', name);
  if (!portal.empty() && dice_.Chance(0.7)) Close('P', portal);
  if (dice_.Chance(0.97)) Bind(portal, name, parameters);
  if (dice_.Chance(0.3)) Describe('P', dice_.Chance(0.1) ? PortalName() : portal);
  const bool often = dice_.Chance(sql.starts_with("S") ? 0.3 : 0.05);
  for (uint64_t count = often ? dice_.Below(4) : 1; count > 0; --count) {
    Execute(dice_.Chance(0.03) ? PortalName() : portal, RowsMax());
  }
  if (dice_.Chance(0.1)) Close('S', StatementName());
  if (dice_.Chance(0.1)) Close('P', PortalName());
  if (dice_.Chance(0.1)) step_.messages.push_back(Plain('H', "Flush"));
}

void ScriptWriter::CopyIn() {
  const std::string sql = Sql().CopyIn();
  const bool extended = dice_.Chance(0.5);
  if (extended) {
    Parse("", sql);
    Bind("", "", 0);
    Execute("", RowsMax());
    if (dice_.Chance(0.5)) step_.messages.push_back(Plain('S', "Sync"));
  } else {
    step_.messages.push_back(Query(dice_.Chance(0.3) ? sql + "; SELECT 'behind'" : sql));
  }
  for (uint64_t count = dice_.Below(4); count > 0; --count) CopyData();
  if (dice_.Chance(0.1)) step_.messages.push_back(Plain('H', "Flush"));
  if (dice_.Chance(0.75)) {
    Send('c', "", "CopyDone");
  } else {
    Send('f', CString("enough"), "CopyFail \"enough\"");
  }
  if (extended || dice_.Chance(0.3)) step_.messages.push_back(Plain('S', "Sync"));
}

// Lines that need not end with their message.
void ScriptWriter::CopyData() {
  std::string rows;
  for (uint64_t count = dice_.Below(3); count > 0; --count) {
    rows += fmt::format("copied {}\n", dice_.Below(100));
  }
  if (dice_.Chance(0.2)) rows += "cut ";
  Send('d', rows, fmt::format("CopyData \"{}\"", rows));
}

void ScriptWriter::FunctionCall() {
  const uint32_t function = dice_.Chance(0.8) ? kTrimFunction : 999'999;
  const size_t arguments = dice_.Chance(0.9) ? 1 : dice_.Below(3);
  std::string body = Int32(function) + Int16(0) + Int16(arguments);
  for (size_t i = 0; i < arguments; ++i) {
    body += dice_.Chance(0.1) ? Int32(~0U) : Int32(5) + " AbC ";
  }
  Send('F', body + Int16(0), fmt::format("FunctionCall {} of {} arguments", function, arguments));
}

void ScriptWriter::OutOfPlace() {
  switch (dice_.Below(5)) {
    case 0:
      CopyData();
      break;
    case 1:
      Send('c', "", "CopyDone");
      break;
    case 2:
      Send('f', CString("nothing"), "CopyFail \"nothing\"");
      break;
    case 3:
      step_.messages.push_back(Plain('H', "Flush"));
      break;
    default:  // a batch that a Query ends
      Statement();
      step_.messages.push_back(Query(Sql().Statement(Protocol::kSimple, status_)));
      break;
  }
  step_.messages.push_back(Plain('S', "Sync"));
}

// ----- messages -----

void ScriptWriter::Send(char type, const std::string& body, const std::string& line) {
  step_.messages.push_back({e2e::RawClient::Frame(type, body), line});
}

std::string ScriptWriter::StatementName() {
  return dice_.Chance(0.5) ? "" : fmt::format("s{}", dice_.Below(3));
}

std::string ScriptWriter::PortalName() {
  return dice_.Chance(0.6) ? "" : fmt::format("q{}", dice_.Below(2));
}

void ScriptWriter::Parse(const std::string& name, const std::string& sql) {
  std::string types = Int16(0);
  if (ParametersOf(sql) == 1 && dice_.Chance(0.5)) types = Int16(1) + Int32(kTextOid);
  Send('P', CString(name) + CString(sql) + types, fmt::format("Parse \"{}\" \"{}\"", name, sql));
}

void ScriptWriter::Bind(const std::string& portal, const std::string& name, size_t parameters) {
  std::string body = CString(portal) + CString(name) + Int16(0) + Int16(parameters);
  for (size_t i = 0; i < parameters; ++i) {
    body += dice_.Chance(0.1) ? Int32(~0U) : Int32(5) + "bound";
  }
  Send('B', body + Int16(0),
       fmt::format("Bind portal \"{}\" statement \"{}\", {} parameters", portal, name, parameters));
}

void ScriptWriter::Describe(char kind, const std::string& name) {
  Send('D', kind + CString(name), fmt::format("Describe {} \"{}\"", kind, name));
}

uint32_t ScriptWriter::RowsMax() {
  return static_cast<uint32_t>(dice_.Chance(0.3) ? dice_.Between(1, 3) : 0);
}

void ScriptWriter::Execute(const std::string& portal, uint32_t rows_max) {
  Send('E', CString(portal) + Int32(rows_max),
       fmt::format("Execute \"{}\", at most {} rows", portal, rows_max));
}

void ScriptWriter::Close(char kind, const std::string& name) {
  Send('C', kind + CString(name), fmt::format("Close {} \"{}\"", kind, name));
}

}  // namespace pglynx::sim
