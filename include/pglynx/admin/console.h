#pragma once

// The console's side of the v3 protocol for one client that has logged in: messages in,
// bytes out. No socket, no clock. Not copied; its owner is the client's session, which it
// does not outlive; the host must outlive it.
//
// Offers the simple protocol and the extended one ("Message Flow" in the PostgreSQL manual),
// without parameters. There are no transactions: ReadyForQuery
// always says idle, and portals end at Sync. After an error in the extended protocol
// messages are skipped up to Sync. What breaks the protocol is answered with FATAL 08P01.
// PAUSE and WAIT_CLOSE are not answered before the host has done what they ask for: their
// message ends with kWait, and the owner asks again by Continue, as often as it likes. A
// console may be destroyed while it waits; what the command has begun goes on.
// Limits: those below, and a command's text (command.h). All replies of one message are in
// memory at once: for SHOW CLIENTS some 300 bytes for each client.
//
//   Console console(host, Rights::kStats);
//   const Next next = console.OnMessage(type, body, out);
//   if (next == Next::kClose) close_after_flush = true;
//   if (next == Next::kWait) timer.Arm();  // then next = console.Continue(out)

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pglynx/admin/command.h"
#include "pglynx/admin/result_table.h"
#include "pglynx/config/describe.h"
#include "pglynx/core/bytes.h"
#include "pglynx/core/result.h"
#include "pglynx/core/time.h"
#include "pglynx/pool/snapshot.h"

namespace pglynx::admin {

// No message that the console understands is longer: its owner refuses one that is.
inline constexpr uint32_t kConsoleMessageBytesMax = 16384;
// Prepared statements, and portals, of a client; and the bytes of a name.
inline constexpr size_t kConsoleStatementsMax = 16;
inline constexpr size_t kConsoleNameBytesMax = 128;
// Lines that a RELOAD tells; the rest is counted.
inline constexpr size_t kReloadLinesMax = 100;

enum class WhatToInclude : uint8_t { kPools, kPoolsAndConnections };

// What the console shows and steers. Implemented by the server, and by a fake in tests. No
// function may destroy the console that calls it.
class ConsoleHost {
 public:
  virtual ~ConsoleHost() = default;

  // kPools: clients and servers may be left empty.
  virtual pool::Snapshot TakeSnapshot(WhatToInclude what) = 0;
  virtual std::vector<config::ConfigRow> ConfigRows() = 0;
  // A line for each change; or an error with all that is wrong, a line for each.
  virtual Result<std::vector<std::string>> Reload() = 0;
  // Only starts it; connections are closed later.
  virtual void Shutdown(ShutdownMode mode) = 0;
  // Starts it for the pools of one database, as clients ask for it; "" = for all. Fails with
  // kUnknownDatabase, or with kNotInPrerequisiteState where it makes no sense (RESUME of what
  // is not paused). `database` is what a user wrote: up to kCommandBytesMax of any bytes, of
  // which an error quotes a bounded, printable part.
  virtual Status Steer(SteerWhat what, std::string_view database) = 0;
  // Whether what PAUSE or WAIT_CLOSE waits for has come, or cannot come any more. Asked again
  // and again while a console waits: cheap, and without effect.
  virtual bool IsSettled(SteerWhat what, std::string_view database) = 0;
  // Ends a client by its id in SHOW CLIENTS. kInvalidParameterValue: there is none.
  virtual Status KillClient(uint64_t id) = 0;
  // Bans the servers of a host for exactly this long, at one port or at all of them (nullopt);
  // ended by UNBAN alone, which ends every other ban of them too. Both return the bans that they
  // have given or lifted: an UNBAN of what is not banned returns none. kInvalidParameterValue:
  // the configuration has no such server. `host` is what a user wrote, as in Steer.
  virtual Result<std::vector<pool::BanRow>> Ban(std::string_view host, std::optional<uint16_t> port,
                                                Duration length) = 0;
  virtual Result<std::vector<pool::BanRow>> Unban(std::string_view host,
                                                  std::optional<uint16_t> port) = 0;
  // DRAIN: new clients are refused, those that are here go on. UNDRAIN ends it.
  virtual void Drain(bool on) = 0;
  // The bare number, "0.1.0".
  virtual std::string_view version() = 0;
};

enum class Rights : uint8_t {
  kAdmin,
  kStats,  // SHOW, and what has no effect
};

enum class Next : uint8_t {
  kContinue,
  kClose,  // send what was appended, if anything, then close
  kWait,   // the reply is not complete: no message is taken before Continue has ended it
};

class Console {
 public:
  Console(ConsoleHost& host, Rights rights) : host_(host), rights_(rights) {}
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // One frontend message: `body` is without type and length. Appends the reply to `out`.
  // After kClose it is not called again, after kWait not before Continue returns kContinue.
  Next OnMessage(char type, std::string_view body, std::string& out);
  // Only after kWait. Asks the host again: kWait, with nothing appended, as long as it has not
  // settled; then appends the rest of the reply and returns kContinue.
  Next Continue(std::string& out);

 private:
  struct Portal {
    std::string statement;  // the name of the one it was made from
    Command command;
    std::vector<CellFormat> formats = {};  // of its columns; empty: all text
    bool started = false;
    ResultTable table = {};
    size_t next_row = 0;
  };
  // A command whose reply is still owed.
  struct Waiting {
    Command command;
    bool ready_follows = false;  // the simple protocol: the reply ends with ReadyForQuery
  };

  Next Dispatch(char type, std::string_view body, std::string& out);
  Next OnQuery(ByteReader& body, std::string& out);
  Next OnFunctionCall(std::string& out);
  Next OnParse(ByteReader& body, std::string& out);
  Next OnBind(ByteReader& body, std::string& out);
  Next OnDescribe(ByteReader& body, std::string& out);
  Next OnExecute(ByteReader& body, std::string& out);
  Next OnClose(ByteReader& body, std::string& out);
  Next OnSync(ByteReader& body, std::string& out);

  Next ExecutePortal(Portal& portal, uint32_t rows_max, std::string& out);
  // An error of the extended protocol: from here on messages are skipped.
  Next Skip(std::string& out, const Error& error);
  Next SkipUnknownPortal(std::string& out, std::string_view name);

  ConsoleHost& host_;
  const Rights rights_;
  // At most kConsoleStatementsMax each, the unnamed one ("") among them.
  std::map<std::string, Command, std::less<>> statements_;
  std::map<std::string, Portal, std::less<>> portals_;
  bool skipping_to_sync_ = false;
  std::optional<Waiting> waiting_;
};

}  // namespace pglynx::admin
