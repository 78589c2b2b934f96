#include "session/relay_scratch.h"

#include <algorithm>
#include <array>

namespace pglynx::session {
namespace {

// Client-only encodings with trailing bytes in the ASCII range ("Character Set Support" in
// the manual: those that are not server encodings), as client_encoding prints them.
constexpr std::array<std::string_view, 7> kUnsafeEncodings = {
    "BIG5", "GBK", "UHC", "GB18030", "JOHAB", "SJIS", "SHIFT_JIS_2004"};

// Literals are read, names are looked up and constants are folded by these.
constexpr std::array<std::string_view, 16> kParsingParameters = {"array_nulls",
                                                                 "backslash_quote",
                                                                 "client_encoding",
                                                                 "datestyle",
                                                                 "default_text_search_config",
                                                                 "intervalstyle",
                                                                 "lc_monetary",
                                                                 "lc_numeric",
                                                                 "lc_time",
                                                                 "search_path",
                                                                 "standard_conforming_strings",
                                                                 "timezone",
                                                                 "timezone_abbreviations",
                                                                 "transform_null_equals",
                                                                 "xmlbinary",
                                                                 "xmloption"};

}  // namespace

void TextSettingsCache::Find(const pool::ParameterRef& parameters) {
  for (size_t i = 0; i < kEntries; ++i) {
    if (!(entries_[i].parameters == parameters)) continue;
    last_ = i;
    return;
  }
  last_ = next_;
  next_ = (next_ + 1) % kEntries;
  entries_[last_] = {parameters, Compute(parameters)};
}

TextSettings TextSettingsCache::Compute(const pool::ParameterRef& parameters) {
  TextSettings settings;
  const std::string* strings = parameters->Find("standard_conforming_strings");
  settings.syntax = strings != nullptr && *strings == "off" ? sql::StringSyntax::kBackslash
                                                            : sql::StringSyntax::kStandard;
  const std::string* encoding = parameters->Find("client_encoding");
  settings.judgeable = encoding == nullptr ||
                       std::find(kUnsafeEncodings.begin(), kUnsafeEncodings.end(), *encoding) ==
                           kUnsafeEncodings.end();
  settings.identity = table_.Empty();
  for (const std::string_view name : kParsingParameters) {
    const std::string* value = parameters->Find(name);
    if (value != nullptr) settings.identity = table_.With(settings.identity, name, *value);
  }
  return settings;
}

}  // namespace pglynx::session
