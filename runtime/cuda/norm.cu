/* norm.cu: batch normalisation, plain and fused with ReLU and the addition of a residual branch.
**
** Bound by memory. Forward: statistics read x once, the result reads x (and the residual) and writes y. Backward: sums
** read x and dy (and y), dx reads them again and is written (with the residual's gradient). In elements moved: forward
** 3 (4 with a residual), backward 5 (8). The second pass goes through the rows backwards, so that what the first read
** last is still in the L2 cache. Three launches each way.
*/
#include "kernels.h"
#include "columns.h"
#include "scratch.h"

enum activation { PLAIN, RELU, ADD_RELU };

/* Statistics and parameters of every channel; gamma and beta may be missing. */
template <class R> struct affine { const R *mean, *rstd, *gamma, *beta; };

/* Those of V channels from k on: (x - mean) scale + shift. */
template <class R, int V> struct affine_here {
  R mean[V], scale[V], shift[V];
  __device__ affine_here(const affine<R> &a, int64_t k) {
    for (int v = 0; v < V; v++) {
      mean[v] = a.mean[k + v];
      scale[v] = a.gamma ? a.gamma[k + v] * a.rstd[k + v] : a.rstd[k + v];
      shift[v] = a.beta ? a.beta[k + v] : 0;
    }
  }
};

static __device__ inline float fused(float a, float b, float c) { return fmaf(a, b, c); }
static __device__ inline double fused(double a, double b, double c) { return fma(a, b, c); }
static __device__ inline double rsqrt_of(double x) { return 1 / sqrt(x); }

template <class R> static R *weights(const lun_tensor *t) { return t ? lun_elements<R>(t) : nullptr; }
template <class T> static T *images(const lun_tensor *t) { return t ? lun_elements<T>(t) : nullptr; }

/* ---- statistics ---- */

/* Merges (n, mean, squares of deviations) of two samples, Chan et al. 1979. */
template <class R> static __device__ void merge(R &n, R &mean, R &m2, R other_n, R other_mean, R other_m2) {
  if (other_n == 0) return;
  R total = n + other_n, d = other_mean - mean, to = other_n / total;
  mean += d * to;
  m2 += other_m2 + d * d * n * to;
  n = total;
}

/* Welford's update, of V channels at a time. */
template <class T, int V, class R>
static __global__ void moments(const T *__restrict__ x, columns m, R *__restrict__ part) {
  LUN_SHARED(R, shared);
  column_walk w = lun_column_walk<V>(m, blockIdx.y);
  int threads = m.lanes * m.deep, t = (int)threadIdx.x, down = t / m.lanes;
  R n = 0, mean[V], m2[V];
  for (int v = 0; v < V; v++) mean[v] = m2[v] = 0;
  if (w.inside) {
    LUN_UNROLL_BY(4)
    for (int64_t r = w.from; r < w.stop; r += m.deep) {
      pack<T, V> p = lun_load<T, V>(x + r * m.ch + w.k);
      n += 1;
      R share = 1 / n;
      for (int v = 0; v < V; v++) {
        R value = number<T>::get(p.v[v]), d = value - mean[v];
        mean[v] += d * share;
        m2[v] += d * (value - mean[v]);
      }
    }
  }
  for (int v = 0; v < V; v++) shared[v * threads + t] = mean[v], shared[(V + v) * threads + t] = m2[v];
  shared[2 * V * threads + t] = n;
  for (int half = m.deep / 2; half; half /= 2) {
    __syncthreads();
    if (down >= half) continue;
    int o = t + half * m.lanes;
    R other_n = shared[2 * V * threads + o], was = n;
    for (int v = 0; v < V; v++) {
      n = was;
      merge(n, mean[v], m2[v], other_n, shared[v * threads + o], shared[(V + v) * threads + o]);
      shared[v * threads + t] = mean[v], shared[(V + v) * threads + t] = m2[v];
    }
    shared[2 * V * threads + t] = n;
  }
  if (down || !w.inside) return;
  R *to = part + (int64_t)blockIdx.y * 2 * m.ch + w.k;
  for (int v = 0; v < V; v++) to[v] = mean[v], to[m.ch + v] = m2[v];
}

