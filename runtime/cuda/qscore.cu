/* qscore.cu: the Q-Score, activation shares and the regularizer; definitions in ops/qscore.c.
**
** Bound by memory: r elements of a row are read once (and, in a gradient, r written). A row of up to 12,000 f32 is
** kept in shared memory by one warp, each lane its own elements, so that mean, deviation and the sets need shuffles
** and no barrier; a longer one is walked through by a block, from the caches after the first time. Shares are
** counted in shared memory, in integers, whose sums do not depend on their order. Column norms are a second pass
** over h, a batch that a cache holds.
**
** Positions in `features` beyond h's columns cannot be refused before a kernel has read them: scores are NaN then.
*/
#include "kernels.h"
#include "real.h"
#include "sums.h"

enum { WARPS = 4, STRIP = 8 }; /* warps of a block, at most; loads that a lane has under way */
#ifdef LUN_CUDA_SMALL          /* small, so that tests see blocks of fewer warps, and long rows */
enum { MOST_SHARED = 700 };
#else
enum { MOST_SHARED = 48 << 10 };
#endif

/* ---- a row: its elements, one after the other, and sums over what all its threads have ---- */

template <class T> struct warp_row {
  T *v; /* in shared memory; a lane reads what it wrote itself */
  int64_t r;
  int lane;
  static const bool rare = false; /* form v1 is for block_row alone */
  __device__ void load(const T *h) {
    for (int64_t j = lane; j < r; j += 32 * STRIP) {
      T x[STRIP];
      LUN_UNROLL
      for (int s = 0; s < STRIP; s++) x[s] = j + 32 * s < r ? h[j + 32 * s] : (T)0;
      LUN_UNROLL
      for (int s = 0; s < STRIP; s++)
        if (j + 32 * s < r) v[j + 32 * s] = x[s];
    }
  }
  template <class G> __device__ void each(G g) const {
    LUN_UNROLL_BY(STRIP)
    for (int64_t j = lane; j < r; j += 32) g(j, v[j]);
  }
  template <class OP, class R> __device__ R all(R x, R) const { return lun_warp_reduce<OP>(x); }
  __device__ bool first(void) const { return lane == 0; }
};

template <class T> struct block_row {
  const T *h;
  int64_t r;
  double *shared;
  static const bool rare = true;
  template <class G> __device__ void each(G g) const {
    for (int64_t j = threadIdx.x; j < r; j += blockDim.x) g(j, h[j]);
  }
  template <class OP, class R> __device__ R all(R x, R nothing) const {
    return lun_block_reduce<OP>(x, nothing, reinterpret_cast<R *>(shared));
  }
  __device__ bool first(void) const { return threadIdx.x == 0; }
};

template <class T> struct moments { T mean, deviation; /* ddof = 1; deviation 0 for one feature */ };

/* The mean is corrected by the mean of the differences from it, and the squares are about the corrected one: a constant
** row has exactly its value as mean and deviation 0. */
template <class T, class Row> static __device__ moments<T> row_moments(const Row &row, int64_t r) {
  T sum = 0, off = 0, squares = 0;
  row.each([&](int64_t, T x) { sum += x; });
  T guess = (T)(row.template all<lun_sum>((double)sum, 0.0) / (double)r);
  row.each([&](int64_t, T x) { off += x - guess; });
  moments<T> m = {(T)((double)guess + row.template all<lun_sum>((double)off, 0.0) / (double)r), 0};
  row.each([&](int64_t, T x) { squares += (x - m.mean) * (x - m.mean); });
  double variance = row.template all<lun_sum>((double)squares, 0.0) / (double)(r > 1 ? r - 1 : 1);
  if (r > 1 && variance > 0) m.deviation = (T)sqrt(variance);
  return m;
}

template <class T> struct score {
  int64_t count, at; /* form v1: at is the position of the first maximum */
  double l1, l2;
  T q, bound;
};

