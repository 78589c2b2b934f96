#pragma once

// Session parameters (GUCs) as sets that are compared at every hand-over of a server.
//
// A `ParameterSet` is immutable and interned: equal sets are one object, so "does this
// server already speak as this client wants" is one pointer comparison, and ten thousand
// clients with the same settings share one set. `ParameterRef` counts references; the table
// must outlive every reference. One table per loop; not thread safe.
//
// A set holds what can be set: the parameters that the server reports (ParameterStatus),
// less those that nobody can SET, and those that a client asked for in its startup packet.
// Names compare without case, as Postgres compares them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pglynx::pool {

class ParameterTable;

struct Parameter {
  std::string name;   // as the server or the client spelled it first
  std::string value;  // canonical, as the server would print it
  bool operator==(const Parameter&) const = default;
};

class ParameterSet {
 public:
  // Sorted by lower-cased name.
  [[nodiscard]] const std::vector<Parameter>& all() const { return parameters_; }
  // nullptr where the set does not have it.
  [[nodiscard]] const std::string* Find(std::string_view name) const;

 private:
  friend class ParameterTable;
  friend class ParameterRef;

  std::vector<Parameter> parameters_;
  ParameterTable* table_ = nullptr;
  uint64_t hash_ = 0;
  uint32_t references_ = 0;
};

// A counted reference to an interned set. Copies freely.
class ParameterRef {
 public:
  ParameterRef() = default;
  ParameterRef(const ParameterRef& other) : set_(other.set_) { Acquire(); }
  ParameterRef(ParameterRef&& other) noexcept : set_(std::exchange(other.set_, nullptr)) {}
  ParameterRef& operator=(ParameterRef other) noexcept {
    std::swap(set_, other.set_);
    return *this;
  }
  ~ParameterRef() { Release(); }

  const ParameterSet& operator*() const { return *set_; }
  const ParameterSet* operator->() const { return set_; }
  explicit operator bool() const { return set_ != nullptr; }
  // The same settings, by identity.
  bool operator==(const ParameterRef& other) const { return set_ == other.set_; }

 private:
  friend class ParameterTable;
  explicit ParameterRef(ParameterSet* set) : set_(set) { Acquire(); }
  void Acquire() {
    if (set_ != nullptr) ++set_->references_;
  }
  void Release();

  ParameterSet* set_ = nullptr;
};

class ParameterTable {
 public:
  ParameterTable() = default;
  ~ParameterTable();
  ParameterTable(const ParameterTable&) = delete;
  ParameterTable& operator=(const ParameterTable&) = delete;

  ParameterRef Empty() { return Intern({}); }
  // `base` with one value set, or without the name.
  ParameterRef With(const ParameterRef& base, std::string_view name, std::string_view value);
  ParameterRef Without(const ParameterRef& base, std::string_view name);

  [[nodiscard]] size_t size() const { return sets_.size(); }

 private:
  friend class ParameterRef;
  ParameterRef Intern(std::vector<Parameter> parameters);
  void Forget(ParameterSet& set);

  std::unordered_multimap<uint64_t, std::unique_ptr<ParameterSet>> sets_;
};

// Whether the server is a standby; it ends when that is promoted ("Preset Options").
inline constexpr std::string_view kInHotStandby = "in_hot_standby";

// Reported by the server but not settable, so never part of a set.
bool IsFixedParameter(std::string_view name);

// Parameters with rules of their own. "role" is "none" where none is set (SET ROLE in the manual).
// is_superuser follows from the other two and is reported.
inline constexpr std::string_view kRole = "role";
inline constexpr std::string_view kSessionUser = "session_authorization";
inline constexpr std::string_view kIsSuperuser = "is_superuser";

// ASCII lower case.
std::string LowerCase(std::string_view name);

// What a server's settings are.
struct ServerSettings {
  const ParameterSet& actual;
  const ParameterSet& defaults;  // those that it reported at its login
  // Something may have changed settings unseen: only RESET ALL brings them back.
  bool unknown = false;
};

// Appends the Query messages that take a server to `wanted`: none where nothing differs, else one
// or two (client_encoding and standard_conforming_strings go first, in a message of their own, so
// that the values behind them are read by known rules). Returns how many. A name that `wanted`
// lacks, or wants at the server's default, is RESET, so that it follows a later change of that.
// The role and the session's user are taken back before anything else and set behind it, since
// they decide who may set what.
int AppendParameterChanges(std::string& out, const ServerSettings& server,
                           const ParameterSet& wanted);

// A statement that sets one parameter, for the session or (kLocal) for the transaction,
// without a semicolon. `value` is as SHOW prints it.
enum class SetScope : uint8_t { kSession, kLocal };
std::string SetStatement(std::string_view name, std::string_view value, SetScope scope);

// `"name"` and `'value'` as SQL, quotes doubled. Valid where standard_conforming_strings
// is on.
std::string QuoteIdentifier(std::string_view name);
std::string QuoteLiteral(std::string_view value);

}  // namespace pglynx::pool
