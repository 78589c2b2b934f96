#include "config/host_name.h"

#include <algorithm>
#include <arpa/inet.h>
#include <sys/un.h>

namespace pglynx::config {

namespace {

constexpr size_t kHostBytesMax = 253;  // a DNS name's limit
constexpr std::string_view kLongestSocketFile = "/.s.PGSQL.65535";

bool IsNameByte(char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '.' || byte == '-' || byte == '_';
}

bool IsIpv4(const std::string& text) {
  in_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

// With or without a zone: "fe80::1%eth0".
bool IsIpv6(const std::string& text) {
  in6_addr address{};
  const size_t zone = text.find('%');
  if (zone != std::string::npos) {
    const std::string_view name = std::string_view(text).substr(zone + 1);
    if (name.empty() || !std::all_of(name.begin(), name.end(), IsNameByte)) return false;
  }
  return inet_pton(AF_INET6, text.substr(0, zone).c_str(), &address) == 1;
}

}  // namespace

std::optional<std::string> ParseHost(std::string_view text) {
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (bracketed) text = text.substr(1, text.size() - 2);
  if (text.empty() || text.size() > kHostBytesMax) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // inet_pton stops there
  std::string host(text);
  if (bracketed || text.find(':') != std::string_view::npos) {
    if (!IsIpv6(host)) return std::nullopt;
    return host;
  }
  if (!std::all_of(text.begin(), text.end(), IsNameByte)) return std::nullopt;
  // Digits and dots alone are meant as an address: "10.0.0.300" is no name.
  if (text.find_first_not_of("0123456789.") == std::string_view::npos && !IsIpv4(host)) {
    return std::nullopt;
  }
  return host;
}

bool IsSocketDirectory(std::string_view text) {
  return text.starts_with('/') && text.find('\0') == std::string_view::npos &&
         text.size() + kLongestSocketFile.size() < sizeof(sockaddr_un::sun_path);
}

bool HostsOverlap(std::string_view a, std::string_view b) {
  const auto is_v6 = [](std::string_view host) { return host.find(':') != std::string_view::npos; };
  // An IPv6 wildcard socket takes IPv4 too, unless it is told not to.
  const auto covers = [&is_v6](std::string_view wildcard, std::string_view host) {
    return wildcard == "::" || (wildcard == "0.0.0.0" && (!is_v6(host) || host == "::"));
  };
  const auto is_local = [](std::string_view name, std::string_view host) {
    return name == "localhost" && (host == "127.0.0.1" || host == "::1");
  };
  return a == b || covers(a, b) || covers(b, a) || is_local(a, b) || is_local(b, a);
}

}  // namespace pglynx::config
