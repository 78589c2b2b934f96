// Goal: the md5 method gives what PostgreSQL 15 stores and accepts.
#include "pglynx/auth/md5.h"

#include "support/catch.h"

using pglynx::auth::IsMd5Secret;
using pglynx::auth::MakeMd5Response;
using pglynx::auth::MakeMd5Secret;
using pglynx::auth::VerifyMd5Response;

namespace {
// From pg_authid of PostgreSQL 15.
constexpr std::string_view kStored = "md5be7c196ba46fc85c5c274253855bb5d1";
}  // namespace

TEST_CASE("MakeMd5Secret gives what Postgres stores") {
  CHECK(MakeMd5Secret("correct horse", "md5_user")->view() == kStored);
  CHECK(IsMd5Secret(MakeMd5Secret("", "")->view()));
}

TEST_CASE("IsMd5Secret wants the exact form") {
  CHECK(IsMd5Secret(kStored));
  for (const std::string_view text :
       {"", "md5", "md5be7c196ba46fc85c5c274253855bb5d", "md5be7c196ba46fc85c5c274253855bb5d11",
        "md5BE7C196BA46FC85C5C274253855BB5D1", "MD5be7c196ba46fc85c5c274253855bb5d1",
        "md5ge7c196ba46fc85c5c274253855bb5d1"}) {
    CAPTURE(text);
    CHECK_FALSE(IsMd5Secret(text));
  }
}

TEST_CASE("VerifyMd5Response accepts the right response and nothing else") {
  const std::string_view salt("\x01\0\xff\x7f", 4);
  const std::string response = *MakeMd5Response(kStored, salt);
  CHECK(IsMd5Secret(response));
  CHECK(*VerifyMd5Response(kStored, salt, response));
  CHECK_FALSE(*VerifyMd5Response(kStored, "salt", response));
  CHECK_FALSE(*VerifyMd5Response(kStored, salt, ""));
  CHECK_FALSE(*VerifyMd5Response(kStored, salt, response.substr(3)));
  CHECK_FALSE(*VerifyMd5Response("correct horse", salt, response));
  for (size_t at = 0; at < response.size(); ++at) {
    std::string wrong = response;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    CHECK_FALSE(*VerifyMd5Response(kStored, salt, wrong));
  }
}

TEST_CASE("MakeMd5Response refuses what is no md5 secret") {
  const auto response = MakeMd5Response("correct horse", "salt");
  REQUIRE_FALSE(response.has_value());
  CHECK(response.error().code == pglynx::ErrorCode::kInvalidAuthorization);
  CHECK(response.error().detail.find("correct horse") == std::string::npos);
}
