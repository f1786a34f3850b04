/* ssl_queue.cu: rows written over those of a ring buffer; see ops/ssl_queue.c. Bound by memory: every byte of `rows` is
** read and written once. */
#include "kernels.h"
#include "number.h"

/* Words of 2, 4 or 8 bytes; the queue has `size` of them. */
template <class W>
static __global__ void enqueue_words(W *queue, const W *rows, int64_t n, int64_t from, int64_t size) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (int64_t)gridDim.x * blockDim.x)
    queue[from + i < size ? from + i : from + i - size] = rows[i];
}

template <class W> static int enqueue_as(lun_call *c, int64_t n) {
  const lun_tensor *queue = c->arg[0].t;
  return LUN_LAUNCH(c, (enqueue_words<W>), lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, lun_elements<W>(queue),
                    lun_elements<W>(c->arg[1].t), n, (c->arg[2].i - 1) * queue->shape[1], lun_numel(queue));
}

int lun_cuda_enqueue(lun_call *c) {
  int64_t n = lun_numel(c->arg[1].t);
  if (!n) return LUN_OK;
  switch (lun_dtype_size(c->arg[0].t->dtype)) {
  case 2: return enqueue_as<uint16_t>(c, n);
  case 4: return enqueue_as<uint32_t>(c, n);
  default: return enqueue_as<uint64_t>(c, n);
  }
}
