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

  // A Query or the first message of a batch: an implicit transaction begins if none is open.
  void BeginImplicit();
  // The statement ran.
  void Apply(const Op& op);
  // An error ended the batch.
  void Fail();
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
  // Parameters that this client has ever changed or asked for.
  [[nodiscard]] std::vector<std::string> TouchedParameters() const;
  [[nodiscard]] bool Listens(std::string_view channel) const;
  [[nodiscard]] bool HasStatement(const std::string& name) const {
    return statements_.contains(name);
  }
  [[nodiscard]] bool HasTable(const std::string& name) const { return now_.tables.contains(name); }

 private:
  struct Transactional {
    std::map<std::string, std::string, std::less<>> settings;
    std::map<std::string, std::vector<std::string>, std::less<>> tables;
  };
  struct SavedLevel {
    std::string name;
    Transactional before;
    std::map<std::string, std::string, std::less<>> local;
  };
  // The innermost one of this name; the end: there is none.
  [[nodiscard]] size_t FindSavepoint(std::string_view name) const;
  void DiscardAll();
  void DropNamed();
  // What parse analysis refuses; empty: nothing.
  [[nodiscard]] std::string_view AnalysisError(const Op& op) const;

  std::map<std::string, std::string, std::less<>> startup_;
  Transactional now_;
  Transactional before_;  // at the transaction's beginning
  std::map<std::string, std::string, std::less<>> local_;
  std::vector<SavedLevel> savepoints_;
  std::map<std::string, std::string, std::less<>> statements_;  // name → text
  std::map<std::string, bool, std::less<>> touched_;
  std::set<std::string, std::less<>> being_restored_;
  std::vector<std::string> channels_;  // ever listened to
  char status_ = 'I';
  bool implicit_ = false;
};

}  // namespace pglynx::sim
