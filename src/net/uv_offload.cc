#include <uv.h>

#include "net/uv_loop_impl.h"
#include "pglynx/core/check.h"

namespace pglynx::net {
namespace {

class UvOffloadedWork;

// Lives until libuv has called back, however long its handle lives.
struct WorkRequest {
  uv_work_t request{};
  std::function<void()> work;
  std::function<void()> done;
  UvOffloadedWork* handle = nullptr;  // nullptr: nobody wants the result
};

class UvOffloadedWork final : public OffloadedWork {
 public:
  explicit UvOffloadedWork(WorkRequest& request) : request_(&request) { request.handle = this; }
  ~UvOffloadedWork() override {
    if (request_ != nullptr) request_->handle = nullptr;
  }
  void Forget() { request_ = nullptr; }

 private:
  WorkRequest* request_;
};

void OnDone(uv_work_t* uv_request, int) {
  const std::unique_ptr<WorkRequest> request(static_cast<WorkRequest*>(uv_request->data));
  if (request->handle == nullptr) return;
  request->handle->Forget();
  request->done();
}

}  // namespace

std::unique_ptr<OffloadedWork> UvEventLoop::Offload(std::function<void()> work,
                                                    std::function<void()> done) {
  auto request = std::make_unique<WorkRequest>();
  request->work = std::move(work);
  request->done = std::move(done);
  request->request.data = request.get();
  auto handle = std::make_unique<UvOffloadedWork>(*request);
  WorkRequest* queued = request.release();  // OnDone takes it back
  PGLYNX_CHECK(uv_queue_work(
                   &impl_->loop, &queued->request,
                   [](uv_work_t* running) { static_cast<WorkRequest*>(running->data)->work(); },
                   OnDone) == 0);
  return handle;
}

}  // namespace pglynx::net
