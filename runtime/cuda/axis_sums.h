/* axis_sums.h: sums over any axes of a tensor with any strides, for the kernels of several families. Bound by memory: each
** element is read once. Eight elements are added in their own precision, the rest in double; the order is fixed.
**   rows     a warp or a block goes along the reduced axes of one output: those that lie in runs are reduced
**   columns  32 outputs side by side and 8 lanes down: those that lie in runs are kept
** Where there are few outputs, several blocks share one, and a second kernel adds what they found, in order. */
#ifndef LUN_CUDA_AXIS_SUMS_H
#define LUN_CUDA_AXIS_SUMS_H

#include "axes.h"
#include "number.h"
#include "reduce.h"
#include "scratch.h"

/* outs outputs of n elements each; offsets in the tensor are those of `kept` and `reduced` (from), added. */
struct lun_sums {
  int64_t outs, n;
  lun_axes kept, reduced;
};

/* mask: bit i where axis i is reduced. The outputs are in row-major order of the axes that stay. */
static inline lun_sums lun_sums_over(const lun_tensor *x, unsigned mask) {
  lun_sums s;
  s.outs = s.n = 1;
  s.kept = lun_axes_none();
  s.reduced = lun_axes_none();
  int64_t next = 1;
  for (int i = x->ndim - 1; i >= 0; i--) {
    if (mask >> i & 1)
      s.n *= x->shape[i];
    else
      s.outs *= x->shape[i];
  }
  for (int i = 0; i < x->ndim; i++)
    if (mask >> i & 1) lun_axes_add(&s.reduced, x->shape[i], x->stride[i], x->stride[i], true);
  for (int i = x->ndim - 1; i >= 0; i--)
    if (!(mask >> i & 1)) {
      lun_axes_add(&s.kept, x->shape[i], next, x->stride[i], true);
      next *= x->shape[i];
    }
  if (s.outs && s.n) {
    lun_axes_join(&s.kept);
    lun_axes_join(&s.reduced);
  }
  return s;
}

/* A matrix (rows, cols), dense: the sum of each column. */
static inline lun_sums lun_sums_of_columns(int64_t rows, int64_t cols) {
  lun_sums s;
  s.outs = cols;
  s.n = rows;
  s.kept = lun_axes_none();
  s.reduced = lun_axes_none();
  lun_axes_add(&s.kept, cols, 1, 1, false);
  lun_axes_add(&s.reduced, rows, cols, cols, false);
  if (rows && cols) {
    lun_axes_join(&s.kept);
    lun_axes_join(&s.reduced);
  }
  return s;
}

static __device__ inline int64_t lun_from(const lun_axes &a, int64_t i) {
  int64_t to, from;
  if (a.n == 1) return i * a.from[0];
  lun_axes_at(a, i, &to, &from);
  return from;
}

/* Sum of elements start, start + step, ... below end of one output. */
template <class T>
static __device__ double lun_sum_along(const T *x, const lun_axes &reduced, int64_t start, int64_t step, int64_t end) {
  typedef typename number<T>::real R;
  double total = 0;
  int64_t i = start;
  for (; i + 7 * step < end; i += 8 * step) {
    R v[8];
    LUN_UNROLL
    for (int k = 0; k < 8; k++) v[k] = number<T>::get(x[lun_from(reduced, i + k * step)]);
    total += (double)(((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7])));
  }
  R rest = 0;
  for (; i < end; i += step) rest += number<T>::get(x[lun_from(reduced, i)]);
  return total + (double)rest;
}

static __device__ inline void lun_sum_store(double *y, double v) { *y = v; }
static __device__ inline void lun_sum_store(float *y, double v) { *y = (float)v; }
static __device__ inline void lun_sum_store(bf16 *y, double v) { *y = number<bf16>::put((float)v); }

/* y[part * outs + o]; LANES threads an output, 32 or the block. */
template <int LANES, class T, class Y>
static __global__ void lun_sum_rows(const T *x, Y *y, lun_sums s, int64_t part, double scale) {
  LUN_SHARED(double, shared);
  int lane = (int)threadIdx.x % LANES;
  int64_t groups = (int64_t)gridDim.x * (blockDim.x / LANES), from = blockIdx.y * part, end = from + part;
  if (end > s.n) end = s.n;
  for (int64_t o = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / LANES; o < s.outs; o += groups) {
    double v = lun_sum_along(x + lun_from(s.kept, o), s.reduced, from + lane, LANES, end);
    v = LANES == 32 ? lun_warp_reduce<lun_sum>(v) : lun_block_reduce<lun_sum>(v, 0.0, shared);
    if (lane == 0) lun_sum_store(y + blockIdx.y * s.outs + o, v * scale);
  }
}