/* What a channel's mean and variance are turned into. */
template <class R> struct statistics {
  R *mean, *rstd, *running_mean, *running_var;
  double momentum, eps;
};

/* part: the moments of chunks of `chunk` rows. */
template <class R>
static __global__ void fold_moments(const R *part, int64_t chunks, int64_t chunk, int64_t rows, int64_t ch,
                                    statistics<R> s) {
  LUN_SHARED(double, shared);
  int t = (int)threadIdx.x, threads = (int)blockDim.x, deep = threads / LUN_FOLD_WIDE, down = t / LUN_FOLD_WIDE;
  int64_t k = (int64_t)blockIdx.x * LUN_FOLD_WIDE + t % LUN_FOLD_WIDE;
  double n = 0, mean = 0, m2 = 0;
  if (k < ch) {
    LUN_UNROLL_BY(4)
    for (int64_t i = down; i < chunks; i += deep) {
      double here = (double)(i == chunks - 1 ? rows - i * chunk : chunk);
      merge(n, mean, m2, here, (double)part[2 * i * ch + k], (double)part[(2 * i + 1) * ch + k]);
    }
  }
  shared[t] = n, shared[threads + t] = mean, shared[2 * threads + t] = m2;
  for (int half = deep / 2; half; half /= 2) {
    __syncthreads();
    if (down >= half) continue;
    int o = t + half * LUN_FOLD_WIDE;
    merge(n, mean, m2, shared[o], shared[threads + o], shared[2 * threads + o]);
    shared[t] = n, shared[threads + t] = mean, shared[2 * threads + t] = m2;
  }
  if (down || k >= ch) return;
  double var = m2 / (double)rows, unbiased = (double)rows / (double)(rows > 1 ? rows - 1 : 1);
  s.mean[k] = (R)mean;
  s.rstd[k] = (R)rsqrt_of(var + s.eps);
  if (s.running_mean) s.running_mean[k] = (R)((1 - s.momentum) * (double)s.running_mean[k] + s.momentum * mean);
  if (s.running_var) s.running_var[k] = (R)((1 - s.momentum) * (double)s.running_var[k] + s.momentum * var * unbiased);
}

/* The running statistics, or, of an empty batch, mean 0 and variance 0. */
template <class R> static __global__ void given_statistics(int64_t ch, bool empty, statistics<R> s) {
  for (int64_t k = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; k < ch; k += (int64_t)gridDim.x * blockDim.x) {
    s.mean[k] = empty ? 0 : s.running_mean[k];
    s.rstd[k] = (R)rsqrt_of((empty ? 0 : (double)s.running_var[k]) + s.eps);
  }
}

/* ---- forward ---- */

template <class T, int V, activation ACT>
static __global__ void normalize_rows(const T *__restrict__ x, const T *__restrict__ residual, columns m,
                                      affine<typename number<T>::real> a, T *__restrict__ y) {
  typedef typename number<T>::real R;
  column_walk w = lun_column_walk<V>(m, gridDim.y - 1 - blockIdx.y);
  if (!w.inside) return;
  affine_here<R, V> here(a, w.k);
  LUN_UNROLL_BY(4)
  for (int64_t r = w.from; r < w.stop; r += m.deep) {
    int64_t at = r * m.ch + w.k;
    pack<T, V> p = lun_load<T, V>(x + at), q, o;
    if (ACT == ADD_RELU) q = lun_load<T, V>(residual + at);
    for (int v = 0; v < V; v++) {
      R z = fused(number<T>::get(p.v[v]) - here.mean[v], here.scale[v], here.shift[v]);
      if (ACT == ADD_RELU) z += number<T>::get(q.v[v]);
      o.v[v] = number<T>::put(ACT != PLAIN && z <= 0 ? 0 : z); /* a NaN passes */
    }
    lun_store<T, V>(y + at, o);
  }
}

static int64_t pixels(const lun_tensor *x) { return x->shape[0] * x->shape[2] * x->shape[3]; }

