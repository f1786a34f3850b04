/* send.c: bytes of the host that arrive while kernels run: they travel on a stream of their own, into blocks that are kept for
** the next ones of their size. A block that a step has just freed is in use until that step is done, so a transfer waits for
** what was asked for before the block was freed, and for nothing after it: with two batches' blocks in turns the one travels
** while the other is worked on. */
#include "device/state.h"

#include <stdio.h>
#include <stdlib.h>

struct lun_cuda_sent {
  lun_cuda_sent *next;
  void *p;
  int64_t bytes;
  bool used;         /* by a tensor */
  bool arrived;      /* the kernels' stream waits for the bytes already */
  cudaEvent_t idle;  /* on the kernels' stream: nothing uses the block any more */
  cudaEvent_t there; /* on the copies' stream: its bytes are there */
};

/* The smallest block nobody uses that holds `bytes`, and not far more. */
static lun_cuda_sent *fitting(lun_cuda_state *s, int64_t bytes) {
  lun_cuda_sent *best = NULL;
  for (lun_cuda_sent *b = s->sent; b; b = b->next)
    if (!b->used && b->bytes >= bytes && b->bytes / 2 <= bytes && (!best || b->bytes < best->bytes)) best = b;
  return best;
}

static lun_cuda_sent *of(lun_cuda_state *s, const void *p) {
  lun_cuda_sent *b = s->sent;
  while (b && (b->p != p || !b->used)) b = b->next;
  return b;
}

static cudaError_t drop(lun_cuda_state *s, lun_cuda_sent *b) {
  cudaError_t first = b->idle ? cudaEventDestroy(b->idle) : cudaSuccess;
  cudaError_t e = b->there ? cudaEventDestroy(b->there) : cudaSuccess;
  lun_pool_free(s->pool, b->p);
  free(b);
  return first ? first : e;
}

static int make(lun_context *c, lun_cuda_state *s, int64_t bytes, lun_cuda_sent **out) {
  lun_cuda_send_flush(s); /* what is kept is of other sizes */
  lun_cuda_sent *b = calloc(1, sizeof *b);
  if (!b) return lun_fail(c, LUN_EMEM, "out of memory: the state of a copy");
  b->bytes = bytes;
  int st = lun_cuda_alloc(c, bytes, &b->p);
  if (!st) st = lun_cuda_check(c, cudaEventCreateWithFlags(&b->idle, cudaEventDisableTiming), "making an event");
  if (!st) st = lun_cuda_check(c, cudaEventCreateWithFlags(&b->there, cudaEventDisableTiming), "making an event");
  /* Kernels under way may still use what is now the block. */
  if (!st) st = lun_cuda_check(c, cudaEventRecord(b->idle, s->stream), "recording an event");
  if (st) {
    cudaError_t e = drop(s, b);
    return e ? lun_cuda_check(c, e, "dropping a copy's events") : st;
  }
  b->next = s->sent;
  s->sent = b;
  *out = b;
  return LUN_OK;
}

static int fill(lun_context *c, lun_cuda_state *s, lun_cuda_sent *b, const void *src, int64_t bytes) {
  LUN_TRY(lun_cuda_check(c, cudaStreamWaitEvent(s->copies, b->idle, 0), "waiting for a block"));
  LUN_TRY(lun_cuda_upload(c, s, s->copies, b->p, src, bytes));
  return lun_cuda_check(c, cudaEventRecord(b->there, s->copies), "recording an event");
}

int lun_cuda_send(lun_context *c, const void *src, int64_t bytes, void **out) {
  lun_cuda_state *s = lun_cuda_of(c);
  LUN_TRY(lun_cuda_pause(c, "a copy to the device")); /* the device is to have work while the host waits for buffers */
  if (!s->copies)
    LUN_TRY(lun_cuda_check(c, cudaStreamCreateWithFlags(&s->copies, cudaStreamNonBlocking), "making a stream"));
  lun_cuda_sent *b = fitting(s, bytes);
  if (!b) LUN_TRY(make(c, s, bytes, &b));
  int st = fill(c, s, b, src, bytes);
  if (st) { /* parts may be on their way into a block that is free again */
    cudaError_t e = cudaStreamSynchronize(s->copies);
    return e ? lun_cuda_check(c, e, "waiting for a copy") : st;
  }
  b->used = true;
  b->arrived = false;
  *out = b->p;
  return LUN_OK;
}

/* All that was sent is waited for at once, so that a batch of many views costs a recording one pause. */
int lun_cuda_arrive(lun_context *c, const void *block) {
  lun_cuda_state *s = lun_cuda_of(c);
  lun_cuda_sent *asked = of(s, block);
  if (!asked || asked->arrived) return LUN_OK;
  /* What waits is a stream; a recording cannot wait for what lies outside it. */
  LUN_TRY(lun_cuda_pause(c, "bytes that were sent"));
  for (lun_cuda_sent *b = s->sent; b; b = b->next) {
    if (!b->used || b->arrived) continue;
    LUN_TRY(lun_cuda_check(c, cudaStreamWaitEvent(s->stream, b->there, 0), "waiting for bytes that were sent"));
    b->arrived = true;
  }
  return LUN_OK;
}

/* Nobody can be told of a failure: where the order cannot be had of the streams, they are waited for. */
bool lun_cuda_send_free(lun_context *c, void *p) {
  lun_cuda_state *s = lun_cuda_of(c);
  lun_cuda_sent *b = of(s, p);
  if (!b) return false;
  lun_cuda_graph_drain(c, s->graph, "a copy's memory is free");
  cudaError_t e = b->arrived ? cudaSuccess : cudaStreamWaitEvent(s->stream, b->there, 0);
  if (!e) e = cudaEventRecord(b->idle, s->stream);
  if (e) {
    cudaError_t taken = cudaGetLastError(); /* no later call is to report it */
    (void)taken;
    cudaError_t sent = cudaStreamSynchronize(s->copies), run = cudaStreamSynchronize(s->stream);
    if (sent || run)
      fprintf(stderr, "lunette: cuda: freeing what was sent: %s\n", cudaGetErrorString(sent ? sent : run));
  }
  b->used = false;
  if (s->exact) lun_cuda_send_flush(s);
  return true;
}

int64_t lun_cuda_send_cached(const lun_cuda_state *s) {
  int64_t bytes = 0;
  for (const lun_cuda_sent *b = s->sent; b; b = b->next) bytes += b->used ? 0 : b->bytes;
  return bytes;
}

/* The pool gives memory out in the order of the kernels' stream, which waited for the block's bytes before it was freed. */
bool lun_cuda_send_flush(lun_cuda_state *s) {
  bool any = false;
  for (lun_cuda_sent **link = &s->sent; *link;) {
    lun_cuda_sent *b = *link;
    if (b->used) {
      link = &b->next;
      continue;
    }
    *link = b->next;
    any = true;
    cudaError_t e = drop(s, b);
    if (e) fprintf(stderr, "lunette: cuda: dropping a copy's events: %s\n", cudaGetErrorString(e));
  }
  return any;
}

cudaError_t lun_cuda_send_close(lun_cuda_state *s) {
  cudaError_t first = s->copies ? cudaStreamSynchronize(s->copies) : cudaSuccess;
  while (s->sent) {
    lun_cuda_sent *b = s->sent;
    s->sent = b->next;
    cudaError_t e = drop(s, b);
    if (!first) first = e;
  }
  cudaError_t e = s->copies ? cudaStreamDestroy(s->copies) : cudaSuccess;
  s->copies = NULL;
  return first ? first : e;
}