enum { LUN_SUM_DOWN = 8 };

template <class T, class Y>
static __global__ void lun_sum_columns(const T *x, Y *y, lun_sums s, int64_t part, double scale) {
  LUN_SHARED(double, shared); /* LUN_SUM_DOWN rows of 33 */
  int64_t from = blockIdx.y * part, end = from + part;
  if (end > s.n) end = s.n;
  for (int64_t at = (int64_t)blockIdx.x * 32; at < s.outs; at += (int64_t)gridDim.x * 32) {
    int64_t o = at + threadIdx.x;
    double v = 0;
    if (o < s.outs) v = lun_sum_along(x + lun_from(s.kept, o), s.reduced, from + threadIdx.y, LUN_SUM_DOWN, end);
    shared[threadIdx.y * 33 + threadIdx.x] = v;
    __syncthreads();
    if (threadIdx.y == 0 && o < s.outs) {
      for (int k = 1; k < LUN_SUM_DOWN; k++) v += shared[k * 33 + threadIdx.x];
      lun_sum_store(y + blockIdx.y * s.outs + o, v * scale);
    }
    __syncthreads(); /* before the next outputs' sums are written */
  }
}

template <class Y> static __global__ void lun_sum_parts(const double *p, Y *y, int64_t outs, int parts, double scale) {
  LUN_EACH(o, outs) {
    double v = 0;
    for (int k = 0; k < parts; k++) v += p[k * outs + o];
    lun_sum_store(y + o, v * scale);
  }
}

template <class T, class Y>
static int lun_sum_into(lun_call *c, const T *x, Y *y, const lun_sums &s, int64_t part, int64_t parts, double scale) {
  int64_t last_kept = s.kept.n ? s.kept.from[s.kept.n - 1] : 0,
          last = s.reduced.n ? s.reduced.from[s.reduced.n - 1] : 1;
  bool columns = s.outs > 1 && s.n > 1 && last_kept < last && last_kept > 0;
  int64_t rows_of_block = s.n <= 1024 ? LUN_CUDA_THREADS / 32 : 1, step = columns ? 32 : rows_of_block;
  int64_t blocks = (s.outs + step - 1) / step;
  dim3 grid(lun_cuda_grid(blocks), (unsigned)parts);
  if (columns)
    return LUN_LAUNCH(c, (lun_sum_columns<T, Y>), grid, dim3(32, LUN_SUM_DOWN), LUN_SUM_DOWN * 33 * sizeof(double), x,
                      y, s, part, scale);
  if (s.n <= 1024) return LUN_LAUNCH(c, (lun_sum_rows<32, T, Y>), grid, LUN_CUDA_THREADS, 0, x, y, s, part, scale);
  return LUN_LAUNCH(c, (lun_sum_rows<LUN_CUDA_THREADS, T, Y>), grid, LUN_CUDA_THREADS, 32 * sizeof(double), x, y, s,
                    part, scale);
}

/* y[o] = scale * sum of output o. Enough blocks for a large device where there is enough to add. */
template <class T, class Y> static int lun_sum_run(lun_call *c, const T *x, Y *y, const lun_sums &s, double scale) {
  enum { LEAST = 2048, BLOCKS = 1024 }; /* elements a part, blocks that keep a device busy */
  if (!s.outs) return LUN_OK;
  int64_t parts = s.n / LEAST, most = BLOCKS * 32 / s.outs;
  if (parts > most) parts = most;
  if (parts > 512) parts = 512;
  if (parts <= 1) return lun_sum_into(c, x, y, s, s.n, 1, scale);
  int64_t part = (s.n + parts - 1) / parts;
  lun_tensor *found = NULL;
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, parts * s.outs, &found));
  int st = lun_sum_into(c, x, lun_elements<double>(found), s, part, parts, 1.0);
  if (!st)
    st = LUN_LAUNCH(c, (lun_sum_parts<Y>), lun_cuda_blocks(s.outs), LUN_CUDA_THREADS, 0, lun_elements<double>(found), y,
                    s.outs, (int)parts, scale);
  lun_release(found);
  return st;
}

#endif
