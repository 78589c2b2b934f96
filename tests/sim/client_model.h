#pragma once

// What a client may expect of the one Postgres session that it believes to have: its
// transaction, settings, tables and prepared statements, told only of what it was answered.
// Written from the manual, apart from FakePostgres, so that each checks the other. A value;
// pure.
//
//   if (model.ExpectedError(op, Stage::kExecute) != "") … else model.Apply(op);

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/ops.h"

namespace pglynx::sim {

class ClientModel {
 public:
  // Where in the extended protocol a statement is; kStatement is a simple Query's.
  enum class Stage : uint8_t { kParse, kBind, kDescribe, kExecute, kStatement };

  // The SQLSTATE that Postgres answers this with; empty: it succeeds.
  [[nodiscard]] std::string_view ExpectedError(const Op& op, Stage stage) const;
  // The rows that a statement shows, each as its columns joined by '|'.
  [[nodiscard]] std::vector<std::string> ExpectedRows(const Op& op) const;
  // "SELECT 1", "COMMIT" …; what CommandComplete says.
  [[nodiscard]] std::string ExpectedTag(const Op& op) const;
  // The SQLSTATE of the warning in front of it; empty: none. `in_block`: it is one of several
  // statements of a Query.
  [[nodiscard]] std::string_view ExpectedWarning(const Op& op, bool in_block) const;
  // What may have failed without a server, so that nobody but a pooler has read the next text.
  [[nodiscard]] bool MayBeRefusedUnread(const Op& op) const {
    return status_ == 'E' && failed_unread_ && op.kind == OpKind::kBadSyntax;
  }

  // A Query or the first message of a batch: an implicit transaction begins if none is open.
  void BeginImplicit();
  // The statement ran.
  void Apply(const Op& op);
  // An error ended the batch. `explained`: by what was asked for.
  void Fail(bool explained = true);
  // ReadyForQuery: an implicit transaction ends well.
  void EndImplicit();

  // Parse was answered, or reached and refused.
  void Parsed(const Op& op);
  void ParseFailed(const Op& op);
  void Closed(const Op& op) { statements_.erase(op.statement); }
  void DropUnnamed() { statements_.erase(""); }

  // 'I', 'T' or 'E', as ReadyForQuery says it.
  [[nodiscard]] char status() const { return status_; }
  // RESET of a parameter that this client set at its login: the pooler makes it good right
  // behind the batch, so its value is not looked at until the next one (docs/limits.md).
  [[nodiscard]] bool IsBeingRestored(std::string_view name) const {
    return being_restored_.contains(name);
  }
  void BatchBegins() { being_restored_.clear(); }
  // What RESET goes back to.
  void SetStartup(std::string_view name, std::string_view value);
  [[nodiscard]] std::string Value(std::string_view name) const;
  // A function has set it, of which a pooler that is not told does not hear: it is so until the
  // client's next statement, and perhaps longer (docs/limits.md).
  [[nodiscard]] bool IsUnsure(std::string_view name) const {
    return now_.unsure.contains(name) && !local_.contains(name);
  }
  // Parameters that this client has ever changed or asked for.
  [[nodiscard]] std::vector<std::string> TouchedParameters() const;
  [[nodiscard]] bool Listens(std::string_view channel) const;
  [[nodiscard]] bool HasStatement(const std::string& name) const {
    return statements_.contains(name);
  }
  [[nodiscard]] bool TakesParameter(const std::string& name) const {
    const auto found = statements_.find(name);
    return found != statements_.end() && found->second.has_parameter;
  }
  [[nodiscard]] bool HasTable(const std::string& name) const { return now_.tables.contains(name); }

 private:
  struct Transactional {
    std::map<std::string, std::string, std::less<>> settings;
    std::map<std::string, std::vector<std::string>, std::less<>> tables;
    std::map<std::string, std::string, std::less<>> owners;  // of those made under another role
    std::set<std::string, std::less<>> unsure;
  };
  struct Statement {
    bool has_parameter = false;
    std::string shows;  // without one
  };
  struct SavedLevel {
    std::string name;
    Transactional before;
    std::map<std::string, std::string, std::less<>> local;
  };
  // The innermost one of this name; the end: there is none.
  [[nodiscard]] size_t FindSavepoint(std::string_view name) const;
  // Parameters and those of Apply that are about session state. False: it is none of them.
  bool ApplySetting(const Op& op);
  void ApplyState(const Op& op);
  void Assign(const std::string& name, const std::string& value, bool is_local);
  void MakeTable(const std::string& name);
  void DiscardAll();
  void DropNamed();
  // What a statement refuses while it runs; empty: nothing.
  [[nodiscard]] std::string_view RunError(const Op& op) const;
  // What parse analysis refuses; empty: nothing.
  [[nodiscard]] std::string_view AnalysisError(const Op& op) const;

  std::map<std::string, std::string, std::less<>> startup_;
  Transactional now_;
  Transactional before_;  // at the transaction's beginning
  std::map<std::string, std::string, std::less<>> local_;
  std::vector<SavedLevel> savepoints_;
  std::map<std::string, Statement, std::less<>> statements_;
  std::map<std::string, uint32_t, std::less<>> locks_;  // of the session, by key
  std::map<std::string, bool, std::less<>> touched_;
  std::set<std::string, std::less<>> being_restored_;
  std::vector<std::string> channels_;  // ever listened to
  char status_ = 'I';
  bool implicit_ = false;
  bool failed_unread_ = false;
};

}  // namespace pglynx::sim
