/* reduce.cu: sums, means, maxima over axes, and their gradients. axis_sums.h says how sums go. Maxima read each element once
** as well; a row is the work of a warp or, above 1,024 elements, of a block, columns go as in axis_sums.h. */
#include "copy.h"
#include "kernels.h"
#include "axis_sums.h"

/* The axes of an `ints` argument as a mask: the shape function has checked them. */
static unsigned axes_mask(const lun_arg *a, int ndim) {
  unsigned mask = 0;
  if (!a->given || a->ints.n == 0) return (1u << ndim) - 1;
  for (int i = 0; i < a->ints.n; i++) mask |= 1u << (a->ints.v[i] < 0 ? a->ints.v[i] + ndim : a->ints.v[i] - 1);
  return mask;
}

static int sum_of(lun_call *c, bool mean) {
  const lun_tensor *x = c->arg[0].t, *y = c->out[0];
  lun_sums s = lun_sums_over(x, axes_mask(&c->arg[1], x->ndim));
  double scale = mean ? 1.0 / (double)s.n : 1.0;
  if (x->dtype == LUN_F64) return lun_sum_run(c, lun_elements<double>(x), lun_elements<double>(y), s, scale);
  return lun_sum_run(c, lun_elements<float>(x), lun_elements<float>(y), s, scale);
}

int lun_cuda_sum(lun_call *c) { return sum_of(c, false); }
int lun_cuda_mean(lun_call *c) { return sum_of(c, true); }

int lun_cuda_expand(lun_call *) { return LUN_OK; } /* the shape function made the view */

/* f16 is a storage dtype: through f32. */
static int sum_to_of_f16(lun_call *c) {
  lun_tensor *wide = NULL, *sum = NULL;
  const lun_tensor *y = c->out[0];
  int st = lun_do(c->ctx, "cast", &wide, "td", c->arg[0].t, (int)LUN_F32);
  if (!st) st = lun_do(c->ctx, "sum_to", &sum, "tn", wide, (int64_t)y->ndim, y->shape);
  if (!st) st = lun_cuda_copy(c, y, sum);
  lun_release(wide);
  lun_release(sum);
  return st;
}

int lun_cuda_sum_to(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *y = c->out[0];
  unsigned mask = 0;
  if (y->storage == x->storage) return LUN_OK;
  if (x->dtype == LUN_F16) return sum_to_of_f16(c);
  for (int i = 0; i < x->ndim; i++) {
    int k = i - (x->ndim - y->ndim);
    if (k < 0 || (y->shape[k] == 1 && x->shape[i] != 1)) mask |= 1u << i;
  }
  lun_sums s = lun_sums_over(x, mask);
  LUN_BY_FLOAT(c, x->dtype, return lun_sum_run(c, lun_elements<T>(x), lun_elements<T>(y), s, 1.0););
}

/* ---- max and argmax ---- */

template <class R> struct found {
  R v;
  int64_t at;
};

/* The larger, the first of equals; a NaN beats all but an earlier NaN. */
template <class R> static __device__ found<R> better(found<R> a, found<R> b) {
  bool na = a.v != a.v, nb = b.v != b.v;
  bool a_wins = na || nb ? na && (!nb || a.at < b.at) : a.v > b.v || (a.v == b.v && a.at < b.at);
  return a_wins ? a : b;
}

template <class R> static __device__ found<R> best_of_warp(found<R> f) {
  for (int by = 16; by; by /= 2) {
    found<R> o;
    o.v = __shfl_xor_sync(0xffffffffu, f.v, by);
    o.at = __shfl_xor_sync(0xffffffffu, f.at, by);
    f = better(f, o);
  }
  return f;
}

/* Nothing yet: any element of a row is better. */
template <class R> static __device__ found<R> none_yet(void) {
  found<R> f = {(R)-INFINITY, INT64_MAX};
  return f;
}

template <class R>
static __device__ found<R> best_along(const R *x, int64_t stride, int64_t start, int64_t step, int64_t n) {
  found<R> best = none_yet<R>();
  for (int64_t i = start; i < n; i += step) {
    found<R> f = {x[i * stride], i};
    best = better(best, f);
  }
  return best;
}

template <class R> static __device__ void keep(found<R> f, R *y, int64_t *positions, int64_t o) {
  if (y) y[o] = f.v;
  positions[o] = f.at + 1;
}

