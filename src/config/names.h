#pragma once

// The enumerators of the configuration as the file writes them. One list for reading and
// for SHOW CONFIG.

#include <array>
#include <string_view>

#include "pglynx/config/config.h"

namespace pglynx::config {

template <typename T>
struct EnumName {
  std::string_view name;
  T value;
};

inline constexpr std::array<EnumName<PoolMode>, 2> kPoolModes = {
    {{"transaction", PoolMode::kTransaction}, {"session", PoolMode::kSession}}};

inline constexpr std::array<EnumName<SessionStatePolicy>, 3> kSessionStatePolicies = {
    {{"pin", SessionStatePolicy::kPin},
     {"error", SessionStatePolicy::kError},
     {"warn", SessionStatePolicy::kWarn}}};

inline constexpr std::array<EnumName<HiddenStatePolicy>, 3> kHiddenStatePolicies = {
    {{"probe", HiddenStatePolicy::kProbe},
     {"reset", HiddenStatePolicy::kReset},
     {"trust", HiddenStatePolicy::kTrust}}};

inline constexpr std::array<EnumName<AuthMethod>, 3> kAuthMethods = {
    {{"scram-sha-256", AuthMethod::kScramSha256},
     {"md5", AuthMethod::kMd5},
     {"trust", AuthMethod::kTrust}}};

inline constexpr std::array<EnumName<LogLevel>, 4> kLogLevels = {{{"error", LogLevel::kError},
                                                                  {"warn", LogLevel::kWarn},
                                                                  {"info", LogLevel::kInfo},
                                                                  {"debug", LogLevel::kDebug}}};

inline constexpr std::array<EnumName<LogFormat>, 3> kLogFormats = {
    {{"text", LogFormat::kText}, {"json", LogFormat::kJson}, {"logfmt", LogFormat::kLogfmt}}};

}  // namespace pglynx::config
