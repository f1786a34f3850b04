/* streams_host.cpp: streams, events and memory of CUDA on the host. A stream does its work only when somebody waits for it, and
** then no more than needed: what is not made to wait for something is late, or early where another stream is run first. */
#include "cuda_host.h"
#include "cuda_host_state.h"

#include <cuda_runtime_api.h>

#include <deque>
#include <map>
#include <stdlib.h>
#include <string.h>

struct piece {
  std::function<void()> run;
  cuda_host_stream *other; /* to wait for, up to `until`; NULL: nothing */
  long until;
};
struct cuda_host_stream {
  std::deque<piece> work;
  long done, asked;
};
struct cuda_host_event {
  cuda_host_stream *stream; /* NULL: never recorded */
  long at;
};

static int objects;

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
    if (p.run) p.run();
  }
}

int lun_cuda_host_objects(void) { return objects; }
void lun_cuda_host_run(cuda_host_stream *s) { run(s, s->asked); }
void lun_cuda_host_launch(cuda_host_stream *s, void (*work)(void *), void *with) {
  ask(s, {[=] { work(with); }, nullptr, 0});
}

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

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned) { return make(out); }
cudaError_t cudaStreamDestroy(cudaStream_t s) {
  run(s, s->asked);
  return drop(s);
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned) { return make(out); }
cudaError_t cudaEventDestroy(cudaEvent_t e) { return drop(e); }

cudaError_t cudaStreamSynchronize(cudaStream_t s) {
  if (s) run(s, s->asked);
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t e) {
  if (cuda_host_refuse(cudaErrorLaunchFailure)) return cudaErrorLaunchFailure;
  if (e->stream) run(e->stream, e->at);
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s) {
  if (cuda_host_refuse(cudaErrorLaunchFailure)) return cudaErrorLaunchFailure;
  e->stream = s;
  e->at = s->asked;
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned) {
  if (cuda_host_refuse(cudaErrorLaunchFailure)) return cudaErrorLaunchFailure;
  if (e->stream) ask(s, {nullptr, e->stream, e->at});
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t bytes, cudaMemcpyKind, cudaStream_t s) {
  if (cuda_host_refuse(cudaErrorLaunchFailure)) return cudaErrorLaunchFailure;
  ask(s, {[=] { memcpy(dst, src, bytes); }, nullptr, 0});
  return cudaSuccess;
}

static cudaError_t take(void **out, size_t bytes) {
  *out = cuda_host_refuse(cudaErrorMemoryAllocation) ? nullptr : malloc(bytes);
  objects += *out != nullptr;
  return *out ? cudaSuccess : cudaErrorMemoryAllocation;
}
static cudaError_t give(void *p) {
  objects -= p != nullptr;
  free(p);
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned) { return take(out, bytes); }
cudaError_t cudaFreeHost(void *p) { return give(p); }

static std::map<void *, size_t> sizes;
static size_t given, most;

void lun_cuda_host_memory(int64_t bytes) { most = (size_t)bytes; }
cudaError_t cudaMalloc(void **out, size_t bytes) {
  *out = nullptr;
  if (most && bytes > most - given) return cudaErrorMemoryAllocation;
  cudaError_t e = take(out, bytes);
  if (e) return e;
  sizes[*out] = bytes;
  given += bytes;
  return cudaSuccess;
}
cudaError_t cudaFree(void *p) {
  given -= sizes[p];
  sizes.erase(p);
  return give(p);
}
cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
  *free_bytes = most - given;
  *total = most;
  return cudaSuccess;
}