template <class T, activation ACT>
static int normalize_as(lun_call *c, const lun_tensor *x, const lun_tensor *residual,
                        affine<typename number<T>::real> a) {
  int64_t rows = pixels(x), ch = x->shape[1];
  const T *px = images<T>(x), *pr = images<T>(residual);
  T *py = images<T>(c->out[0]);
  if (!rows || !ch) return LUN_OK;
  LUN_BY_PACK(lun_in_packs(ch, sizeof(T), px, pr, py), {
    columns m = lun_columns(rows, ch, V);
    return LUN_LAUNCH(c, (normalize_rows<T, V, ACT>), lun_columns_grid(m, V), lun_columns_threads(m), 0, px, pr, m, a,
                      py);
  });
}

template <class T, class R> static int batch_statistics(lun_call *c, const lun_tensor *x, statistics<R> s) {
  int64_t rows = pixels(x), ch = x->shape[1];
  const T *px = images<T>(x);
  LUN_BY_PACK(lun_in_packs(ch, sizeof(T), px), {
    columns m = lun_columns(rows, ch, V);
    int64_t chunks = lun_columns_chunks(m);
    unsigned threads = lun_columns_threads(m);
    lun_tensor *part;
    LUN_TRY(lun_cuda_scratch(c, lun_dtype_of<R>(), chunks * 2 * ch, &part));
    int st = LUN_LAUNCH(c, (moments<T, V, R>), lun_columns_grid(m, V), threads, (2 * V + 1) * threads * sizeof(R), px,
                        m, lun_elements<R>(part));
    unsigned folders = lun_fold_threads(chunks);
    if (!st)
      st = LUN_LAUNCH(c, fold_moments<R>, lun_fold_blocks(ch), folders, 3 * folders * sizeof(double),
                      lun_elements<R>(part), chunks, m.chunk, rows, ch, s);
    lun_release(part);
    return st;
  });
}

/* x [residual] gamma beta running_mean running_var training momentum eps -> y mean rstd; gamma at `at`. */
template <class T, activation ACT> static int forward_as(lun_call *c, int at) {
  typedef typename number<T>::real R;
  const lun_arg *a = c->arg;
  const lun_tensor *x = a[0].t;
  int64_t ch = x->shape[1], rows = pixels(x);
  bool training = a[at + 4].b;
  statistics<R> s = {weights<R>(c->out[1]),   weights<R>(c->out[2]), weights<R>(a[at + 2].t),
                     weights<R>(a[at + 3].t), a[at + 5].f,           a[at + 6].f};
  if (!ch) return LUN_OK;
  if (training && rows)
    LUN_TRY((batch_statistics<T, R>(c, x, s)));
  else
    LUN_TRY(LUN_LAUNCH(c, given_statistics<R>, lun_cuda_blocks(ch), LUN_CUDA_THREADS, 0, ch, training, s));
  affine<R> how = {s.mean, s.rstd, weights<R>(a[at].t), weights<R>(a[at + 1].t)};
  return normalize_as<T, ACT>(c, x, at == 2 ? a[1].t : NULL, how);
}

int lun_cuda_batch_norm(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return (forward_as<T, PLAIN>(c, 1));); }
int lun_cuda_batch_norm_relu(lun_call *c) { LUN_BY_FLOAT(c, c->arg[0].t->dtype, return (forward_as<T, RELU>(c, 1));); }
int lun_cuda_batch_norm_add_relu(lun_call *c) {
  LUN_BY_FLOAT(c, c->arg[0].t->dtype, return (forward_as<T, ADD_RELU>(c, 2)););
}

int lun_cuda_normalize_relu(lun_call *c) {
  const lun_arg *a = c->arg;
  LUN_BY_FLOAT(c, a[0].t->dtype, {
    typedef number<T>::real R;
    affine<R> how = {weights<R>(a[1].t), weights<R>(a[2].t), weights<R>(a[3].t), weights<R>(a[4].t)};
    return (normalize_as<T, RELU>(c, a[0].t, NULL, how));
  });
}

/* ---- backward ---- */

/* The gradient behind the activation, at x - mean = d. */
template <class T, activation ACT, class R> static __device__ R passed(T dy, T y, R d, R scale, R shift) {
  R g = number<T>::get(dy);
  if (ACT == ADD_RELU) return number<T>::get(y) > 0 ? g : 0;
  if (ACT == RELU) return fused(d, scale, shift) > 0 ? g : 0; /* as normalize_rows has it */
  return g;
}

