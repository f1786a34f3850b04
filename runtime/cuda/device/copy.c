/* copy.c: bytes between host and device. Ordinary memory cannot be read by the device while the program goes on, so
** copies pass through pinned buffers in turns. To the device: returns when the bytes are in a buffer, and the transfer
** overlaps what the host does next. To the host: waits, for the host is about to read. */
#include "device/state.h"

#include <string.h>

#define STAGE ((int64_t)4 << 20)

/* A buffer that no transfer uses any more. */
static int next_stage(lun_context *c, lun_cuda_state *s, lun_cuda_stage **out) {
  lun_cuda_stage *g = &s->stage[s->turn++ % LUN_STAGES];
  if (!g->p) {
    LUN_TRY(lun_cuda_check(c, cudaHostAlloc((void **)&g->p, (size_t)STAGE, cudaHostAllocDefault), "pinning memory"));
    int st = lun_cuda_check(c, cudaEventCreateWithFlags(&g->done, cudaEventDisableTiming), "making an event");
    if (st) {
      cudaError_t e = cudaFreeHost(g->p);
      g->p = NULL;
      g->done = NULL;
      return e ? lun_cuda_check(c, e, "freeing pinned memory") : st;
    }
  }
  *out = g;
  return lun_cuda_check(c, cudaEventSynchronize(g->done), "waiting for a copy");
}

int lun_cuda_upload(lun_context *c, lun_cuda_state *s, cudaStream_t stream, void *to, const void *from, int64_t bytes) {
  char *dst = to;
  const char *src = from;
  for (int64_t at = 0; at < bytes; at += STAGE) {
    int64_t n = bytes - at < STAGE ? bytes - at : STAGE;
    lun_cuda_stage *g = NULL;
    LUN_TRY(next_stage(c, s, &g));
    memcpy(g->p, src + at, (size_t)n);
    LUN_TRY(lun_cuda_check(c, cudaMemcpyAsync(dst + at, g->p, (size_t)n, cudaMemcpyHostToDevice, stream),
                           "copying to the device"));
    LUN_TRY(lun_cuda_check(c, cudaEventRecord(g->done, stream), "recording an event"));
  }
  return LUN_OK;
}

/* Part k is on its way while part k - 1 is copied out of its buffer. */
static int to_host(lun_context *c, lun_cuda_state *s, char *dst, const char *src, int64_t bytes) {
  lun_cuda_stage *before = NULL;
  for (int64_t at = 0; at < bytes + STAGE; at += STAGE) {
    lun_cuda_stage *now = NULL;
    if (at < bytes) {
      int64_t n = bytes - at < STAGE ? bytes - at : STAGE;
      LUN_TRY(next_stage(c, s, &now));
      LUN_TRY(lun_cuda_check(c, cudaMemcpyAsync(now->p, src + at, (size_t)n, cudaMemcpyDeviceToHost, s->stream),
                             "copying to the host"));
      LUN_TRY(lun_cuda_check(c, cudaEventRecord(now->done, s->stream), "recording an event"));
    }
    if (before) {
      int64_t from = at - STAGE, n = bytes - from < STAGE ? bytes - from : STAGE;
      LUN_TRY(lun_cuda_check(c, cudaEventSynchronize(before->done), "waiting for a copy"));
      memcpy(dst + from, before->p, (size_t)n);
    }
    before = now;
  }
  return LUN_OK;
}

int lun_cuda_copy_bytes(lun_context *c, void *dst, lun_device to, const void *src, lun_device from, int64_t bytes) {
  lun_cuda_state *s = lun_cuda_of(c);
  if (bytes <= 0) return LUN_OK;
  if (to == LUN_CUDA && from == LUN_CUDA)
    return lun_cuda_check(c, cudaMemcpyAsync(dst, src, (size_t)bytes, cudaMemcpyDeviceToDevice, lun_cuda_stream(c)),
                          "copying on the device");
  /* The host fills and reads the buffers now, not when a graph runs. */
  LUN_TRY(lun_cuda_pause(c, to == LUN_CUDA ? "a copy to the device" : "a copy to the host"));
  return to == LUN_CUDA ? lun_cuda_upload(c, s, s->stream, dst, src, bytes) : to_host(c, s, dst, src, bytes);
}

cudaError_t lun_cuda_copy_close(lun_cuda_state *s) {
  cudaError_t first = cudaSuccess;
  for (int i = 0; i < LUN_STAGES; i++) {
    if (!s->stage[i].p) continue;
    cudaError_t e = cudaEventDestroy(s->stage[i].done), f = cudaFreeHost(s->stage[i].p);
    if (!first) first = e ? e : f;
    s->stage[i].p = NULL;
  }
  return first;
}
