/* streams_host.cpp: streams, events and pinned memory of CUDA on the host. A stream does its work only when somebody waits for it, and
** then no more than needed: what is not made to wait for something is late, or early where another stream is run first. */
#include "streams_host.h"

#include <deque>
#include <set>
#include <stdlib.h>
#include <string.h>

struct piece {
  std::function<int()> run;
  cuda_host_stream *other; /* to wait for, up to `until`; NULL: nothing */
  long until;
};
struct cuda_host_stream {
  std::deque<piece> work;
  long done, asked;
  bool failed;
};
struct cuda_host_event {
  cuda_host_stream *stream; /* NULL: never recorded */
  long at;
};

static int objects;
static std::set<const cuda_host_stream *> streams;
static bool broken; /* a kernel failed: every later call says so, as on a device */

static void ask(cuda_host_stream *s, const piece &p) {
  s->work.push_back(p);
  s->asked++;
}

static void run(cuda_host_stream *s, long until) {
  while (s->done < until) {
    piece p = s->work.front();
    s->work.pop_front();
    s->done++;
    if (p.other) run(p.other, p.until);
    if (!p.run || s->failed) continue;
    if (lun_cuda_host.gate) lun_cuda_host.gate(true);
    if (p.run()) broken = s->failed = true;
    if (lun_cuda_host.gate) lun_cuda_host.gate(false);
  }
}

int lun_cuda_host_objects(void) { return objects; }
void cuda_host_count(int more) { objects += more; }

cudaError_t cuda_host_queue(cudaStream_t s, const std::function<int()> &what) {
  if (!streams.count(s)) return what() ? cuda_host_error(cudaErrorLaunchFailure) : cudaSuccess;
  ask(s, {what, nullptr, 0});
  return cudaSuccess;
}

void lun_cuda_host_run(cuda_host_stream *s) { run(s, s->asked); }
void lun_cuda_host_launch(cuda_host_stream *s, void (*work)(void *), void *with) {
  cuda_host_queue(s, [=] {
    work(with);
    return 0;
  });
}

static cudaError_t state(void) { return broken ? cuda_host_error(cudaErrorLaunchFailure) : cudaSuccess; }
bool cuda_host_broken(void) { return broken; }

template <class T> static cudaError_t make(T **out) {
  *out = nullptr;
  if (cuda_host_refuse(cudaErrorMemoryAllocation)) return cudaErrorMemoryAllocation;
  *out = new T();
  objects++;
  return cudaSuccess;
}
template <class T> static cudaError_t drop(T *t) {
  delete t;
  objects--;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned) {
  cudaError_t e = make(out);
  if (!e) streams.insert(*out);
  return e;
}
cudaError_t cudaStreamDestroy(cudaStream_t s) {
  run(s, s->asked);
  streams.erase(s);
  return drop(s);
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned) { return make(out); }
cudaError_t cudaEventDestroy(cudaEvent_t e) { return drop(e); }

cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  if (!streams.count(s)) return cudaSuccess;
  run(s, s->asked);
  return state();
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  if (cuda_host_refuse(cudaErrorLaunchFailure)) return cudaErrorLaunchFailure;
  if (e->stream) run(e->stream, e->at);
  return state();
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  if (cuda_host_refuse(cudaErrorLaunchFailure)) return cudaErrorLaunchFailure;
  e->stream = s;
  e->at = s->asked;
  return state();
}
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned) {
  if (cuda_host_refuse(cudaErrorLaunchFailure)) return cudaErrorLaunchFailure;
  if (e->stream) ask(s, {nullptr, e->stream, e->at});
  return state();
}
cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, cudaMemcpyKind, cudaStream_t s) {
  if (cuda_host_refuse(cudaErrorLaunchFailure)) return cudaErrorLaunchFailure;
  auto copy = [=] {
    memcpy(dst, src, bytes);
    return 0;
  };
  if (broken) return state();
  return cuda_host_records(s) && cuda_host_hold("copy", copy) ? cudaSuccess : cuda_host_queue(s, copy);
}

cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned) {
  *out = cuda_host_refuse(cudaErrorMemoryAllocation) ? nullptr : malloc(bytes);
  objects += *out != nullptr;
  return *out ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void *p) {
  objects -= p != nullptr;
  free(p);
  return cudaSuccess;
}
