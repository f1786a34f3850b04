/* ssl_swav.cu: Sinkhorn-Knopp, and SwAV's loss and gradient; see ops/ssl_swav.c.
**
** Bound by memory: an iteration of sinkhorn reads the (n,K) weights twice (8 bytes an f32 element, mostly from the
** cache), the loss reads scores and targets once (8 bytes), its gradient writes as well (12 bytes).
*/
#include "kernels.h"
#include "soft_targets.h"
#include "sums.h"

/* Factors v (n) and u (k) of a matrix e that stays as it is: see sinkhorn_begin in ops/ssl_swav_kernels.h. */
template <class T> struct plan {
  const T *s;
  T *e;
  double *u, *v, *top; /* top: the largest of all scores, one number */
  int64_t n, k;
  double per_epsilon;
};

template <class T> static __global__ void LUN_WIDE sinkhorn_tops(plan<T> w) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < w.n; i += gridDim.x) {
    const T *row = w.s + i * w.k;
    T top = lun_row_top<T>(w.k, shared, [&](int64_t j) { return row[j]; });
    if (threadIdx.x == 0) w.v[i] = (double)top;
  }
}

/* The largest of every column of s, less its rows' tops. */
template <class T> struct column_tops {
  plan<T> w;
  __device__ void of(int64_t i, int64_t j, double *v) const { *v = (double)(w.s[i * w.k + j] - (T)w.v[i]); }
  __device__ void done(int64_t j, const double *top) const { w.u[j] = *top; }
};

template <class T> static __global__ void LUN_WIDE largest_top(plan<T> w) {
  LUN_SHARED(double, shared);
  double top = w.v[0];
  for (int64_t i = threadIdx.x; i < w.n; i += blockDim.x) top = w.v[i] > top ? w.v[i] : top;
  top = lun_block_reduce<lun_max>(top, top, shared);
  if (threadIdx.x == 0) *w.top = top;
}

template <class T> static __global__ void LUN_WIDE sinkhorn_weights(plan<T> w) {
  for (int64_t i = blockIdx.x; i < w.n; i += gridDim.x) {
    double own = w.v[i];
    for (int64_t j = threadIdx.x; j < w.k; j += blockDim.x)
      w.e[i * w.k + j] = lun_exp((w.s[i * w.k + j] - (T)own - (T)w.u[j]) * (T)w.per_epsilon);
    __syncthreads(); /* all have read v */
    if (threadIdx.x == 0) w.v[i] = exp((own - *w.top) * w.per_epsilon);
  }
}

/* Samples: v_i = 1 / sum_k u_k e_ik. */
template <class T> struct sample_factors {
  plan<T> w;
  __device__ double of(int64_t i, int64_t j) const { return w.u[j] * (double)w.e[i * w.k + j]; }
  __device__ void done(int64_t i, double s) const { w.v[i] = 1 / (s > 1e-300 ? s : 1e-300); }
};

/* Prototypes: u_k = 1 / sum_i v_i e_ik. One that no sample has any weight for counts as one with next to none. */
template <class T> struct prototype_factors {
  plan<T> w;
  __device__ void of(int64_t i, int64_t j, double *v) const { *v = w.v[i] * (double)w.e[i * w.k + j]; }
  __device__ void done(int64_t j, const double *s) const { w.u[j] = 1 / (*s > 1e-150 ? *s : 1e-150); }
};

/* Targets: rows of u e that sum to 1. */
template <class T> static __global__ void LUN_WIDE sinkhorn_targets(plan<T> w) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < w.n; i += gridDim.x) {
    T *row = w.e + i * w.k;
    double s = lun_row_sum(w.k, shared, [&](int64_t j) { return w.u[j] * (double)row[j]; });
    s = 1 / (s > 1e-300 ? s : 1e-300);
    for (int64_t j = threadIdx.x; j < w.k; j += blockDim.x) row[j] = (T)(w.u[j] * (double)row[j] * s);
  }
}

template <class T> static int sinkhorn_as(lun_call *c, double *factors) {
  const lun_tensor *s = c->arg[0].t;
  int64_t n = s->shape[0], k = s->shape[1];
  plan<T> w = {lun_elements<T>(s), lun_elements<T>(c->out[0]), factors, factors + k, factors + k + n, n, k,
               1 / c->arg[1].f};
  unsigned blocks = lun_row_blocks(n), threads = lun_row_threads(k);
  size_t shared = 32 * sizeof(double);
  column_tops<T> tops = {w};
  sample_factors<T> samples = {w};
  prototype_factors<T> prototypes = {w};
  LUN_TRY(LUN_LAUNCH(c, (sinkhorn_tops<T>), blocks, threads, shared, w));
  LUN_TRY((lun_columns<1, lun_max>(c, tops, n, k, -INFINITY)));
  LUN_TRY(LUN_LAUNCH(c, (largest_top<T>), 1, lun_row_threads(n), shared, w));
  LUN_TRY(LUN_LAUNCH(c, (sinkhorn_weights<T>), blocks, threads, 0, w));
  for (int64_t i = 0; i < c->arg[2].i; i++) {
    if (i > 0) LUN_TRY(lun_rows(c, samples, n, k));
    LUN_TRY((lun_columns<1, lun_sum>(c, prototypes, n, k, 0)));
    if (lun_poll(c)) return lun_interrupted(c);
  }
  return LUN_LAUNCH(c, (sinkhorn_targets<T>), blocks, threads, shared, w);
}

