/* alloc.c: the one place memory comes from. Counts bytes per device, keeps a limit, and can fail the nth allocation so
** that tests walk every failure path.
*/
#include "core.h"

#include <stdlib.h>
#include <string.h>

static bool must_fail(lun_context *c) {
  int64_t left = atomic_load(&c->fail_in);
  if (left < 0) return false;
  if (left == 0) return true;
  return atomic_fetch_sub(&c->fail_in, 1) <= 0;
}

void *luni_alloc(lun_context *c, int64_t bytes) {
  void *p = must_fail(c) ? NULL : calloc(1, (size_t)(bytes > 0 ? bytes : 1));
  if (!p) {
    lun_fail(c, LUN_EMEM, "out of memory: %lld bytes for the core", (long long)bytes);
    return NULL;
  }
  atomic_fetch_add(&c->core_bytes, bytes);
  atomic_fetch_add(&c->core_blocks, 1);
  return p;
}

void luni_free(lun_context *c, void *p, int64_t bytes) {
  if (!p) return;
  free(p);
  atomic_fetch_sub(&c->core_bytes, bytes);
  atomic_fetch_sub(&c->core_blocks, 1);
}

/* Under AddressSanitizer every block is the system allocator's own, so that its checks see reuse after free. */
static bool uses_blocks(int64_t bytes) {
#ifdef __SANITIZE_ADDRESS__
  (void)bytes;
  return false;
#else
  return bytes >= LUNI_BLOCK_MIN;
#endif
}

/* sent: NULL, or bytes of the host for a block of a device that can be sent. */
static int raw_alloc(lun_context *c, lun_device d, int64_t bytes, const void *sent, void **out) {
  if (d != LUN_CPU) LUN_TRY(lun_device_need(c, d));
  int64_t live = atomic_load(&c->live[d]);
  if (c->limit[d] && bytes > c->limit[d] - live)
    return lun_fail(c, LUN_EMEM, "out of memory on %s: %lld bytes wanted, %lld in use, limit %lld", lun_device_name(d),
                    (long long)bytes, (long long)live, (long long)c->limit[d]);
  if (must_fail(c))
    return lun_fail(c, LUN_EMEM, "out of memory: a test failed this allocation of %lld bytes", (long long)bytes);
  if (sent) {
    LUN_TRY(c->loaded[d].backend->send(c, sent, bytes, out));
  } else if (d != LUN_CPU) {
    LUN_TRY(c->backend[d]->alloc(c, bytes, out));
  } else {
    /* A whole number of cache lines, so that vector kernels may start anywhere aligned; never zero bytes. */
    if (bytes > INT64_MAX - 64) return lun_fail(c, LUN_EMEM, "out of memory: %lld bytes", (long long)bytes);
    size_t size = ((size_t)(bytes ? bytes : 1) + 63) / 64 * 64;
    *out = uses_blocks(bytes) ? luni_block_alloc(c, bytes) : aligned_alloc(64, size);
    if (!*out)
      return lun_fail(c, LUN_EMEM, "out of memory: the system refused %lld bytes; tensors hold %lld", (long long)bytes,
                      (long long)live);
  }
  live = atomic_fetch_add(&c->live[d], bytes) + bytes;
  int64_t peak = atomic_load(&c->peak[d]);
  while (live > peak && !atomic_compare_exchange_weak(&c->peak[d], &peak, live)) {
  }
  atomic_fetch_add(&c->blocks[d], 1);
  atomic_fetch_add(&c->total[d], 1);
  return LUN_OK;
}

static void raw_free(lun_context *c, lun_device d, void *p, int64_t bytes) {
  if (d == LUN_CPU && uses_blocks(bytes))
    luni_block_free(c, p, bytes);
  else if (d == LUN_CPU)
    free(p);
  else
    c->backend[d]->free(c, p, bytes);
  atomic_fetch_sub(&c->live[d], bytes);
  atomic_fetch_sub(&c->blocks[d], 1);
}

static int storage_of(lun_context *c, lun_device d, int64_t bytes, const void *sent, lun_storage **out) {
  *out = NULL;
  lun_storage *s = luni_alloc(c, sizeof *s);
  if (!s) return LUN_EMEM;
  int st = raw_alloc(c, d, bytes, sent, &s->data);
  if (st) {
    luni_free(c, s, sizeof *s);
    return st;
  }
  s->refs = 1;
  s->ctx = c;
  s->device = d;
  s->bytes = bytes;
  s->arriving = sent != NULL;
  *out = s;
  return LUN_OK;
}

int luni_storage_new(lun_context *c, lun_device d, int64_t bytes, lun_storage **out) {
  return storage_of(c, d, bytes, NULL, out);
}

int luni_storage_sent(lun_context *c, lun_device d, const void *src, int64_t bytes, lun_storage **out) {
  return storage_of(c, d, bytes, src, out);
}

void luni_storage_release(lun_storage *s) {
  if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
  raw_free(s->ctx, s->device, s->data, s->bytes);
  luni_free(s->ctx, s, sizeof *s);
}

/* Scratch carries its size in front of the block, one cache line to keep the alignment. */
int lun_scratch(lun_call *c, int64_t bytes, void **out) {
  *out = NULL;
  if (bytes < 0 || bytes > INT64_MAX - 128)
    return lun_fail(c->ctx, LUN_EMEM, "%s: scratch of %lld bytes", c->op->name, (long long)bytes);
  void *p;
  LUN_TRY(raw_alloc(c->ctx, LUN_CPU, bytes + 64, NULL, &p));
  memcpy(p, &bytes, sizeof bytes);
  *out = (char *)p + 64;
  return LUN_OK;
}

void lun_scratch_free(lun_call *c, void *p) {
  if (!p) return;
  void *block = (char *)p - 64;
  int64_t bytes;
  memcpy(&bytes, block, sizeof bytes);
  raw_free(c->ctx, LUN_CPU, block, bytes + 64);
}

void lun_memory_read(const lun_context *c, lun_device d, lun_memory *out) {
  *out = (lun_memory){.live_bytes = atomic_load(&c->live[d]),
                      .peak_bytes = atomic_load(&c->peak[d]),
                      .live_blocks = atomic_load(&c->blocks[d]),
                      .total_blocks = atomic_load(&c->total[d]),
                      .core_bytes = atomic_load(&c->core_bytes),
                      .core_blocks = atomic_load(&c->core_blocks)};
}

void lun_memory_reset_peak(lun_context *c, lun_device d) { atomic_store(&c->peak[d], atomic_load(&c->live[d])); }
void lun_memory_limit(lun_context *c, lun_device d, int64_t bytes) { c->limit[d] = bytes; }
void lun_fail_allocation(lun_context *c, int64_t nth) { atomic_store(&c->fail_in, nth); }
