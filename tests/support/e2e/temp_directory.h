#pragma once

// A private directory below $TMPDIR or /tmp, removed with its contents at the end; and ports
// for the programs that live in it.
//
//   const TempDirectory directory;
//   WriteFile(directory.path() + "/app.toml", text);

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pglynx::e2e {

class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Writes a file readable by its owner alone; throws std::runtime_error if it cannot.
void WriteFile(const std::string& path, std::string_view text);

// `text` with every occurrence of each first replaced by its second.
std::string Fill(std::string text, const std::vector<std::pair<std::string, std::string>>& values);

// A loopback TCP port that nobody listens on. It lies below the range from which the kernel
// takes the ports of outgoing connections, so that no client of another test can take it.
uint16_t FreePort();

}  // namespace pglynx::e2e
