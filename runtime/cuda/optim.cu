/* optim.cu: optimizer steps, moving averages and clipping over lists of tensors. A launch serves as many tensors as a
** table of theirs fits the 4 KB of a kernel's arguments, 80 of four lists: a ResNet-50 takes three.
**
** Bound by memory: bytes per f32 element: sgd 20 (param, grad and buffer read, param and buffer written), adamw 28, ema
** 12, clip 4 and, where it scales, 8 more, lars 8 for its norms and then as sgd. Lengths stay on the device: kernels
** that need one read it there.
*/
#include "kernels.h"
#include "real.h"
#include "sums.h"

#ifdef LUN_CUDA_SMALL /* small, so that tests see lists of several tables and tensors of several chunks */
enum { LISTS = 4, TENSORS = 2, CHUNK = 300, STRIP = 4, THREADS = 32 };
#else
enum { LISTS = 4, TENSORS = 80, CHUNK = 8192, STRIP = 4, THREADS = 256 };
#endif

/* Tensors of one element type, and which blocks are whose: tensor t has blocks first[t] to first[t + 1], a chunk each.
 */
template <class T> struct table {
  T *p[LISTS][TENSORS];
  int64_t n[TENSORS];
  unsigned first[TENSORS + 1];
  bool vector[TENSORS]; /* has at most one axis, as biases and norms have */
  int count;
  int tensor;    /* the first one's number among all of the call */
  int64_t chunk; /* the first block's number among all of the call */
};
static_assert(sizeof(table<double>) <= 3800, "a kernel's arguments have 4 KB in all");

struct part_of {
  int tensor;
  int64_t from, to;
};

template <class T> static __device__ part_of part_of_block(const table<T> &v) {
  int lo = 0, hi = v.count; /* first[lo] <= blockIdx.x < first[hi] */
  while (hi - lo > 1) {
    int mid = (lo + hi) / 2;
    if (v.first[mid] <= blockIdx.x)
      lo = mid;
    else
      hi = mid;
  }
  part_of p = {lo, (int64_t)(blockIdx.x - v.first[lo]) * CHUNK, 0};
  p.to = p.from + CHUNK < v.n[lo] ? p.from + CHUNK : v.n[lo];
  return p;
}

/* Every element of every tensor: F::of(setting of the tensor, elements of the lists), which it may change. A thread
** reads STRIP elements of each list before it writes any. */
template <class T, int N, class F> static __global__ void each_element(table<T> v, F f) {
  part_of part = part_of_block(v);
  int t = part.tensor;
  F own = f.of_tensor(v.tensor + t);
  if (own.idle()) return;
  for (int64_t at = part.from + threadIdx.x; at < part.to; at += STRIP * (int64_t)blockDim.x) {
    T x[STRIP][N];
    LUN_UNROLL
    for (int s = 0; s < STRIP; s++) {
      int64_t i = at + s * (int64_t)blockDim.x;
      for (int k = 0; k < N; k++) x[s][k] = i < part.to ? v.p[k][t][i] : (T)0;
    }
    LUN_UNROLL
    for (int s = 0; s < STRIP; s++) {
      int64_t i = at + s * (int64_t)blockDim.x;
      if (i >= part.to) continue;
      own.apply(x[s]);
      for (int k = 0; k < N; k++)
        if (F::writes(k)) v.p[k][t][i] = x[s][k];
    }
  }
}

