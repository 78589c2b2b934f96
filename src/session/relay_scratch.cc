#include "session/relay_scratch.h"

#include <algorithm>
#include <array>

namespace pglynx::session {
namespace {

// Client-only encodings with trailing bytes in the ASCII range ("Character Set Support" in
// the manual: those that are not server encodings), as client_encoding prints them.
constexpr std::array<std::string_view, 7> kUnsafeEncodings = {
    "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SJIS", "SHIFT_JIS_2004"};

}  // namespace

void TextSettingsCache::Compute(const pool::ParameterRef& parameters) {
  parameters_ = parameters;
  const std::string* strings = parameters->Find("standard_conforming_strings");
  settings_.syntax = strings != nullptr && *strings == "off" ? sql::StringSyntax::kBackslash
                                                             : sql::StringSyntax::kStandard;
  const std::string* encoding = parameters->Find("client_encoding");
  settings_.judgeable = encoding == nullptr ||
                        std::find(kUnsafeEncodings.begin(), kUnsafeEncodings.end(), *encoding) ==
                            kUnsafeEncodings.end();
  settings_.identity = table_.Without(parameters, "application_name");
}

}  // namespace pglynx::session
