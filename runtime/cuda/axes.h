/* axes.h: the axes of two tensors of one shape, walked together. Axes of size 1 fall away and axes that lie behind each
** other in both tensors become one, so that a dense pair has a single axis, whatever its shape. */
#ifndef LUN_CUDA_AXES_H
#define LUN_CUDA_AXES_H

#include "launch.h"

#define LUN_EACH(i, n)                                                                                                 \
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += (int64_t)gridDim.x * blockDim.x)

struct lun_axes {
  int n;
  bool small; /* fewer than 2^31 elements: 32-bit divisions find them */
  int64_t size[LUN_MAX_DIMS], to[LUN_MAX_DIMS], from[LUN_MAX_DIMS];
};

static inline lun_axes lun_axes_none(void) {
  lun_axes a;
  a.n = 0;
  a.small = true;
  return a;
}

/* Adds an axis in front of those with a smaller stride in `to` (sorted) or behind all. */
static inline void lun_axes_add(lun_axes *a, int64_t size, int64_t to, int64_t from, bool sorted) {
  if (size == 1) return;
  int k = a->n++;
  for (; sorted && k > 0 && a->to[k - 1] < to; k--)
    a->size[k] = a->size[k - 1], a->to[k] = a->to[k - 1], a->from[k] = a->from[k - 1];
  a->size[k] = size, a->to[k] = to, a->from[k] = from;
}

/* Joins what can be joined. No axis may be empty. */
static inline void lun_axes_join(lun_axes *a) {
  int m = 0;
  int64_t n = 1;
  for (int k = 0; k < a->n; k++) n *= a->size[k];
  for (int k = 1; k < a->n; k++) {
    bool join = a->to[m] == a->to[k] * a->size[k] && a->from[m] == a->from[k] * a->size[k];
    if (join)
      a->size[m] *= a->size[k];
    else
      a->size[++m] = a->size[k];
    a->to[m] = a->to[k], a->from[m] = a->from[k];
  }
  if (a->n)
    a->n = m + 1;
  else
    a->n = 1, a->size[0] = a->to[0] = a->from[0] = 1;
  a->small = n < ((int64_t)1 << 31);
}

/* Offsets of element i, counted in the order of the axes. */
static __device__ inline void lun_axes_at(const lun_axes &a, int64_t i, int64_t *to, int64_t *from) {
  *to = *from = 0;
  for (int d = a.n - 1; d > 0; d--) {
    int64_t next = a.small ? (int64_t)((uint32_t)i / (uint32_t)a.size[d]) : i / a.size[d], here = i - next * a.size[d];
    *to += here * a.to[d];
    *from += here * a.from[d];
    i = next;
  }
  *to += i * a.to[0];
  *from += i * a.from[0];
}

#endif