/* Sums over a chunk of g, the gradient behind the activation, and of g (x - mean). */
template <class T, int V, activation ACT>
static __global__ void gradient_sums(const T *__restrict__ x, const T *__restrict__ dy, const T *__restrict__ y,
                                     columns m, affine<typename number<T>::real> a,
                                     typename number<T>::real *__restrict__ part) {
  typedef typename number<T>::real R;
  LUN_SHARED(R, shared);
  column_walk w = lun_column_walk<V>(m, blockIdx.y);
  R sum[V], dot[V];
  for (int v = 0; v < V; v++) sum[v] = dot[v] = 0;
  if (w.inside) {
    affine_here<R, V> here(a, w.k);
    LUN_UNROLL_BY(4)
    for (int64_t r = w.from; r < w.stop; r += m.deep) {
      int64_t at = r * m.ch + w.k;
      pack<T, V> p = lun_load<T, V>(x + at), g = lun_load<T, V>(dy + at), o = g;
      if (ACT == ADD_RELU) o = lun_load<T, V>(y + at);
      for (int v = 0; v < V; v++) {
        R d = number<T>::get(p.v[v]) - here.mean[v];
        R h = passed<T, ACT, R>(g.v[v], o.v[v], d, here.scale[v], here.shift[v]);
        sum[v] += h;
        dot[v] += h * d;
      }
    }
  }
  lun_columns_sum<V>(m, sum, dot, shared);
  if ((int)threadIdx.x >= m.lanes || !w.inside) return;
  R *to = part + (int64_t)blockIdx.y * 2 * m.ch + w.k;
  for (int v = 0; v < V; v++) to[v] = sum[v], to[m.ch + v] = dot[v];
}

/* From the sums: dgamma, dbeta, and of dx = scale g - offset - slope (x - mean) the two that come with statistics of
** the batch. bend: offset and slope, [2][ch]. chunks 0: an empty batch. */
template <class R>
static __global__ void fold_gradient(const R *part, int64_t chunks, int64_t rows, int64_t ch, affine<R> a,
                                     const R *dmean, const R *drstd, bool training, R *dgamma, R *dbeta, R *bend) {
  LUN_SHARED(double, shared);
  int64_t k;
  double sum, dot;
  if (!lun_fold_sums(part, chunks, ch, shared, &k, &sum, &dot)) return;
  double r = (double)a.rstd[k], scale = (double)(R)(a.gamma ? a.gamma[k] * a.rstd[k] : a.rstd[k]);
  dbeta[k] = (R)sum;
  dgamma[k] = (R)(dot * r);
  if (!rows) return;
  double dm = dmean ? (double)dmean[k] : 0, ds = drstd ? (double)drstd[k] : 0;
  bend[k] = training ? (R)((scale * sum - dm) / (double)rows) : 0;
  bend[ch + k] = training ? (R)((scale * dot + ds * r) * r * r / (double)rows) : 0;
}

template <class T, int V, activation ACT>
static __global__ void gradient_rows(const T *__restrict__ x, const T *__restrict__ dy, const T *__restrict__ y,
                                     columns m, affine<typename number<T>::real> a,
                                     const typename number<T>::real *__restrict__ bend, T *__restrict__ dx,
                                     T *__restrict__ dresidual) {
  typedef typename number<T>::real R;
  column_walk w = lun_column_walk<V>(m, gridDim.y - 1 - blockIdx.y);
  if (!w.inside) return;
  affine_here<R, V> here(a, w.k);
  R offset[V], slope[V];
  for (int v = 0; v < V; v++) offset[v] = bend[w.k + v], slope[v] = bend[m.ch + w.k + v];
  LUN_UNROLL_BY(2)
  for (int64_t r = w.from; r < w.stop; r += m.deep) {
    int64_t at = r * m.ch + w.k;
    pack<T, V> p = lun_load<T, V>(x + at), g = lun_load<T, V>(dy + at), o = g, to;
    if (ACT == ADD_RELU) o = lun_load<T, V>(y + at);
    for (int v = 0; v < V; v++) {
      R d = number<T>::get(p.v[v]) - here.mean[v];
      R h = passed<T, ACT, R>(g.v[v], o.v[v], d, here.scale[v], here.shift[v]);
      to.v[v] = number<T>::put(h * here.scale[v] - offset[v] - slope[v] * d);
      g.v[v] = number<T>::put(h);
    }
    lun_store<T, V>(dx + at, to);
    if (ACT == ADD_RELU) lun_store<T, V>(dresidual + at, g);
  }
}

