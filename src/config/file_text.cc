#include "config/file_text.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace pglynx::config {

namespace {

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Error SystemError() {
  const std::error_code code(errno, std::generic_category());
  return Error{ErrorCode::kConfigFile, code.message()};
}

}  // namespace

Result<FileText> ReadFile(const std::string& path, size_t bytes_max) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) return SystemError();
  FileText result;
  result.readable_by_others = (status.st_mode & S_IROTH) != 0;
  result.device = static_cast<uint64_t>(status.st_dev);
  result.inode = static_cast<uint64_t>(status.st_ino);
  char block[4096];
  for (;;) {
    const ssize_t count = read(file.get(), block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError();
    if (count == 0) return result;
    result.text.append(block, static_cast<size_t>(count));
    if (result.text.size() > bytes_max) {
      return Error{ErrorCode::kConfigFile, fmt::format("longer than {} bytes", bytes_max)};
    }
  }
}

std::string RelativeTo(const std::string& base, const std::string& path) {
  const size_t slash = base.rfind('/');
  if (path.starts_with('/') || slash == std::string::npos) return path;
  return base.substr(0, slash + 1) + path;
}

}  // namespace pglynx::config