/* Forms v6 and v3. tally, where given, counts for every feature, in D or not, the rows in which it is highly active. */
template <class T, class Row>
static __device__ score<T> score_set(const Row &row, moments<T> m, double epsilon, const int *allowed, int64_t r,
                                     int *tally) {
  score<T> s = {};
  T bound = (T)((double)m.mean + epsilon * (double)m.deviation), excess = 0;
  int size = 0;
  row.each([&](int64_t j, T x) {
    if (!(x > bound)) return;
    if (tally) atomicAdd(&tally[j], 1);
    if (allowed && !allowed[j]) return;
    size++;
    excess += x - m.mean;
  });
  double sum = row.template all<lun_sum>((double)excess, 0.0);
  s.count = row.template all<lun_sum>((int64_t)size, (int64_t)0);
  s.bound = bound;
  s.q = s.count ? (T)(sum / (double)s.count) : (T)0;
  if (allowed && allowed[r]) s.q = (T)NAN;
  return s;
}

/* Form v1: see row_v1 in ops/qscore_kernels.h. */
template <class T, class Row> static __device__ score<T> score_v1(const Row &row, moments<T> m) {
  score<T> s = {};
  double a = 0, b = 0;
  T top = lun_lowest<T>() * (T)1e8, none = top;
  row.each([&](int64_t, T x) {
    double v = (double)x;
    a += v < 0 ? -v : v;
    b += v * v;
    top = x > top ? x : top;
  });
  top = row.template all<lun_max>(top, none);
  int64_t at = INT64_MAX;
  row.each([&](int64_t j, T x) { at = x == top && j < at ? j : at; });
  s.at = row.template all<lun_min>(at, (int64_t)INT64_MAX);
  s.l1 = row.template all<lun_sum>(a, 0.0);
  s.l2 = sqrt(row.template all<lun_sum>(b, 0.0));
  if (!(m.deviation > 0)) return s;
  s.count = 1;
  s.q = (T)(((double)top - (double)m.mean) / (double)m.deviation * s.l2 / s.l1);
  return s;
}

/* ---- scores ---- */

template <class T> struct score_job {
  const T *h;
  int64_t n, r;
  double epsilon;
  bool v1;
  const int *allowed; /* by feature: in D? then whether features named one that h lacks; NULL: all are in D */
  T *q;
  int64_t *count;
  T *mean, *deviation; /* NULL: not wanted, as q and tally */
  int *tally;
};

template <class T, class Row>
static __device__ void score_row(const score_job<T> &w, const Row &row, int64_t i, int *tally) {
  moments<T> m = row_moments<T>(row, w.r);
  score<T> s;
  if (Row::rare && w.v1)
    s = score_v1<T>(row, m);
  else
    s = score_set<T>(row, m, w.epsilon, w.allowed, w.r, tally);
  if (!row.first()) return;
  if (w.q) w.q[i] = s.q;
  if (w.count) w.count[i] = s.count;
  if (w.mean) w.mean[i] = m.mean;
  if (w.deviation) w.deviation[i] = m.deviation;
}

/* Row of this thread's warp, whose place in shared memory begins at `shared`. */
template <class T> static __device__ warp_row<T> row_of_warp(T *shared, int64_t r) {
  warp_row<T> row = {shared + threadIdx.x / 32 * r, r, (int)threadIdx.x % 32};
  return row;
}

template <class T> static __global__ void warp_scores(score_job<T> w) {
  LUN_SHARED(T, shared);
  int64_t warps = blockDim.x / 32;
  warp_row<T> row = row_of_warp(shared, w.r);
  int *tally = w.tally ? reinterpret_cast<int *>(shared + warps * w.r) : NULL;
  if (tally) {
    for (int64_t j = threadIdx.x; j < w.r; j += blockDim.x) tally[j] = 0;
    __syncthreads();
  }
  for (int64_t i = blockIdx.x * warps + threadIdx.x / 32; i < w.n; i += gridDim.x * warps) {
    row.load(w.h + i * w.r);
    score_row(w, row, i, tally);
  }
  if (!tally) return;
  __syncthreads();
  for (int64_t j = threadIdx.x; j < w.r; j += blockDim.x)
    if (tally[j]) atomicAdd(&w.tally[j], tally[j]);
}

template <class T> static __global__ void LUN_WIDE block_scores(score_job<T> w) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < w.n; i += gridDim.x) {
    block_row<T> row = {w.h + i * w.r, w.r, shared};
    score_row(w, row, i, w.tally);
  }
}

/* How many warps of a block can keep a row of r elements of `size` bytes, beside a tally where there is one; 0: none.
 */
