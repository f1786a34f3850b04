/* reduce.h: sums and maxima over the threads of a warp and of a block, always in the same order: the same bits twice.
** All threads of the block must call a block's function; `shared` has room for one value per warp. */
#ifndef LUN_CUDA_REDUCE_H
#define LUN_CUDA_REDUCE_H

#include "launch.h"

struct lun_sum {
  template <class R> static __device__ R of(R a, R b) { return a + b; }
};
struct lun_max {
  template <class R> static __device__ R of(R a, R b) { return a > b || a != a ? a : b; } /* NaN stays */
};
struct lun_min {
  template <class R> static __device__ R of(R a, R b) { return a < b || a != a ? a : b; }
};

/* Every lane of a full warp gets the result. */
template <class F, class R> static __device__ R lun_warp_reduce(R v) {
  for (int by = 16; by; by /= 2) v = F::of(v, __shfl_xor_sync(0xffffffffu, v, by));
  return v;
}

/* Every thread gets the result. The block is one-dimensional and a whole number of warps. `nothing`: the neutral
 * element. */
template <class F, class R> static __device__ R lun_block_reduce(R v, R nothing, R *shared) {
  int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32, warps = (int)blockDim.x / 32;
  v = lun_warp_reduce<F>(v);
  __syncthreads(); /* the values of an earlier call have been read */
  if (lane == 0) shared[warp] = v;
  __syncthreads();
  return lun_warp_reduce<F>(lane < warps ? shared[lane] : nothing);
}

#endif