struct gradient_args {
  const lun_tensor *dy, *x, *y, *mean, *rstd, *gamma, *beta, *dmean, *drstd;
  bool training;
};

template <class T, activation ACT> static int backward_as(lun_call *c, const gradient_args &g) {
  typedef typename number<T>::real R;
  int64_t rows = pixels(g.x), ch = g.x->shape[1], chunks = 0;
  int at = ACT == ADD_RELU ? 2 : 1;
  affine<R> a = {weights<R>(g.mean), weights<R>(g.rstd), weights<R>(g.gamma), weights<R>(g.beta)};
  const T *x = images<T>(g.x), *dy = images<T>(g.dy), *y = images<T>(g.y);
  T *dx = images<T>(c->out[0]), *dr = ACT == ADD_RELU ? images<T>(c->out[1]) : NULL;
  R *dgamma = weights<R>(c->out[at]), *dbeta = weights<R>(c->out[at + 1]);
  if (!ch) return LUN_OK;
  LUN_BY_PACK(lun_in_packs(ch, sizeof(T), x, dy, y, dx, dr), {
    columns m = lun_columns(rows, ch, V);
    unsigned threads = lun_columns_threads(m);
    lun_tensor *scratch;
    if (rows) chunks = lun_columns_chunks(m);
    LUN_TRY(lun_cuda_scratch(c, lun_dtype_of<R>(), (chunks + 1) * 2 * ch, &scratch));
    R *bend = lun_elements<R>(scratch);
    R *part = bend + 2 * ch;
    int st = LUN_OK;
    if (rows)
      st = LUN_LAUNCH(c, (gradient_sums<T, V, ACT>), lun_columns_grid(m, V), threads, 2 * V * threads * sizeof(R), x,
                      dy, y, m, a, part);
    unsigned folders = lun_fold_threads(chunks);
    if (!st)
      st = LUN_LAUNCH(c, fold_gradient<R>, lun_fold_blocks(ch), folders, 2 * folders * sizeof(double), part, chunks,
                      rows, ch, a, weights<R>(g.dmean), weights<R>(g.drstd), g.training, dgamma, dbeta, bend);
    if (!st && rows)
      st = LUN_LAUNCH(c, (gradient_rows<T, V, ACT>), lun_columns_grid(m, V), threads, 0, x, dy, y, m, a, bend, dx, dr);
    lun_release(scratch);
    return st;
  });
}

int lun_cuda_batch_norm_grad(lun_call *c) {
  const lun_arg *a = c->arg;
  gradient_args g = {a[0].t, a[1].t, NULL, a[2].t, a[3].t, a[4].t, NULL, a[5].t, a[6].t, a[7].b};
  LUN_BY_FLOAT(c, g.x->dtype, return (backward_as<T, PLAIN>(c, g)););
}
int lun_cuda_batch_norm_relu_grad(lun_call *c) {
  const lun_arg *a = c->arg;
  gradient_args g = {a[0].t, a[1].t, NULL, a[2].t, a[3].t, a[4].t, a[5].t, a[6].t, a[7].t, a[8].b};
  LUN_BY_FLOAT(c, g.x->dtype, return (backward_as<T, RELU>(c, g)););
}
int lun_cuda_batch_norm_add_relu_grad(lun_call *c) {
  const lun_arg *a = c->arg;
  gradient_args g = {a[0].t, a[1].t, a[2].t, a[3].t, a[4].t, a[5].t, NULL, a[6].t, a[7].t, a[8].b};
  LUN_BY_FLOAT(c, g.x->dtype, return (backward_as<T, ADD_RELU>(c, g)););
}