static unsigned warps_for(int64_t n, int64_t r, int64_t size, bool tally) {
  unsigned warps = WARPS;
  while (warps && r > MOST_SHARED / (warps * size + (tally ? (int64_t)sizeof(int) : 0))) warps /= 2;
  while (warps > 1 && warps / 2 >= n) warps /= 2;
  return warps;
}

/* With a tally fewer blocks, that each adds to the common one only once in many rows. */
static unsigned warp_blocks(int64_t n, unsigned warps, bool tally) {
  int64_t blocks = (n + warps - 1) / warps, most = tally && LUN_MOST_ROW_BLOCKS > 4096 ? 4096 : LUN_MOST_ROW_BLOCKS;
  return (unsigned)(blocks < most ? blocks : most);
}

template <class T> static int launch_scores(lun_call *c, const score_job<T> &w) {
  unsigned warps = w.v1 ? 0 : warps_for(w.n, w.r, sizeof(T), w.tally != NULL);
  if (!warps)
    return LUN_LAUNCH(c, (block_scores<T>), lun_row_blocks(w.n), lun_row_threads(w.r), 32 * sizeof(double), w);
  size_t shared = (size_t)w.r * (warps * sizeof(T) + (w.tally ? sizeof(int) : 0));
  return LUN_LAUNCH(c, (warp_scores<T>), warp_blocks(w.n, warps, w.tally != NULL), 32 * warps, shared, w);
}

/* ---- what is prepared for them ---- */

static __global__ void clear_words(int *p, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (int64_t)gridDim.x * blockDim.x)
    p[i] = 0;
}

/* A feature may be named twice. */
static __global__ void mark_features(const int64_t *features, int64_t n, int64_t r, int *allowed) {
  for (int64_t k = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; k < n; k += (int64_t)gridDim.x * blockDim.x)
    atomicExch(&allowed[features[k] >= 1 && features[k] <= r ? features[k] - 1 : r], 1);
}

template <class T> struct share_of {
  const int *tally;
  T *share;
  int64_t n;
};
template <class T> static __global__ void write_shares(share_of<T> s, int64_t r) {
  for (int64_t j = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; j < r; j += (int64_t)gridDim.x * blockDim.x)
    s.share[j] = (T)((double)s.tally[j] / (double)s.n);
}

static int clear(lun_call *c, void *p, int64_t bytes) {
  int64_t words = bytes / 4;
  if (!words) return LUN_OK;
  return LUN_LAUNCH(c, clear_words, lun_cuda_blocks(words), lun_few_threads(words), 0, static_cast<int *>(p), words);
}

static int clear_tensor(lun_call *c, const lun_tensor *t) {
  if (!t) return LUN_OK;
  int64_t size = lun_dtype_size(t->dtype);
  return clear(c, static_cast<char *>(t->storage->data) + t->offset * size, lun_numel(t) * size);
}

/* r counters, then D as score_job wants it; *allowed NULL where features is. */
static int prepare(lun_call *c, const lun_tensor *features, int64_t r, lun_tensor **words, int **tally, int **allowed) {
  int64_t bytes = (2 * r + 1) * (int64_t)sizeof(int);
  LUN_TRY(lun_cuda_scratch(c, LUN_U8, bytes, words));
  *tally = lun_elements<int>(*words);
  *allowed = features ? *tally + r : NULL;
  int st = clear(c, *tally, bytes);
  int64_t n = features ? features->shape[0] : 0;
  if (!st && n)
    st = LUN_LAUNCH(c, mark_features, lun_cuda_blocks(n), lun_few_threads(n), 0, lun_elements<int64_t>(features), n, r,
                    *allowed);
  if (st) lun_release(*words);
  return st;
}

/* The outputs that are wanted; the others NULL. */
typedef struct {
  double epsilon;
  bool v1;
  const lun_tensor *features;
  lun_tensor *q, *count, *mean, *deviation, *share;
} wanted;

template <class T> static int scores_as(lun_call *c, const wanted *w, int *tally, const int *allowed) {
  const lun_tensor *h = c->arg[0].t;
  int64_t n = h->shape[0], r = h->shape[1];
  score_job<T> job = {};
  job.h = lun_elements<T>(h);
  job.n = n;
  job.r = r;
  job.epsilon = w->epsilon;
  job.v1 = w->v1;
  job.allowed = allowed;
  job.q = w->q ? lun_elements<T>(w->q) : NULL;
  job.count = w->count ? lun_elements<int64_t>(w->count) : NULL;
  job.mean = w->mean ? lun_elements<T>(w->mean) : NULL;
  job.deviation = w->deviation ? lun_elements<T>(w->deviation) : NULL;
  job.tally = w->share ? tally : NULL;
  LUN_TRY(launch_scores(c, job));
  if (!w->share) return LUN_OK;
  share_of<T> s = {tally, lun_elements<T>(w->share), n};
  return LUN_LAUNCH(c, (write_shares<T>), lun_cuda_blocks(r), lun_few_threads(r), 0, s, r);
}

