/* sums.h: sums of the rows, of the columns and of all of something, in double and in a fixed order. What is summed and
** what becomes of a sum is a functor F, passed to the device by value:
**
**   lun_columns<K, OP>(call, f, n, d, nothing)   f.of(i, j, v): K numbers of element (i, j); f.done(j, sums): of
**                                                column j
**   lun_rows(call, f, n, d)                      f.of(i, j): a number; f.done(i, sum): that of row i
**   lun_total(call, f, n)                        f.of(i): a number; f.done(sum), by one thread
**
** OP is a reduction of reduce.h and `nothing` its neutral element. An empty sum (n or d is 0) is done as well.
*/
#ifndef LUN_CUDA_SUMS_H
#define LUN_CUDA_SUMS_H

#include "reduce.h"
#include "scratch.h"

/* Threads of a block for n elements, one each or more: whole warps. */
static inline unsigned lun_few_threads(int64_t n) {
  return n >= LUN_CUDA_THREADS ? (unsigned)LUN_CUDA_THREADS : n > 32 ? (unsigned)(n + 31) / 32 * 32 : 32;
}

/* Column sums of one part of the rows. A block's warps each read 32 neighbouring columns of a row of their own. */
template <int K, class OP, class F>
static __global__ void lun_column_parts(F f, int64_t n, int64_t d, double nothing, double *part) {
  LUN_SHARED(double, shared);
  int lane = (int)threadIdx.x % 32, y = (int)threadIdx.x / 32, warps = (int)blockDim.x / 32;
  int64_t j = (int64_t)blockIdx.x * 32 + lane, p = blockIdx.y, parts = gridDim.y;
  double sum[K];
  for (int k = 0; k < K; k++) sum[k] = nothing;
  if (j < d)
    for (int64_t i = n * p / parts + y, end = n * (p + 1) / parts; i < end; i += warps) {
      double v[K];
      f.of(i, j, v);
      for (int k = 0; k < K; k++) sum[k] = OP::of(sum[k], v[k]);
    }
  for (int k = 0; k < K; k++) shared[(y * K + k) * 32 + lane] = sum[k];
  __syncthreads();
  if (y || j >= d) return;
  for (int k = 0; k < K; k++) {
    double all = sum[k];
    for (int o = 1; o < warps; o++) all = OP::of(all, shared[(o * K + k) * 32 + lane]);
    part[(p * K + k) * d + j] = all;
  }
}

template <int K, class OP, class F>
static __global__ void lun_column_totals(F f, int64_t d, int64_t parts, double nothing, const double *part) {
  for (int64_t j = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; j < d; j += (int64_t)gridDim.x * blockDim.x) {
    double sum[K];
    for (int k = 0; k < K; k++) sum[k] = nothing;
    for (int64_t p = 0; p < parts; p++)
      for (int k = 0; k < K; k++) sum[k] = OP::of(sum[k], part[(p * K + k) * d + j]);
    f.done(j, sum);
  }
}

#ifdef LUN_CUDA_SMALL /* small, so that tests see several parts */
enum { LUN_PART_ROWS = 8 };
#else
enum { LUN_PART_ROWS = 64 };
#endif

/* Enough blocks for a device of some hundred processors, and not more parts than there is work for. */
static inline int64_t lun_column_part_count(int64_t n, int64_t d) {
  int64_t wide = (d + 31) / 32, most = 2048 / wide, parts = (n + LUN_PART_ROWS - 1) / LUN_PART_ROWS;
  if (parts > most) parts = most;
  return parts > 1 ? parts : 1;
}

template <int K, class OP, class F>
static int lun_columns(lun_call *c, const F &f, int64_t n, int64_t d, double nothing) {
  if (d < 1) return LUN_OK;
  int64_t parts = lun_column_part_count(n, d);
  lun_tensor *part = NULL;
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, parts * K * d, &part));
  double *p = lun_elements<double>(part);
  dim3 blocks((unsigned)((d + 31) / 32), (unsigned)parts);
  unsigned threads = n < 8 ? 32 : n < 32 ? 64 : LUN_CUDA_THREADS;
  int st =
      LUN_LAUNCH(c, (lun_column_parts<K, OP, F>), blocks, threads, K * threads * sizeof(double), f, n, d, nothing, p);
  if (!st)
    st = LUN_LAUNCH(c, (lun_column_totals<K, OP, F>), lun_cuda_blocks(d), lun_few_threads(d), 0, f, d, parts, nothing,
                    p);
  lun_release(part);
  return st;
}

template <class F> static __global__ void LUN_WIDE lun_row_sums(F f, int64_t n, int64_t d) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    double sum = 0;
    for (int64_t j = threadIdx.x; j < d; j += blockDim.x) sum += f.of(i, j);
    sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
    if (threadIdx.x == 0) f.done(i, sum);
  }
}

/* Threads for a row of d elements: whole warps. */
static inline unsigned lun_row_threads(int64_t d) {
  return d <= 64 ? 32 : d <= 256 ? 64 : d <= 1024 ? 128 : d <= 8192 ? 256 : d <= 32768 ? 512 : 1024;
}
static inline unsigned lun_row_blocks(int64_t n) { return lun_cuda_row_grid(n); }

template <class F> static int lun_rows(lun_call *c, const F &f, int64_t n, int64_t d) {
  if (n < 1) return LUN_OK;
  return LUN_LAUNCH(c, (lun_row_sums<F>), lun_row_blocks(n), lun_row_threads(d), 32 * sizeof(double), f, n, d);
}

template <class F> static __global__ void LUN_WIDE lun_whole_sum(F f, int64_t n) {
  LUN_SHARED(double, shared);
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += f.of(i);
  sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
  if (threadIdx.x == 0) f.done(sum);
}

template <class F> static int lun_total(lun_call *c, const F &f, int64_t n) {
  return LUN_LAUNCH(c, (lun_whole_sum<F>), 1, lun_row_threads(n), 32 * sizeof(double), f, n);
}

/* *y = offset + factor times the mean of x. */
template <class X, class T> struct lun_mean_into {
  const X *x;
  T *y;
  double offset, per; /* per: factor / n */
  __device__ double of(int64_t i) const { return (double)x[i]; }
  __device__ void done(double sum) const { *y = (T)(offset + per * sum); }
};

#endif