/* Runs run(table, blocks) for the tensors of c's lists that are of type T, as many at once as a table holds. Empty ones
** have no block. */
template <class T, class Run> static int by_tables(lun_call *c, int lists, lun_dtype dtype, Run run) {
  int64_t chunk = 0;
  table<T> v;
  v.count = 0;
  v.first[0] = 0;
  v.tensor = 0;
  v.chunk = 0;
  int all = c->arg[0].list.n;
  for (int i = 0; i < all; i++) {
    const lun_tensor *w = c->arg[0].list.v[i];
    int64_t n = lun_numel(w), blocks = (n + CHUNK - 1) / CHUNK;
    bool fits = w->dtype == dtype && n > 0;
    bool full = v.count == TENSORS || v.tensor + v.count != i || v.first[v.count] + blocks > INT32_MAX;
    if (v.count && (!fits || full)) {
      LUN_TRY(run(v, v.first[v.count]));
      v.count = 0;
    }
    if (fits) {
      if (!v.count) v.tensor = i, v.chunk = chunk;
      for (int k = 0; k < lists; k++) v.p[k][v.count] = lun_elements<T>(c->arg[k].list.v[i]);
      v.n[v.count] = n;
      v.vector[v.count] = w->ndim <= 1;
      v.first[v.count + 1] = v.first[v.count] + (unsigned)blocks;
      v.count++;
    }
    chunk += blocks;
  }
  return v.count ? run(v, v.first[v.count]) : LUN_OK;
}

template <class Float, class Double> static int by_dtype(lun_call *c, int lists, Float run_float, Double run_double) {
  LUN_TRY((by_tables<float>(c, lists, LUN_F32, run_float)));
  return by_tables<double>(c, lists, LUN_F64, run_double);
}

/* One update of `lists` lists: F<T> made from the settings S. */
template <template <class> class F, int N, class S> static int update(lun_call *c, const S &s) {
  return by_dtype(
      c, N,
      [&](const table<float> &v, unsigned blocks) {
        return LUN_LAUNCH(c, (each_element<float, N, F<float>>), blocks, THREADS, 0, v, F<float>(s));
      },
      [&](const table<double> &v, unsigned blocks) {
        return LUN_LAUNCH(c, (each_element<double, N, F<double>>), blocks, THREADS, 0, v, F<double>(s));
      });
}

/* ---- SGD and LARS ---- */

struct momentum_settings {
  double lr, momentum, decay;
  bool nesterov;
  const double *trust; /* by tensor: trust ratio, then weight decay; NULL: 1 and `decay` */
};

/* Lists: param, grad, buffer. */
template <class T> struct momentum_update {
  T lr, momentum, decay, scale;
  bool nesterov;
  const double *trust;
  momentum_update() = default;
  explicit momentum_update(const momentum_settings &s)
      : lr((T)s.lr), momentum((T)s.momentum), decay((T)s.decay), scale(1), nesterov(s.nesterov), trust(s.trust) {}
  __device__ momentum_update of_tensor(int t) const {
    momentum_update own = *this;
    if (trust) own.scale = (T)trust[2 * t], own.decay = (T)trust[2 * t + 1];
    return own;
  }
  __device__ bool idle(void) const { return false; }
  static __device__ bool writes(int list) { return list != 1; }
  __device__ void apply(T *x) const {
    T d = (x[1] + decay * x[0]) * scale;
    x[2] = momentum * x[2] + d;
    x[0] -= lr * (nesterov ? d + momentum * x[2] : x[2]);
  }
};

int lun_cuda_sgd_step(lun_call *c) {
  momentum_settings s = {c->arg[3].f, c->arg[4].f, c->arg[5].f, c->arg[6].b, NULL};
  return update<momentum_update, 3>(c, s);
}

/* ---- lengths: partial sums by chunk, then by tensor, in order ---- */

static int64_t chunk_count(const lun_call *c) {
  int64_t chunks = 0;
  for (int i = 0; i < c->arg[0].list.n; i++) chunks += (lun_numel(c->arg[0].list.v[i]) + CHUNK - 1) / CHUNK;
  return chunks;
}

/* part[2 chunk]: of squares of list `of`; part[2 chunk + 1], where there are two: of list 1 + decay list 0. */
template <class T, bool TWO> static __global__ void chunk_squares(table<T> v, T decay, double *part) {
  LUN_SHARED(double, shared);
  part_of p = part_of_block(v);
  const T *x = v.p[0][p.tensor], *y = v.p[TWO ? 1 : 0][p.tensor];
  T a = 0, b = 0;
  for (int64_t i = p.from + threadIdx.x; i < p.to; i += blockDim.x) {
    T u = x[i];
    a += u * u;
    if (TWO) {
      T w = y[i];
      if (decay != 0) w += decay * u;
      b += w * w;
    }
  }
  double sum = lun_block_reduce<lun_sum>((double)a, 0.0, shared);
  double other = TWO ? lun_block_reduce<lun_sum>((double)b, 0.0, shared) : 0;
  if (threadIdx.x == 0) {
    part[2 * (v.chunk + blockIdx.x)] = sum;
    part[2 * (v.chunk + blockIdx.x) + 1] = other;
  }
}