static int run_scores(lun_call *c, const wanted *w) {
  const lun_tensor *h = c->arg[0].t;
  lun_tensor *const outs[] = {w->q, w->count, w->mean, w->deviation, w->share}, *words = NULL;
  int *tally = NULL, *allowed = NULL, st = LUN_OK;
  if (lun_numel(h) == 0) {
    for (int k = 0; k < 5; k++) LUN_TRY(clear_tensor(c, outs[k]));
    return LUN_OK;
  }
  if (w->features || w->share) LUN_TRY(prepare(c, w->features, h->shape[1], &words, &tally, &allowed));
  LUN_BY_REAL(h->dtype, st = scores_as<T>(c, w, tally, allowed););
  lun_release(words);
  return st;
}

static bool is_v1(const char *form) { return !strncmp(form, "v1", 2); }
static bool is_v6(const char *form) { return !strncmp(form, "v6", 2); }

int lun_cuda_qscore(lun_call *c) {
  wanted w = {};
  w.epsilon = c->arg[1].f;
  w.features = is_v6(c->arg[3].s) ? c->arg[2].t : NULL;
  w.v1 = is_v1(c->arg[3].s);
  w.q = c->out[0];
  w.count = c->out[1];
  return run_scores(c, &w);
}

int lun_cuda_qscore_activation(lun_call *c) {
  wanted w = {};
  w.epsilon = c->arg[1].f;
  w.share = c->out[0];
  w.count = c->out[1];
  return run_scores(c, &w);
}

int lun_cuda_qscore_summary(lun_call *c) {
  wanted w = {};
  w.epsilon = c->arg[1].f;
  w.features = c->arg[2].t;
  w.q = c->out[0];
  w.count = c->out[1];
  w.mean = c->out[2];
  w.deviation = c->out[3];
  w.share = c->out[4];
  return run_scores(c, &w);
}

/* ---- the regularizer ---- */

template <class T> struct column_norm {
  const T *h;
  T *norm;
  int64_t r;
  __device__ void of(int64_t i, int64_t j, double *v) const { *v = fabs((double)h[i * r + j]); }
  __device__ void done(int64_t j, const double *sum) const { norm[j] = (T)*sum; }
};

/* The mean of x, by all threads of a block. */
template <class T> static __device__ double block_mean(const T *x, int64_t n, double *shared) {
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += (double)x[i];
  sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
  return n ? sum / (double)n : 0;
}

/* Sum of the elements below (above: above) the mean, divided by how many elements there are. */
template <class T> static __device__ double beyond_mean(const T *x, int64_t n, bool above, double *shared) {
  double mean = block_mean(x, n, shared), sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    double v = (double)x[i];
    if (above ? v > mean : v < mean) sum += v;
  }
  sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
  return n ? sum / (double)n : 0;
}

template <class T>
static __global__ void LUN_WIDE regularizer_loss(const T *q, int64_t n, const T *norm, int64_t r, double low,
                                                 double over, T *loss) {
  LUN_SHARED(double, shared);
  double below = beyond_mean(q, n, false, shared), above = beyond_mean(norm, r, true, shared);
  if (threadIdx.x == 0) *loss = (T)(over * above - low * below);
}

template <class T> static int regularizer_as(lun_call *c) {
  const lun_tensor *h = c->arg[0].t;
  int64_t n = h->shape[0], r = h->shape[1];
  column_norm<T> f = {lun_elements<T>(h), lun_elements<T>(c->out[3]), r};
  LUN_TRY((lun_columns<1, lun_sum>(c, f, n, r, 0)));
  return LUN_LAUNCH(c, (regularizer_loss<T>), 1, lun_row_threads(n > r ? n : r), 32 * sizeof(double),
                    lun_elements<T>(c->out[1]), n, lun_elements<T>(c->out[3]), r, c->arg[1].f, c->arg[2].f,
                    lun_elements<T>(c->out[0]));
}

