#pragma once

// `Result<T>`: a value or an `Error`. `Status` is `Result<void>`.
//
// The member names are those of std::expected, which g++ 12 lacks in C++20; the
// class becomes a `using` when the project moves to C++23. A dropped result does
// not compile without a warning. `value()` on an error is a broken invariant.
//
//   Result<Config> config = LoadConfig(path);
//   if (!config) return config.error();
//   Use(*config);

#include <optional>
#include <utility>
#include <variant>

#include "pglynx/core/check.h"
#include "pglynx/core/error.h"

namespace pglynx {

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` and `return Error{...};` read as they mean.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    PGLYNX_CHECK(has_value());
    return std::get<0>(state_);
  }
  const T& value() const& {
    PGLYNX_CHECK(has_value());
    return std::get<0>(state_);
  }
  T&& value() && {
    PGLYNX_CHECK(has_value());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& {
    PGLYNX_CHECK(!has_value());
    return std::get<1>(state_);
  }
  [[nodiscard]] Error error() && {
    PGLYNX_CHECK(!has_value());
    return std::get<1>(std::move(state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT

  [[nodiscard]] bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] const Error& error() const& {
    PGLYNX_CHECK(error_.has_value());
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

inline Status Ok() {
  return {};
}

}  // namespace pglynx
