/* ssl_queue.c: the ring buffer of past batches that MoCo compares with and SwAV assigns together with the batch. */
#include "core/op.h"

#include <string.h>

static int enqueue_shape(lun_call *c) {
  const lun_tensor *queue = c->arg[0].t, *rows = c->arg[1].t;
  LUN_TRY(lun_need_float(c, 0));
  LUN_TRY(lun_need_ndim(c, 0, 2));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(lun_need_ndim(c, 1, 2));
  int64_t k = queue->shape[0], n = rows->shape[0], at = c->arg[2].i;
  if (rows->shape[1] != queue->shape[1])
    return lun_bad(c, LUN_ESHAPE, "rows must have as many columns as queue, %lld, got %lld", (long long)queue->shape[1],
                   (long long)rows->shape[1]);
  if (n > k)
    return lun_bad(c, LUN_ESHAPE, "the queue holds %lld rows, %lld do not fit: take a longer queue or a smaller batch",
                   (long long)k, (long long)n);
  if (n > 0 && (at < 1 || at > k))
    return lun_bad(c, LUN_EARG, "at must lie in 1..%lld, got %lld%s", (long long)k, (long long)at,
                   at == 0 ? " (positions count from 1)" : "");
  if (rows->storage == queue->storage)
    return lun_bad(c, LUN_EARG, "rows must not share memory with queue; use :clone()");
  return LUN_OK;
}

static int enqueue_cpu(lun_call *c) {
  const lun_tensor *queue = c->arg[0].t, *rows = c->arg[1].t;
  int64_t k = queue->shape[0], n = rows->shape[0], from = c->arg[2].i - 1;
  int64_t row = queue->shape[1] * lun_dtype_size(queue->dtype), until_end = n < k - from ? n : k - from;
  char *to = lun_data(queue);
  const char *source = lun_data(rows);
  if (n == 0 || row == 0) return LUN_OK;
  memcpy(to + from * row, source, (size_t)(until_end * row));
  memcpy(to, source + until_end * row, (size_t)((n - until_end) * row));
  return LUN_OK;
}

static const char *const enqueue_samples[] = {
    "queue=normal[5,3] rows=normal[2,3] at=1", "queue=normal[5,3] rows=normal[4,3] at=4",
    "queue=normal[1,2] rows=normal[1,2] at=1", "queue=normal[5,3] rows=normal[0,3] at=1", NULL};
const lun_op LUN_ROW(enqueue) = {
    .name = "enqueue",
    .args = "queue:tensor! rows:constant at:int",
    .doc =
        "Writes rows (n,d) over the rows of queue (K,d) from position at (1..K) on, in place, going on at 1 behind K: "
        "a ring buffer.\n"
        "n is at most K and need not divide it; the next batch goes to (at - 1 + n) % K + 1. Floating dtypes, both "
        "alike.\n"
        "The dictionary of MoCo (He et al. 2020, section 3.1) and the queue of SwAV (Caron et al. 2020, section 4).",
    .shape = enqueue_shape,
    .cpu = enqueue_cpu,
    .no_grad = "it updates in place",
    .samples = enqueue_samples,
};