int lun_cuda_qscore_regularizer(lun_call *c) {
  wanted w = {};
  w.epsilon = c->arg[3].f;
  w.features = c->arg[4].t;
  w.q = c->out[1];
  w.count = c->out[2];
  LUN_TRY(run_scores(c, &w));
  LUN_BY_REAL(c->arg[0].t->dtype, return regularizer_as<T>(c););
}

/* ---- gradients: dh of sum_i dq_i Q_i with the index sets fixed, and of the regularizer, in one read and one write
 * ---- */

template <class T> struct gradient_job {
  const T *h;
  T *dh;
  int64_t n, r;
  double epsilon;
  bool v1;
  const int *allowed;
  const T *dq;               /* NULL: 0, as dloss */
  const T *q, *dloss, *push; /* for the regularizer, whose q is not NULL; push: what arrives at every column's norm */
  double low;
  const double *mean; /* of q */
};

/* What arrives at score i. */
template <class T> static __device__ double score_gradient(const gradient_job<T> &w, int64_t i) {
  double given = w.dq ? (double)w.dq[i] : 0;
  if (!w.q) return given;
  double pull = w.dloss ? -(double)*w.dloss * w.low / (double)w.n : 0;
  return (double)(T)(((double)w.q[i] < *w.mean ? pull : 0) + given);
}

template <class T, class Row> static __device__ void gradient_row(const gradient_job<T> &w, const Row &row, int64_t i) {
  moments<T> m = row_moments<T>(row, w.r);
  score<T> s;
  if (Row::rare && w.v1)
    s = score_v1<T>(row, m);
  else
    s = score_set<T>(row, m, w.epsilon, w.allowed, w.r, NULL);
  double g = score_gradient(w, i), r = (double)w.r;
  T *out = w.dh + i * w.r;
  bool none = s.count == 0 || g == 0, wrong = w.allowed && w.allowed[w.r];
  if (Row::rare && w.v1 && !none) {
    double q = (double)s.q, deviation = (double)m.deviation, mean = (double)m.mean, lead = s.l2 / (deviation * s.l1);
    double a = q / (s.l2 * s.l2), b = q / s.l1, e = q / ((r - 1) * deviation * deviation);
    row.each([&](int64_t j, T x) {
      double v = (double)x, sign = v > 0 ? 1.0 : v < 0 ? -1.0 : 0.0;
      T y = (T)(g * (a * v - b * sign - e * (v - mean) - lead / r));
      out[j] = j == s.at ? y + (T)(g * lead) : y;
    });
    return;
  }
  T in = none ? (T)0 : (T)(g / (double)s.count - g / r), rest = none ? (T)0 : (T)(-g / r);
  if (wrong) in = rest = (T)NAN;
  row.each([&](int64_t j, T x) {
    T y = x > s.bound && !(w.allowed && !w.allowed[j]) ? in : rest;
    T push = w.push ? w.push[j] : (T)0;
    y += x > 0 ? push : x < 0 ? -push : (T)0;
    out[j] = y;
  });
}

template <class T> static __global__ void warp_gradients(gradient_job<T> w) {
  LUN_SHARED(T, shared);
  int64_t warps = blockDim.x / 32;
  warp_row<T> row = row_of_warp(shared, w.r);
  for (int64_t i = blockIdx.x * warps + threadIdx.x / 32; i < w.n; i += gridDim.x * warps) {
    row.load(w.h + i * w.r);
    gradient_row(w, row, i);
  }
}

template <class T> static __global__ void LUN_WIDE block_gradients(gradient_job<T> w) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < w.n; i += gridDim.x) {
    block_row<T> row = {w.h + i * w.r, w.r, shared};
    gradient_row(w, row, i);
  }
}

template <class T> static int launch_gradients(lun_call *c, const gradient_job<T> &w) {
  unsigned warps = w.v1 ? 0 : warps_for(w.n, w.r, sizeof(T), false);
  if (!warps)
    return LUN_LAUNCH(c, (block_gradients<T>), lun_row_blocks(w.n), lun_row_threads(w.r), 32 * sizeof(double), w);
  return LUN_LAUNCH(c, (warp_gradients<T>), warp_blocks(w.n, warps, false), 32 * warps, (size_t)w.r * warps * sizeof(T),
                    w);
}

