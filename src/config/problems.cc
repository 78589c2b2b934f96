#include "config/problems.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace pglynx::config {

namespace {

constexpr size_t kQuotedBytesMax = 80;

bool IsControl(char byte) {
  return static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f;
}

}  // namespace

uint32_t Problems::AddFile(std::string path) {
  files_.push_back(std::move(path));
  return static_cast<uint32_t>(files_.size() - 1);
}

void Problems::AddError(Place place, std::string_view text) {
  errors_.push_back({place, std::string(text)});
}

void Problems::AddWarning(Place place, std::string_view text) {
  warnings_.push_back({place, std::string(text)});
}

std::string Problems::Where(Place place) const {
  if (place.line == 0) return files_[place.file];
  return fmt::format("{}:{}:{}", files_[place.file], place.line, place.column);
}

std::vector<std::string> Problems::Lines(std::vector<Problem> problems) const {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.place < b.place; });
  std::vector<std::string> lines;
  lines.reserve(problems.size());
  for (const Problem& problem : problems) {
    std::string line = fmt::format("{}: {}", Where(problem.place), problem.text);
    std::replace_if(line.begin(), line.end(), IsControl, '?');
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string Quoted(std::string_view text) {
  if (text.size() <= kQuotedBytesMax) return fmt::format("\"{}\"", text);
  size_t length = kQuotedBytesMax;  // cut before a UTF-8 character, not inside one
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U) --length;
  return fmt::format("\"{}…\"", text.substr(0, length));
}

std::string Join(const std::vector<std::string>& parts) {
  std::string joined;
  for (const std::string& part : parts) {
    if (!joined.empty()) joined += ", ";
    joined += part;
  }
  return joined;
}

}  // namespace pglynx::config
