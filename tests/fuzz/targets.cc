// The table of targets.h, in the order of the names.
#include "fuzz/targets.h"

#include <algorithm>
#include <array>

#include "pglynx/core/check.h"

namespace pglynx::fuzz {
namespace {

void BreakAtExclamationMark(std::string_view input) {
  PGLYNX_CHECK(input.find('!') == std::string_view::npos);
}

constexpr std::array kTargets = {
    Target{"authentication", FuzzAuthentication},
    Target{"backend_framing", FuzzBackendFraming},
    Target{"client_login", FuzzClientLogin},
    Target{"client_relay", FuzzClientRelay},
    Target{"config_text", FuzzConfigText},
    Target{"config_values", FuzzConfigValues},
    Target{"console_command", FuzzConsoleCommand},
    Target{"console_messages", FuzzConsoleMessages},
    Target{"frontend_framing", FuzzFrontendFraming},
    Target{"md5", FuzzMd5},
    Target{"message_collector", FuzzMessageCollector},
    Target{"parameter_changes", FuzzParameterChanges},
    Target{"reply_tracker", FuzzReplyTracker},
    Target{"scram_client", FuzzScramClient},
    Target{"scram_server", FuzzScramServer},
    Target{"scram_verifier", FuzzScramVerifier},
    Target{"server_error", FuzzServerError},
    Target{"server_login", FuzzServerLogin},
    Target{"server_relay", FuzzServerRelay},
    Target{"set_statement", FuzzSetStatement},
    Target{"sql_judge", FuzzSqlJudge},
    Target{"sql_lexer", FuzzSqlLexer},
    Target{"sql_resets", FuzzSqlResets},
    Target{"startup_options", FuzzStartupOptions},
    Target{"startup_packet", FuzzStartupPacket},
};

constexpr Target kSelfTest{"self_test", BreakAtExclamationMark};

}  // namespace

std::span<const Target> Targets() {
  return kTargets;
}

const Target* FindTarget(std::string_view name) {
  if (name == kSelfTest.name) return &kSelfTest;
  const auto* found = std::ranges::find(kTargets, name, &Target::name);
  return found == kTargets.end() ? nullptr : found;
}

}  // namespace pglynx::fuzz
