/* soft_targets.h: the cross entropy of a row of k logits s with given probabilities p, by the threads of a block. Rows
** are read twice, the second time from the caches: 256 KB at DINO's 65,536 columns. */
#ifndef LUN_CUDA_SOFT_TARGETS_H
#define LUN_CUDA_SOFT_TARGETS_H

#include "real.h"
#include "reduce.h"

/* The largest of f(j), j < k. */
template <class T, class F> static __device__ T lun_row_top(int64_t k, double *shared, F f) {
  T top = lun_lowest<T>();
  for (int64_t j = threadIdx.x; j < k; j += blockDim.x) {
    T x = f(j);
    top = x > top || x != x ? x : top; /* NaN stays */
  }
  return lun_block_reduce<lun_max>(top, lun_lowest<T>(), reinterpret_cast<T *>(shared));
}

/* The sum of f(j), j < k. */
template <class F> static __device__ double lun_row_sum(int64_t k, double *shared, F f) {
  double sum = 0;
  for (int64_t j = threadIdx.x; j < k; j += blockDim.x) sum += (double)f(j);
  return lun_block_reduce<lun_sum>(sum, 0.0, shared);
}

#endif
