/* device.c: brings a GPU up for a context, says what it is or why it cannot be used, and turns CUDA's errors into ours.
**
** A context works on the first device that CUDA shows (CUDA_VISIBLE_DEVICES chooses) and on one stream of its own: what
** is asked for runs in that order. Copies to the host and lun_device_sync wait for it; copies to the device for a buffer to
** pass through at most, and what is sent ahead has a stream of its own (send.c). CUDA's current device belongs to the
** thread; a context does too, so it is set once. */
#include "device/state.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

lun_cuda_state *lun_cuda_of(const lun_context *c) { return *lun_device_slot((lun_context *)c, LUN_CUDA); }

cudaStream_t lun_cuda_bare_stream(const lun_context *c) { return lun_cuda_of(c)->stream; }

cudaStream_t lun_cuda_stream(lun_context *c) {
  const lun_cuda_state *s = lun_cuda_of(c);
  lun_cuda_graph_launching(c, s->graph);
  return s->stream;
}

int lun_cuda_pause(lun_context *c, const char *why) { return lun_cuda_graph_pause(c, lun_cuda_of(c)->graph, why); }

lun_cuda_dnn **lun_cuda_dnn_slot(lun_context *c) { return &lun_cuda_of(c)->dnn; }

int lun_cuda_check(lun_context *c, cudaError_t e, const char *what) {
  if (!e) return LUN_OK;
  /* Takes back an error that a next call would report as its own; what has broken the device stays. */
  cudaError_t kept = cudaGetLastError();
  (void)kept;
  /* These a kernel brings about, and whoever waits next is told. */
  bool of_kernel = e >= cudaErrorIllegalAddress && e <= cudaErrorLaunchFailure && !lun_cuda_of(c)->waits;
  return lun_fail(c, e == cudaErrorMemoryAllocation ? LUN_EMEM : LUN_EDEVICE, "cuda: %s: %s (%s)%s", what,
                  cudaGetErrorString(e), cudaGetErrorName(e),
                  of_kernel ? "; an earlier kernel failed: LUNETTE_CUDA_SYNC=1 tells which" : "");
}

int lun_cuda_settled(lun_call *c, const char *what) {
  const lun_cuda_state *s = lun_cuda_of(c->ctx);
  cudaError_t e = s->waits ? cudaStreamSynchronize(s->stream) : cudaSuccess;
  if (!e) return LUN_OK;
  return lun_bad(c, LUN_EDEVICE, "%s: %s (%s)", what, cudaGetErrorString(e), cudaGetErrorName(e));
}

/* An error of the launch itself, or one of an earlier kernel that only shows now: the message says both ways. With
** LUNETTE_CUDA_SYNC in the environment every launch is waited for, so that the kernel named is the one that failed. */
int lun_cuda_launched(lun_call *c, const char *kernel, struct dim3 blocks, struct dim3 threads, size_t shared) {
  bool waits = lun_cuda_of(c->ctx)->waits;
  cudaError_t e = cudaGetLastError();
  if (!e && waits) e = cudaStreamSynchronize(lun_cuda_bare_stream(c->ctx));
  if (!e) return LUN_OK;
  return lun_bad(c, LUN_EDEVICE,
                 "kernel %s, %u x %u x %u blocks of %u x %u x %u threads, %zu bytes of shared memory: %s (%s)%s",
                 kernel, blocks.x, blocks.y, blocks.z, threads.x, threads.y, threads.z, shared, cudaGetErrorString(e),
                 cudaGetErrorName(e), waits ? "" : "; LUNETTE_CUDA_SYNC=1 tells whether an earlier kernel failed");
}

/* ---- coming up and going down ---- */

static int driver_text(int version, char *buf, size_t size) {
  return snprintf(buf, size, "%d.%d", version / 1000, version % 1000 / 10);
}

static int find_device(lun_context *c, lun_cuda_state *s) {
  void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!driver)
    return lun_fail(c, LUN_EDEVICE, "no NVIDIA driver: libcuda.so.1 was not found; it comes with the driver");
  dlclose(driver); /* CUDA's run-time library loads it again */
  int count = 0, needs = 0, has = 0;
  char a[16], b[16];
  cudaError_t e = cudaGetDeviceCount(&count);
  if (e == cudaErrorInsufficientDriver) {
    if (cudaRuntimeGetVersion(&needs) || cudaDriverGetVersion(&has)) needs = has = 0;
    driver_text(needs, a, sizeof a);
    driver_text(has, b, sizeof b);
    return lun_fail(c, LUN_EDEVICE, "the NVIDIA driver is too old: it is for CUDA %s, this backend needs %s", b, a);
  }
  if (e == cudaErrorNoDevice || (!e && count == 0))
    return lun_fail(c, LUN_EDEVICE, "the NVIDIA driver shows no GPU (is CUDA_VISIBLE_DEVICES set?)");
  LUN_TRY(lun_cuda_check(c, e, "counting devices"));
  LUN_TRY(lun_cuda_check(c, cudaGetDeviceProperties(&s->properties, s->ordinal), "asking for the device's properties"));
  if (s->properties.major < 8)
    return lun_fail(c, LUN_EDEVICE, "%s is of compute capability %d.%d; 8.0 (A100) or newer is needed",
                    s->properties.name, s->properties.major, s->properties.minor);
  LUN_TRY(lun_cuda_check(c, cudaSetDevice(s->ordinal), "choosing the device"));
  return lun_cuda_check(c, cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking), "making a stream");
}

