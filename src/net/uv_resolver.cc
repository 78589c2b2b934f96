#include <algorithm>
#include <cstring>
#include <netdb.h>
#include <utility>

#include <fmt/format.h>

#include "net/uv_stream.h"
#include "pglynx/net/resolver.h"

namespace pglynx::net {
namespace {

class UvPendingLookup;

// Lives until libuv has called back, however long its handle lives.
struct LookupRequest {
  uv_getaddrinfo_t request{};
  UvPendingLookup* lookup = nullptr;  // nullptr: nobody wants the result
};

class UvPendingLookup final : public PendingLookup {
 public:
  UvPendingLookup(UvEventLoop::Impl& loop, std::string name, Resolver::Done done)
      : loop_(loop), name_(std::move(name)), done_(std::move(done)) {}
  ~UvPendingLookup() override {
    if (request_ == nullptr) return;
    request_->lookup = nullptr;
    uv_cancel(reinterpret_cast<uv_req_t*>(&request_->request));
  }

  void Start() {
    auto request = std::make_unique<LookupRequest>();
    request->lookup = this;
    request->request.data = request.get();
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    const int failure =
        uv_getaddrinfo(&loop_.loop, &request->request, OnResolved, name_.c_str(), nullptr, &hints);
    if (failure != 0) {
      outcome_ = CannotResolve(failure);
      loop_.Post(failed_);
      return;
    }
    request_ = request.release();  // OnResolved frees it
  }

 private:
  [[nodiscard]] Error CannotResolve(int failure) const {
    return {ErrorCode::kIo,
            fmt::format("cannot resolve the name {}: {}", name_, uv_strerror(failure))};
  }

  static void OnResolved(uv_getaddrinfo_t* uv_request, int status, addrinfo* found) {
    const std::unique_ptr<LookupRequest> request(static_cast<LookupRequest*>(uv_request->data));
    std::vector<std::string> addresses;
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
      sockaddr_storage address{};
      std::memcpy(&address, at->ai_addr, at->ai_addrlen);
      addresses.push_back(FromSockaddr(address).host);
    }
    if (found != nullptr) uv_freeaddrinfo(found);
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    if (request->lookup == nullptr) return;
    UvPendingLookup& lookup = *request->lookup;
    lookup.request_ = nullptr;
    if (addresses.empty()) {
      lookup.outcome_ = lookup.CannotResolve(status != 0 ? status : UV_EAI_NODATA);
    } else {
      lookup.outcome_ = std::move(addresses);
    }
    lookup.Tell();
  }

  // The owner may destroy this object: nothing is touched afterwards.
  void Tell() {
    const Resolver::Done done = std::move(done_);
    done(std::move(outcome_));
  }

  UvEventLoop::Impl& loop_;
  std::string name_;
  Resolver::Done done_;
  LookupRequest* request_ = nullptr;
  Result<std::vector<std::string>> outcome_ = std::vector<std::string>();
  Task failed_ = MemberTask<&UvPendingLookup::Tell>(this);
};

}  // namespace

std::unique_ptr<PendingLookup> UvEventLoop::Resolve(const std::string& name, Done done) {
  auto lookup = std::make_unique<UvPendingLookup>(*impl_, name, std::move(done));
  lookup->Start();
  return lookup;
}

}  // namespace pglynx::net
