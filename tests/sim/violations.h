#pragma once

// The broken invariants of one simulation. Everything that watches reports here; the test
// asks at the end whether it is empty. Owner: the simulation.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pglynx::sim {

class Violations {
 public:
  // `invariant`: its name in the design, I1 … I9. `what`: one line for a person.
  void Report(std::string_view invariant, std::string_view what) {
    std::string line(invariant);
    line += ": ";
    line += what;
    lines_.push_back(std::move(line));
  }
  // A line below the last violation, for a person.
  void Explain(std::string_view line) { notes_.emplace_back(line); }
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  [[nodiscard]] bool empty() const { return lines_.empty(); }
  [[nodiscard]] size_t size() const { return lines_.size(); }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  // All lines in one text, for a test's message.
  [[nodiscard]] std::string ToString() const {
    std::string all;
    for (const std::string& line : lines_) all += line + '\n';
    for (const std::string& line : notes_) all += "  " + line + '\n';
    return all;
  }

 private:
  std::vector<std::string> lines_;
  std::vector<std::string> notes_;
};

}  // namespace pglynx::sim
