/* resample.cu: bootstrap resamples of n samples, drawn by counter as on the host. A block per resample; bound by the
** second-level cache, from which n numbers are read in any order, and by Philox's ten rounds for four of them. */
#include "core/rng.h"
#include "kernels.h"
#include "number.h"
#include "reduce.h"

template <class R> static __global__ void means(const R *x, int64_t n, int64_t draws, lun_stream stream, double *out) {
  LUN_SHARED(double, shared); /* 32 */
  for (int64_t d = blockIdx.x; d < draws; d += gridDim.x) {
    double sum = 0;
    for (int64_t b = threadIdx.x; 4 * b < n; b += blockDim.x) {
      lun_draw4 u = lun_philox(stream, (uint32_t)b, (uint32_t)d, 0, 0);
      for (int k = 0; k < 4 && 4 * b + k < n; k++) sum += (double)x[lun_below(u.v[k], (uint32_t)n)];
    }
    sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
    if (threadIdx.x == 0) out[d] = sum / (double)n;
  }
}

int lun_cuda_bootstrap_mean(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], draws = c->arg[1].i;
  lun_stream stream = lun_stream_make((uint64_t)c->arg[2].i, "bootstrap");
  unsigned blocks = lun_cuda_grid(draws);
  double *out = lun_elements<double>(c->out[0]);
  if (x->dtype == LUN_F64)
    return LUN_LAUNCH(c, (means<double>), blocks, LUN_CUDA_THREADS, 32 * sizeof(double), lun_elements<double>(x), n,
                      draws, stream, out);
  return LUN_LAUNCH(c, (means<float>), blocks, LUN_CUDA_THREADS, 32 * sizeof(double), lun_elements<float>(x), n, draws,
                    stream, out);
}