static void put_down(lun_cuda_state *s) {
  cudaError_t graphs = lun_cuda_graph_close(s->graph);
  s->graph = NULL;
  cudaError_t e = s->stream ? cudaStreamSynchronize(s->stream) : cudaSuccess;
  lun_cuda_dnn_close(s->dnn);
  lun_cuda_blas_close(s);
  cudaError_t sent = lun_cuda_send_close(s), copies = lun_cuda_copy_close(s);
  lun_pool_close(s->pool);
  if (s->stream && !e) e = cudaStreamDestroy(s->stream);
  if (!e) e = graphs ? graphs : sent ? sent : copies;
  if (e) fprintf(stderr, "lunette: cuda: closing the device: %s\n", cudaGetErrorString(e));
  free(s);
}

static int bring_up(lun_context *c) {
  lun_cuda_state *s = calloc(1, sizeof *s);
  if (!s) return lun_fail(c, LUN_EMEM, "out of memory: the state of the device");
  s->c = c;
  s->waits = getenv("LUNETTE_CUDA_SYNC") != NULL;
  *lun_device_slot(c, LUN_CUDA) = s;
  int st = find_device(c, s);
  if (!st) {
    s->graph = lun_cuda_graph_open(s->stream, s->waits ? "LUNETTE_CUDA_SYNC waits for every launch" : NULL);
    if (!s->graph) st = lun_fail(c, LUN_EMEM, "out of memory: the state of graphs");
  }
  if (!st) st = lun_cuda_memory_open(c, s);
  if (!st) return LUN_OK;
  *lun_device_slot(c, LUN_CUDA) = NULL;
  put_down(s);
  return st;
}

static void close_device(lun_context *c) {
  lun_cuda_state *s = lun_cuda_of(c);
  *lun_device_slot(c, LUN_CUDA) = NULL;
  put_down(s);
}

static int wait(lun_context *c) {
  LUN_TRY(lun_cuda_pause(c, "the host waits for the device"));
  const lun_cuda_state *s = lun_cuda_of(c);
  if (s->copies) LUN_TRY(lun_cuda_check(c, cudaStreamSynchronize(s->copies), "waiting for copies"));
  return lun_cuda_check(c, cudaStreamSynchronize(s->stream), "waiting for the device");
}

static void describe(lun_context *c, char *buf, size_t size) {
  const lun_cuda_state *s = lun_cuda_of(c);
  int driver = 0, runtime = 0;
  size_t free_bytes = 0, total = 0;
  char a[16], b[16];
  bool said =
      !cudaDriverGetVersion(&driver) && !cudaRuntimeGetVersion(&runtime) && !cudaMemGetInfo(&free_bytes, &total);
  driver_text(driver, a, sizeof a);
  driver_text(runtime, b, sizeof b);
  int n = snprintf(buf, size, "cuda: %s, compute capability %d.%d, %d multiprocessors\n", s->properties.name,
                   s->properties.major, s->properties.minor, s->properties.multiProcessorCount);
  if (n > 0 && (size_t)n < size && said)
    n += snprintf(buf + n, size - (size_t)n, "gpu memory: %.1f GB, %.1f GB free\ngpu driver: for CUDA %s; runtime %s\n",
                  (double)total / 1e9, (double)free_bytes / 1e9, a, b);
  if (n > 0 && (size_t)n < size) lun_cuda_blas_describe(c, buf + n, size - (size_t)n);
  n = (int)strlen(buf);
  if ((size_t)n + 1 < size) {
    n += snprintf(buf + n, size - (size_t)n, "cudnn: ");
    if ((size_t)n + 1 < size) {
      lun_cuda_dnn_describe(c, buf + n, size - (size_t)n);
      n = (int)strlen(buf);
      if ((size_t)n + 1 < size) snprintf(buf + n, size - (size_t)n, "\n");
    }
  }
}

static int step_begin(lun_context *c) { return lun_cuda_graph_begin(c, lun_cuda_of(c)->graph); }

static int step_end(lun_context *c) { return lun_cuda_graph_end(c, lun_cuda_of(c)->graph); }

static void graphs(const lun_context *c, lun_graphs *out) { lun_cuda_graph_read(lun_cuda_of(c)->graph, out); }

__attribute__((visibility("default"))) const lun_device_backend *lun_device_backend_get(void) {
  static const lun_device_backend backend = {.base = {.abi = LUN_DEVICE_ABI,
                                                      .name = "cuda",
                                                      .device = LUN_CUDA,
                                                      .kernels = lun_cuda_kernels,
                                                      .alloc = lun_cuda_alloc,
                                                      .free = lun_cuda_free,
                                                      .copy = lun_cuda_copy_bytes,
                                                      .sync = wait},
                                             .open = bring_up,
                                             .close = close_device,
                                             .cached = lun_cuda_cached,
                                             .flush = lun_cuda_flush,
                                             .has_nan = lun_cuda_has_nan,
                                             .describe = describe,
                                             .step_begin = step_begin,
                                             .step_end = step_end,
                                             .graphs = graphs,
                                             .send = lun_cuda_send,
                                             .arrive = lun_cuda_arrive};
  return &backend;
}
