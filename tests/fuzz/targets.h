#pragma once

// The fuzz targets: each reads its input as bytes from outside and ends the process by
// PGLYNX_CHECK where a property of the product does not hold; the top of its source names the
// properties. Pure: the same input does the same again, nothing outside the process is touched.
//
// CMakeLists.txt makes one libFuzzer program of each declaration below; targets.cc has the
// same functions by name, corpus/<name>/ their seeds.

#include <span>
#include <string_view>

namespace pglynx::fuzz {

struct Target {
  std::string_view name;  // FuzzSqlLexer is "sql_lexer"
  void (*run)(std::string_view input);
};

// All targets, by name.
std::span<const Target> Targets();

// Also finds "self_test", which no run includes: it breaks at the byte '!', for the test of
// the replay program. nullptr if there is none of that name.
const Target* FindTarget(std::string_view name);

// clang-format off
void FuzzAuthentication(std::string_view input);
void FuzzBackendFraming(std::string_view input);
void FuzzClientLogin(std::string_view input);
void FuzzClientRelay(std::string_view input);
void FuzzConfigText(std::string_view input);
void FuzzConfigValues(std::string_view input);
void FuzzConsoleCommand(std::string_view input);
void FuzzConsoleMessages(std::string_view input);
void FuzzFrontendFraming(std::string_view input);
void FuzzMd5(std::string_view input);
void FuzzMessageCollector(std::string_view input);
void FuzzParameterChanges(std::string_view input);
void FuzzReplyTracker(std::string_view input);
void FuzzScramClient(std::string_view input);
void FuzzScramServer(std::string_view input);
void FuzzScramVerifier(std::string_view input);
void FuzzServerError(std::string_view input);
void FuzzServerLogin(std::string_view input);
void FuzzServerRelay(std::string_view input);
void FuzzSetStatement(std::string_view input);
void FuzzSqlJudge(std::string_view input);
void FuzzSqlLexer(std::string_view input);
void FuzzSqlResets(std::string_view input);
void FuzzStartupOptions(std::string_view input);
void FuzzStartupPacket(std::string_view input);
// clang-format on

}  // namespace pglynx::fuzz
