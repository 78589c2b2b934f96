#pragma once

// Messages of the extended protocol as RawClient sends them, and what to look for in replies
// ("Message Formats" in the PostgreSQL manual). Values; parameters are text or NULL-free.
//
//   client.Send(Parse("", "select $1::int") + Bind("", "", {"1"}) + Execute("") + Sync());
//   CHECK(Types(client.ReadUntil('Z')) == "12DCZ");

#include <cstdint>
#include <string>
#include <vector>

#include "support/e2e/raw_client.h"

namespace pglynx::e2e {

std::string Parse(const std::string& statement, const std::string& sql);
std::string Bind(const std::string& portal, const std::string& statement,
                 const std::vector<std::string>& values = {});
std::string DescribeStatement(const std::string& statement);
std::string DescribePortal(const std::string& portal);
// At most `rows_max` rows; 0: all.
std::string Execute(const std::string& portal, uint32_t rows_max = 0);
std::string CloseStatement(const std::string& statement);
std::string ClosePortal(const std::string& portal);
std::string Sync();
std::string Flush();
std::string Terminate();
// A StartupMessage of any minor version of protocol 3.
std::string StartupOf(uint16_t minor,
                      const std::vector<std::pair<std::string, std::string>>& parameters);
// A whole CancelRequest: `key` is the body of a BackendKeyData.
std::string CancelRequest(const std::string& key);

// The types of messages in order, as one word.
std::string Types(const std::vector<RawMessage>& messages);
// The body of the first message of this type; "" without one.
std::string BodyOf(const std::vector<RawMessage>& messages, char type);
// A field of an ErrorResponse or NoticeResponse: 'C' SQLSTATE, 'S' severity, 'M' text.
std::string Field(const RawMessage& message, char field);
// 'C' of the first ErrorResponse; "" without one.
std::string SqlState(const std::vector<RawMessage>& messages);
// The only column of every DataRow.
std::vector<std::string> Values(const std::vector<RawMessage>& messages);

}  // namespace pglynx::e2e