/* What is made of a tensor's two sums of squares: f.done(tensor, whether it is a vector, sum, other). A
** warp per tensor. */
template <class T, class F> static __global__ void tensor_squares(table<T> v, const double *part, F f) {
  int t = (int)blockIdx.x;
  double sum = 0, other = 0;
  for (int64_t k = v.first[t] + threadIdx.x; k < v.first[t + 1]; k += 32) {
    sum += part[2 * (v.chunk + k)];
    other += part[2 * (v.chunk + k) + 1];
  }
  sum = lun_warp_reduce<lun_sum>(sum);
  other = lun_warp_reduce<lun_sum>(other);
  if (threadIdx.x == 0) f.done(v.tensor + t, v.vector[t], sum, other);
}

template <class T, bool TWO, class F>
static int squares(lun_call *c, const table<T> &v, unsigned blocks, double decay, double *part, const F &f) {
  LUN_TRY(LUN_LAUNCH(c, (chunk_squares<T, TWO>), blocks, THREADS, 32 * sizeof(double), v, (T)decay, part));
  return LUN_LAUNCH(c, (tensor_squares<T, F>), (unsigned)v.count, 32, 0, v, part, f);
}

template <bool TWO, class F> static int all_squares(lun_call *c, double decay, const F &f) {
  lun_tensor *part = NULL;
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, 2 * chunk_count(c), &part));
  double *p = lun_elements<double>(part);
  int st = by_dtype(
      c, TWO ? 2 : 1, [&](const table<float> &v, unsigned n) { return squares<float, TWO>(c, v, n, decay, p, f); },
      [&](const table<double> &v, unsigned n) { return squares<double, TWO>(c, v, n, decay, p, f); });
  lun_release(part);
  return st;
}

/* LARS's trust ratio and the weight decay that goes with it: see trust_ratio in ops/optim.c. */
struct trust_ratio {
  double lr, decay, eta;
  bool clip, exclude, of_update, decayed;
  double *trust;
  __device__ void done(int t, bool vector, double params, double grads) const {
    double wn = sqrt(params), gn = sqrt(grads), ratio = 1, wd = 0;
    bool both = wn > 0 && gn > 0;
    if (!(exclude && vector)) {
      if (both) ratio = eta * wn / (of_update ? gn : gn + decay * wn + 1e-8);
      if (of_update || both) wd = decay;
      if (!both || (decayed && decay == 0))
        ratio = 1;
      else if (clip)
        ratio = lr > 0 ? fmin(ratio / lr, 1.0) : 1;
    }
    trust[2 * t] = ratio;
    trust[2 * t + 1] = wd;
  }
};

int lun_cuda_lars_step(lun_call *c) {
  int n = c->arg[0].list.n;
  bool of_update = !strncmp(c->arg[10].s, "update", 6);
  trust_ratio f = {c->arg[3].f, c->arg[5].f, c->arg[6].f, c->arg[7].b, c->arg[8].b, of_update, c->arg[11].b, NULL};
  lun_tensor *trust = NULL;
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, 2 * (int64_t)n, &trust));
  f.trust = lun_elements<double>(trust);
  int st = all_squares<true>(c, of_update ? f.decay : 0, f);
  momentum_settings s = {c->arg[3].f, c->arg[4].f, 0, c->arg[9].b, f.trust};
  if (!st) st = update<momentum_update, 3>(c, s);
  lun_release(trust);
  return st;
}

/* ---- AdamW ---- */

struct adamw_settings {
  double lr, beta1, beta2, eps, decay, correct1, correct2;
};

