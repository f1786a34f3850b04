/* strided.h: where the elements of up to three arguments lie that belong to element i of an output, in the order in
** which the output's elements follow each other in memory. Arguments may be broadcast (stride 0) and have any strides.
*/
#ifndef LUN_CUDA_STRIDED_H
#define LUN_CUDA_STRIDED_H

#include "launch.h"

enum { LUN_STRIDED_ARGS = 3 };

struct strided {
  int ndim; /* 0: every argument lies as the output does, element for element */
  int64_t shape[LUN_MAX_DIMS], stride[LUN_STRIDED_ARGS][LUN_MAX_DIMS];
};

/* y: dense, row-major or channels-last. arg: broadcast to y's shape, counted from the last axis. */
static inline strided lun_strided(const lun_tensor *y, int nargs, lun_tensor *const *arg) {
  strided s;
  int order[LUN_MAX_DIMS];
  bool image = y->ndim == 4 && !lun_is_dense(y), same = true;
  for (int i = 0; i < y->ndim; i++) order[i] = i;
  if (image) order[1] = 2, order[2] = 3, order[3] = 1;
  s.ndim = y->ndim;
  for (int a = 0; a < nargs; a++) {
    int64_t next = 1;
    for (int i = y->ndim - 1; i >= 0; i--) {
      int axis = order[i] - (y->ndim - arg[a]->ndim);
      s.shape[i] = y->shape[order[i]];
      s.stride[a][i] = axis >= 0 && arg[a]->shape[axis] != 1 ? arg[a]->stride[axis] : 0;
      same = same && (s.shape[i] == 1 || s.stride[a][i] == next);
      next *= s.shape[i];
    }
  }
  if (same) s.ndim = 0;
  return s;
}

/* Offsets of element i of the output in each of the arguments. */
template <int N> static __device__ void lun_offsets(const strided &s, int64_t i, int64_t *at) {
  for (int a = 0; a < N; a++) at[a] = s.ndim ? 0 : i;
  for (int d = s.ndim - 1; d >= 0; d--) {
    int64_t next = i / s.shape[d], here = i - next * s.shape[d];
    for (int a = 0; a < N; a++) at[a] += here * s.stride[a][d];
    i = next;
  }
}

#endif
