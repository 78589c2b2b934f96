// Goal: an error reads as if the server had been given what the client sent.
#include "session/error_names.h"

#include <string>

#include "pglynx/wire/message_writer.h"
#include "support/catch.h"

namespace {

using pglynx::session::AppendInClientsTerms;
using pglynx::session::NameLookup;
using pglynx::session::TextShift;

std::string Error(const std::string& fields) {
  std::string out;
  const pglynx::wire::MessageScope message(out, 'E');
  for (const char c : fields) out += c == '|' ? '\0' : c;
  out += '\0';
  return out;
}

const NameLookup kNames = [](std::string_view name) -> std::string_view {
  if (name == "pglynx_7") return "own";
  if (name == "pglynx_gone_0") return "gone";
  return {};
};

std::string Told(const std::string& fields, const std::vector<TextShift>& shifts = {}) {
  std::string out = "kept";
  AppendInClientsTerms(out, Error(fields), kNames, shifts);
  return out.substr(4);
}

}  // namespace

TEST_CASE("Names of the pooler are replaced in message, detail and hint") {
  CHECK(Told("SERROR|C26000|M\"pglynx_7\" and pglynx_gone_0|Dof pglynx_7|Hpglynx_7|") ==
        Error("SERROR|C26000|M\"own\" and gone|Dof own|Hown|"));
}

TEST_CASE("What is no name of the pooler stays") {
  CHECK(Told("SERROR|Mpglynx_8 pglynx pglynx_ pglynx_70 pglynx_7x|Wpglynx_7|") ==
        Error("SERROR|Mpglynx_8 pglynx pglynx_ pglynx_70 pglynx_7x|Wpglynx_7|"));
}

TEST_CASE("Positions point into the client's text") {
  // "prepare q as selec" was sent as "prepare pglynx_7 as selec".
  const std::vector<TextShift> shifts = {{16, 7}};
  CHECK(Told("SERROR|P21|", shifts) == Error("SERROR|P14|"));
  CHECK(Told("SERROR|P9|", shifts) == Error("SERROR|P9|"));
  CHECK(Told("SERROR|P40|", {{16, 7}, {30, -2}}) == Error("SERROR|P35|"));
  CHECK(Told("SERROR|Px|", shifts) == Error("SERROR|Px|"));
  CHECK(Told("SERROR|P|", shifts) == Error("SERROR|P|"));
}

TEST_CASE("An error without fields, or cut short, is answered with what it has") {
  CHECK(Told("") == Error(""));
  std::string out;
  AppendInClientsTerms(out, std::string_view("E\0\0\0\6SE", 7), kNames, {});
  CHECK(out.size() >= 6);
}
