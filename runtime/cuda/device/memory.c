/* memory.c: device memory for tensors: the pool of pool.h over cudaMalloc. Blocks are freed in stream order, so a
** kernel that still runs keeps what it was launched with. With LUNETTE_CUDA_POOL=0 in the environment every block is
** cudaMalloc's own, so that a memory checker sees what leaves it. */
#include "device/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool get(void *self, int64_t bytes, void **out) {
  cudaError_t e = cudaMalloc(out, (size_t)(bytes ? bytes : 1));
  if (!e) return true;
  ((lun_cuda_state *)self)->refusal = e;
  cudaError_t taken = cudaGetLastError(); /* the refusal is answered here, no later call is to report it */
  (void)taken;
  return false;
}

/* cudaFree waits for the device, and every error of an earlier kernel comes out of it; the next launch or wait, whose
** status somebody reads, gives the same one. */
static void put(void *self, void *p, int64_t bytes) {
  (void)self;
  (void)bytes;
  cudaError_t e = cudaFree(p);
  if (e) fprintf(stderr, "lunette: cuda: freeing memory: %s\n", cudaGetErrorString(e));
}

/* Before memory goes back: what a recording uses is launched, and has run. */
static void drain(void *self) {
  lun_cuda_state *s = self;
  lun_cuda_graph_drain(s->c, s->graph, "memory is given back");
  cudaError_t e = cudaStreamSynchronize(s->stream);
  if (e) fprintf(stderr, "lunette: cuda: before freeing memory: %s\n", cudaGetErrorString(e));
}

int lun_cuda_memory_open(lun_context *c, lun_cuda_state *s) {
  const char *said = getenv("LUNETTE_CUDA_POOL");
  s->exact = said && !strcmp(said, "0");
  s->pool = lun_pool_open((lun_pool_source){.self = s, .get = get, .put = put, .drain = drain, .exact = s->exact});
  return s->pool ? LUN_OK : lun_fail(c, LUN_EMEM, "out of memory: the state of device memory");
}

int lun_cuda_alloc(lun_context *c, int64_t bytes, void **out) {
  lun_cuda_state *s = lun_cuda_of(c);
  *out = lun_pool_alloc(s->pool, bytes);
  if (!*out && lun_cuda_send_flush(s)) *out = lun_pool_alloc(s->pool, bytes);
  if (*out) return LUN_OK;
  /* A broken device refuses too, with the error of the kernel that broke it. */
  if (s->refusal != cudaErrorMemoryAllocation) LUN_TRY(lun_cuda_check(c, s->refusal, "asking for memory"));
  lun_pool_state p = lun_pool_read(s->pool);
  size_t free_bytes = 0, total = 0;
  if (cudaMemGetInfo(&free_bytes, &total)) free_bytes = total = 0;
  return lun_fail(c, LUN_EMEM,
                  "out of memory on cuda: %lld bytes wanted; tensors hold %lld, the largest free piece has %lld, the "
                  "device has %lld left of %lld",
                  (long long)bytes, (long long)p.used, (long long)p.largest_free, (long long)free_bytes,
                  (long long)total);
}

void lun_cuda_free(lun_context *c, void *p, int64_t bytes) {
  (void)bytes;
  if (!lun_cuda_send_free(c, p)) lun_pool_free(lun_cuda_of(c)->pool, p);
}

int64_t lun_cuda_cached(const lun_context *c) {
  const lun_cuda_state *s = lun_cuda_of(c);
  lun_pool_state p = lun_pool_read(s->pool);
  return p.held - p.used + lun_cuda_send_cached(s);
}

void lun_cuda_flush(lun_context *c) {
  lun_cuda_state *s = lun_cuda_of(c);
  lun_cuda_send_flush(s);
  lun_pool_flush(s->pool);
}