/* Lists: param, grad, first and second moment. */
template <class T> struct adamw_update {
  T lr, beta1, beta2, eps, decay, correct1, correct2;
  explicit adamw_update(const adamw_settings &s)
      : lr((T)s.lr), beta1((T)s.beta1), beta2((T)s.beta2), eps((T)s.eps), decay((T)s.decay), correct1((T)s.correct1),
        correct2((T)s.correct2) {}
  __device__ adamw_update of_tensor(int) const { return *this; }
  __device__ bool idle(void) const { return false; }
  static __device__ bool writes(int list) { return list != 1; }
  __device__ void apply(T *x) const {
    x[2] = beta1 * x[2] + (1 - beta1) * x[1];
    x[3] = beta2 * x[3] + (1 - beta2) * x[1] * x[1];
    x[0] -= lr * (decay * x[0] + x[2] / correct1 / (lun_sqrt(x[3] / correct2) + eps));
  }
};

int lun_cuda_adamw_step(lun_call *c) {
  double b1 = c->arg[6].f, b2 = c->arg[7].f, t = (double)c->arg[5].i;
  adamw_settings s = {c->arg[4].f, b1, b2, c->arg[8].f, c->arg[9].f, 1 - pow(b1, t), 1 - pow(b2, t)};
  return update<adamw_update, 4>(c, s);
}

/* ---- the slow copy of a network ---- */

/* Lists: target, source. */
template <class T> struct moving_average {
  T keep, take;
  explicit moving_average(double momentum) : keep((T)momentum), take((T)(1 - momentum)) {}
  __device__ moving_average of_tensor(int) const { return *this; }
  __device__ bool idle(void) const { return false; }
  static __device__ bool writes(int list) { return list == 0; }
  __device__ void apply(T *x) const { x[0] = keep * x[0] + take * x[1]; }
};

int lun_cuda_ema_update(lun_call *c) { return update<moving_average, 2>(c, c->arg[2].f); }

/* ---- clipping ---- */

/* Tensors' sums of squares; those of empty ones, which have no block, are 0 from the start. */
struct keep_squares {
  double *sum;
  __device__ void done(int t, bool, double s, double) const { sum[t] = s; }
};

static __global__ void no_squares(double *sum, int n) {
  for (int t = (int)threadIdx.x; t < n; t += (int)blockDim.x) sum[t] = 0;
}

struct whole_norm {
  const double *sum;
  double *norm;
  __device__ double of(int64_t t) const { return sum[t]; }
  __device__ void done(double s) const { *norm = sqrt(s); }
};

struct clip_settings {
  double most;
  const double *norm, *sum; /* of all; by tensor, squared, or NULL */
};

/* List: gradient. A norm that is NaN or infinite scales nothing: what follows shall see what came. */
template <class T> struct clip_to {
  double most;
  const double *norm, *sum;
  T by;
  explicit clip_to(const clip_settings &s) : most(s.most), norm(s.norm), sum(s.sum), by(1) {}
  __device__ clip_to of_tensor(int t) const {
    clip_to own = *this;
    double length = sum ? sqrt(sum[t]) : *norm, part = most / (length + 1e-6);
    own.by = part < 1 && isfinite(length) ? (T)part : (T)1;
    return own;
  }
  __device__ bool idle(void) const { return by == 1; }
  static __device__ bool writes(int) { return true; }
  __device__ void apply(T *x) const { x[0] *= by; }
};

int lun_cuda_clip_grad_norm(lun_call *c) {
  int n = c->arg[0].list.n;
  lun_tensor *sums = NULL;
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, n, &sums));
  double *sum = lun_elements<double>(sums), *norm = lun_elements<double>(c->out[0]);
  keep_squares keep = {sum};
  whole_norm whole = {sum, norm};
  clip_settings s = {c->arg[1].f, norm, c->arg[2].b ? sum : NULL};
  int st = LUN_LAUNCH(c, no_squares, 1, lun_few_threads(n), 0, sum, n);
  if (!st) st = all_squares<false>(c, 0, keep);
  if (!st) st = lun_total(c, whole, n);
  if (!st) st = update<clip_to, 1>(c, s);
  lun_release(sums);
  return st;
}