int lun_cuda_sinkhorn(lun_call *c) {
  const lun_tensor *s = c->arg[0].t;
  lun_tensor *factors = NULL;
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, s->shape[0] + s->shape[1] + 1, &factors));
  int st = LUN_OK;
  LUN_BY_REAL(s->dtype, st = sinkhorn_as<T>(c, lun_elements<double>(factors)););
  lun_release(factors);
  return st;
}

/* -sum p log softmax(s / t) as log(sum) sum(p) + sum(p (top - s)) / t: terms without cancellation. */
template <class T>
static __global__ void LUN_WIDE swav_rows(const T *s, const T *q, double *each, int64_t n, int64_t k, T per_t) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    const T *x = s + i * k, *p = q + i * k;
    T top = lun_row_top<T>(k, shared, [&](int64_t j) { return x[j]; });
    double sum = 0, mass = 0, gap = 0;
    for (int64_t j = threadIdx.x; j < k; j += blockDim.x) {
      T below = top - x[j];
      sum += (double)lun_exp(-below * per_t);
      mass += (double)p[j];
      gap += (double)(p[j] * below);
    }
    sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
    mass = lun_block_reduce<lun_sum>(mass, 0.0, shared);
    gap = lun_block_reduce<lun_sum>(gap, 0.0, shared);
    if (threadIdx.x == 0) each[i] = log(sum) * mass + gap * (double)per_t;
  }
}

template <class T> static int swav_as(lun_call *c, double *each) {
  const lun_tensor *s = c->arg[0].t;
  int64_t n = s->shape[0], k = s->shape[1];
  LUN_TRY(LUN_LAUNCH(c, (swav_rows<T>), lun_row_blocks(n), lun_row_threads(k), 32 * sizeof(double), lun_elements<T>(s),
                     lun_elements<T>(c->arg[1].t), each, n, k, (T)(1 / c->arg[2].f)));
  lun_mean_into<double, T> mean = {each, lun_elements<T>(c->out[0]), 0, 1 / (double)n};
  return lun_total(c, mean, n);
}

int lun_cuda_swav(lun_call *c) {
  const lun_tensor *s = c->arg[0].t;
  lun_tensor *each = NULL;
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, s->shape[0], &each));
  int st = LUN_OK;
  LUN_BY_REAL(s->dtype, st = swav_as<T>(c, lun_elements<double>(each)););
  lun_release(each);
  return st;
}

/* ds = scale (softmax(s / t) sum(p) - p) */
template <class T>
static __global__ void LUN_WIDE swav_grad_rows(const T *g, const T *s, const T *q, T *ds, int64_t n, int64_t k,
                                               T per_t) {
  LUN_SHARED(double, shared);
  T scale = *g * per_t / (T)n;
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    const T *x = s + i * k, *p = q + i * k;
    T top = lun_row_top<T>(k, shared, [&](int64_t j) { return x[j]; });
    double sum = 0, mass = 0;
    for (int64_t j = threadIdx.x; j < k; j += blockDim.x) {
      sum += (double)lun_exp((x[j] - top) * per_t);
      mass += (double)p[j];
    }
    sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
    T share = (T)(lun_block_reduce<lun_sum>(mass, 0.0, shared) / sum);
    for (int64_t j = threadIdx.x; j < k; j += blockDim.x)
      ds[i * k + j] = scale * (lun_exp((x[j] - top) * per_t) * share - p[j]);
  }
}

template <class T> static int swav_grad_as(lun_call *c) {
  const lun_tensor *s = c->arg[1].t;
  int64_t n = s->shape[0], k = s->shape[1];
  return LUN_LAUNCH(c, (swav_grad_rows<T>), lun_row_blocks(n), lun_row_threads(k), 32 * sizeof(double),
                    lun_elements<T>(c->arg[0].t), lun_elements<T>(s), lun_elements<T>(c->arg[2].t),
                    lun_elements<T>(c->out[0]), n, k, (T)(1 / c->arg[3].f));
}

int lun_cuda_swav_grad(lun_call *c) { LUN_BY_REAL(c->arg[1].t->dtype, return swav_grad_as<T>(c);); }