template <class T> static gradient_job<T> gradient_of(const lun_call *c, double epsilon, const int *allowed) {
  const lun_tensor *h = c->arg[0].t;
  gradient_job<T> w = {};
  w.h = lun_elements<T>(h);
  w.dh = lun_elements<T>(c->out[0]);
  w.n = h->shape[0];
  w.r = h->shape[1];
  w.epsilon = epsilon;
  w.allowed = allowed;
  return w;
}

template <class T> static int plain_gradient(lun_call *c, const int *allowed) {
  gradient_job<T> w = gradient_of<T>(c, c->arg[2].f, allowed);
  w.v1 = is_v1(c->arg[4].s);
  w.dq = lun_elements<T>(c->arg[1].t);
  return launch_gradients(c, w);
}

int lun_cuda_qscore_grad(lun_call *c) {
  const lun_tensor *h = c->arg[0].t, *features = is_v6(c->arg[4].s) ? c->arg[3].t : NULL;
  lun_tensor *words = NULL;
  int *tally = NULL, *allowed = NULL, st = LUN_OK;
  if (lun_numel(h) == 0) return LUN_OK;
  if (features) LUN_TRY(prepare(c, features, h->shape[1], &words, &tally, &allowed));
  LUN_BY_REAL(h->dtype, st = plain_gradient<T>(c, allowed););
  lun_release(words);
  return st;
}

/* The mean of q, and what arrives at every column's norm: from the loss where it is above the mean, and dnorm. */
template <class T> struct column_job {
  const T *q, *norm, *dloss, *dnorm;
  T *push;
  double *mean, over;
  int64_t n, r;
};

template <class T> static __global__ void LUN_WIDE column_gradients(column_job<T> w) {
  LUN_SHARED(double, shared);
  double alpha = block_mean(w.q, w.n, shared), beta = block_mean(w.norm, w.r, shared);
  double push = w.dloss ? (double)*w.dloss * w.over / (double)w.r : 0;
  for (int64_t j = threadIdx.x; j < w.r; j += blockDim.x)
    w.push[j] = (T)(((double)w.norm[j] > beta ? push : 0) + (w.dnorm ? (double)w.dnorm[j] : 0));
  if (threadIdx.x == 0) *w.mean = alpha;
}

enum { Q = 1, NORM, LOW, OVER, EPSILON, FEATURES, DLOSS, DQ, DNORM };

template <class T> static const T *given(const lun_call *c, int arg) {
  return c->arg[arg].t ? lun_elements<T>(c->arg[arg].t) : NULL;
}

template <class T> static int regularizer_gradient(lun_call *c, const int *allowed, double *mean, T *push) {
  gradient_job<T> w = gradient_of<T>(c, c->arg[EPSILON].f, allowed);
  column_job<T> columns = {
      given<T>(c, Q), given<T>(c, NORM), given<T>(c, DLOSS), given<T>(c, DNORM), push, mean, c->arg[OVER].f, w.n, w.r};
  unsigned threads = lun_row_threads(w.n > w.r ? w.n : w.r);
  w.q = columns.q;
  w.dloss = columns.dloss;
  w.dq = given<T>(c, DQ);
  w.low = c->arg[LOW].f;
  w.mean = mean;
  w.push = push;
  LUN_TRY(LUN_LAUNCH(c, (column_gradients<T>), 1, threads, 32 * sizeof(double), columns));
  return launch_gradients(c, w);
}

int lun_cuda_qscore_regularizer_grad(lun_call *c) {
  const lun_tensor *h = c->arg[0].t, *features = c->arg[FEATURES].t;
  lun_tensor *words = NULL, *mean = NULL, *push = NULL;
  int *tally = NULL, *allowed = NULL;
  if (lun_numel(h) == 0) return LUN_OK;
  int st = lun_cuda_scratch(c, LUN_F64, 1, &mean);
  if (!st) st = lun_cuda_scratch(c, h->dtype, h->shape[1], &push);
  if (!st && features) st = prepare(c, features, h->shape[1], &words, &tally, &allowed);
  if (!st)
    LUN_BY_REAL(h->dtype, st = regularizer_gradient<T>(c, allowed, lun_elements<double>(mean), lun_elements<T>(push)););
  lun_release(words);
  lun_release(mean);
  lun_release(push);
  return st;
}