template <int LANES, class R> static __global__ void max_rows(const R *x, R *y, int64_t *positions, lun_sums s) {
  LUN_SHARED(found<R>, shared);
  int lane = (int)threadIdx.x % LANES, warp = (int)threadIdx.x / 32, warps = LANES / 32;
  int64_t groups = (int64_t)gridDim.x * (blockDim.x / LANES);
  for (int64_t o = ((int64_t)blockIdx.x * blockDim.x + threadIdx.x) / LANES; o < s.outs; o += groups) {
    found<R> f = best_of_warp(best_along(x + lun_from(s.kept, o), s.reduced.from[0], lane, LANES, s.n));
    if (LANES > 32) {
      if (threadIdx.x % 32 == 0) shared[warp] = f;
      __syncthreads();
      f = best_of_warp((int)threadIdx.x % 32 < warps ? shared[threadIdx.x % 32] : none_yet<R>());
      __syncthreads(); /* before the next row's are written */
    }
    if (lane == 0) keep(f, y, positions, o);
  }
}

template <class R> static __global__ void max_columns(const R *x, R *y, int64_t *positions, lun_sums s) {
  LUN_SHARED(found<R>, shared);
  for (int64_t at = (int64_t)blockIdx.x * 32; at < s.outs; at += (int64_t)gridDim.x * 32) {
    int64_t o = at + threadIdx.x;
    found<R> f = none_yet<R>();
    if (o < s.outs) f = best_along(x + lun_from(s.kept, o), s.reduced.from[0], threadIdx.y, LUN_SUM_DOWN, s.n);
    shared[threadIdx.y * 32 + threadIdx.x] = f;
    __syncthreads();
    if (threadIdx.y == 0 && o < s.outs) {
      for (int k = 1; k < LUN_SUM_DOWN; k++) f = better(f, shared[k * 32 + threadIdx.x]);
      keep(f, y, positions, o);
    }
    __syncthreads();
  }
}

template <class R> static int max_as(lun_call *c, lun_tensor *values, lun_tensor *positions) {
  const lun_tensor *x = c->arg[0].t;
  int axis = (int)(c->arg[1].i < 0 ? c->arg[1].i + x->ndim : c->arg[1].i);
  lun_sums s = lun_sums_over(x, 1u << axis);
  if (!s.outs) return LUN_OK;
  R *y = values ? lun_elements<R>(values) : NULL;
  int64_t *at = lun_elements<int64_t>(positions), last = s.kept.from[s.kept.n - 1], group = sizeof(found<R>);
  bool columns = s.outs > 1 && s.n > 1 && last > 0 && last < s.reduced.from[0];
  int64_t step = columns ? 32 : s.n <= 1024 ? LUN_CUDA_THREADS / 32 : 1, blocks = (s.outs + step - 1) / step;
  unsigned grid = lun_cuda_grid(blocks);
  if (columns)
    return LUN_LAUNCH(c, (max_columns<R>), grid, dim3(32, LUN_SUM_DOWN), LUN_SUM_DOWN * 32 * group, lun_elements<R>(x),
                      y, at, s);
  if (s.n <= 1024) return LUN_LAUNCH(c, (max_rows<32, R>), grid, LUN_CUDA_THREADS, 0, lun_elements<R>(x), y, at, s);
  return LUN_LAUNCH(c, (max_rows<LUN_CUDA_THREADS, R>), grid, LUN_CUDA_THREADS, 32 * group, lun_elements<R>(x), y, at,
                    s);
}

int lun_cuda_max(lun_call *c) {
  if (c->arg[0].t->dtype == LUN_F64) return max_as<double>(c, c->out[0], c->out[1]);
  return max_as<float>(c, c->out[0], c->out[1]);
}

int lun_cuda_argmax(lun_call *c) {
  if (c->arg[0].t->dtype == LUN_F64) return max_as<double>(c, NULL, c->out[0]);
  return max_as<float>(c, NULL, c->out[0]);
}

/* Each element of dx is written once: dy where the position is its own, else 0. */
template <class R>
static __global__ void spread_max(const R *g, const int64_t *positions, R *dx, int64_t n, int64_t size, int64_t inner) {
  LUN_EACH(i, n) {
    int64_t block = i / inner, in = i - block * inner, outer = block / size, at = block - outer * size;
    int64_t o = outer * inner + in;
    dx[i] = positions[o] == at + 1 ? g[o] : (R)0;
  }
}

int lun_cuda_max_grad(lun_call *c) {
  const lun_tensor *g = c->arg[0].t, *x = c->out[0];
  int axis = (int)(c->arg[2].i < 0 ? c->arg[2].i + x->ndim : c->arg[2].i);
  int64_t n = lun_numel(x), inner = 1;
  for (int i = axis + 1; i < x->ndim; i++) inner *= x->shape[i];
  if (!n) return LUN_OK;
  const int64_t *at = lun_elements<int64_t>(c->arg[1].t);
  if (x->dtype == LUN_F64)
    return LUN_LAUNCH(c, (spread_max<double>), lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, lun_elements<double>(g), at,
                      lun_elements<double>(x), n, x->shape[axis], inner);
  return LUN_LAUNCH(c, (spread_max<float>), lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, lun_elements<float>(g), at,
                    lun_elements<float>(x), n, x->shape[axis], inner);
}
