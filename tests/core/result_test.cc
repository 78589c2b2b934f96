// Goal: a Result holds a value or an error, and says which.
#include "pglynx/core/result.h"

#include <memory>
#include <string>
#include <type_traits>

#include "support/catch.h"

using pglynx::Error;
using pglynx::ErrorCode;
using pglynx::Result;
using pglynx::Status;

namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) return Error{ErrorCode::kInvalidParameterValue, "odd"};
  return number / 2;
}

Status Even(int number) {
  const Result<int> half = Half(number);
  if (!half) return half.error();
  return pglynx::Ok();
}

}  // namespace

TEST_CASE("Result holds a value") {
  Result<int> half = Half(42);
  REQUIRE(half.has_value());
  CHECK(static_cast<bool>(half));
  CHECK(*half == 21);
  CHECK(half.value() == 21);
  *half = 7;
  CHECK(std::as_const(half).value() == 7);
}

TEST_CASE("Result holds an error") {
  const Result<int> half = Half(41);
  CHECK_FALSE(half.has_value());
  CHECK_FALSE(static_cast<bool>(half));
  CHECK(half.error().code == ErrorCode::kInvalidParameterValue);
  CHECK(half.error().detail == "odd");
  CHECK(Half(41).error().detail == "odd");
}

TEST_CASE("Result lets a value that cannot be copied be moved out") {
  Result<std::unique_ptr<int>> made(std::make_unique<int>(5));
  const std::unique_ptr<int> taken = *std::move(made);
  REQUIRE(taken != nullptr);
  CHECK(*taken == 5);
}

TEST_CASE("Result gives access to members") {
  Result<std::string> text(std::string("abc"));
  CHECK(text->size() == 3);
  text->clear();
  CHECK(std::as_const(text)->empty());
}

TEST_CASE("Result tells a value from an error of any type") {
  // An Error as the value would be ambiguous; text must not turn into one.
  STATIC_REQUIRE_FALSE(std::is_constructible_v<Result<int>, std::string>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Result<int>, bool>);
}

TEST_CASE("Status is well or holds an error") {
  CHECK(Even(2).has_value());
  CHECK(static_cast<bool>(Even(2)));
  const Status odd = Even(3);
  CHECK_FALSE(odd.has_value());
  CHECK(odd.error().detail == "odd");
  const Status copy = odd;  // NOLINT(performance-unnecessary-copy-initialization)
  CHECK(copy.error().code == ErrorCode::kInvalidParameterValue);
}
