/* ssl_moco.cu: the InfoNCE losses of MoCo; see ops/ssl_moco.c. Candidates pass in blocks, with running maxima, so that
** the (n,K) similarities never exist as a whole: a block of 4 million stays in the device's cache between the product
** that makes it, the pass that turns it into weights and the product that adds up what they pull. Bound by these
** products, 4 n K d operations, and the candidates' 8 K d bytes (each product reads them).
*/
#include "kernels.h"
#include "matrix.h"
#include "real.h"
#include "sums.h"

/* Unit rows u of q and v of k, and q's lengths; see ops/ssl_moco_kernels.h for what is kept of every sample. */
template <class T> struct state {
  T *u, *v, *norm, *pull, *positive, *top;
  double *sum;
};

template <class T>
static __global__ void LUN_WIDE info_nce_begin(const T *q, const T *k, state<T> w, int64_t n, int64_t d) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    T aa = 0, bb = 0, ab = 0;
    for (int64_t j = i * d + threadIdx.x; j < (i + 1) * d; j += blockDim.x) {
      aa += q[j] * q[j];
      bb += k[j] * k[j];
    }
    T a = lun_sqrt((T)lun_block_reduce<lun_sum>((double)aa, 0.0, shared));
    T b = lun_sqrt((T)lun_block_reduce<lun_sum>((double)bb, 0.0, shared));
    a = a > (T)1e-12 ? a : (T)1e-12;
    b = b > (T)1e-12 ? b : (T)1e-12;
    for (int64_t j = i * d + threadIdx.x; j < (i + 1) * d; j += blockDim.x) {
      T x = q[j] / a, y = k[j] / b;
      w.u[j] = x;
      w.v[j] = y;
      w.pull[j] = 0;
      ab += x * y;
    }
    T s = (T)lun_block_reduce<lun_sum>((double)ab, 0.0, shared);
    if (threadIdx.x) continue;
    w.norm[i] = a;
    w.positive[i] = w.top[i] = s;
    w.sum[i] = 0;
  }
}

/* A block's cosines s (n,wide) become e = exp((cosine - top) / t); old sums and pulls follow the new top. Where
** positives are among the candidates, sample i's is in column own + i and no negative; own is `wide` where they are
** not. */
template <class T>
static __global__ void LUN_WIDE info_nce_block(T *s, state<T> w, int64_t n, int64_t wide, int64_t d, int64_t own,
                                               T per_t) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    T *row = s + i * wide, high = lun_lowest<T>(), was = w.top[i], none = lun_lowest<T>();
    double old = w.sum[i], sum = 0;
    for (int64_t j = threadIdx.x; j < wide; j += blockDim.x)
      if (j != own + i) high = row[j] > high ? row[j] : high;
    high = lun_block_reduce<lun_max>(high, none, reinterpret_cast<T *>(shared));
    if (high > was) {
      T fade = lun_exp((was - high) * per_t);
      old *= (double)fade;
      for (int64_t j = i * d + threadIdx.x; j < (i + 1) * d; j += blockDim.x) w.pull[j] *= fade;
    } else
      high = was;
    for (int64_t j = threadIdx.x; j < wide; j += blockDim.x) {
      T e = j == own + i ? (T)0 : lun_exp((row[j] - high) * per_t);
      row[j] = e;
      sum += (double)e;
    }
    sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
    if (threadIdx.x == 0) w.sum[i] = old + sum, w.top[i] = high;
  }
}

/* each_i = log(sum + e) - (positive - top) / t, e the positive's; pull becomes that loss's gradient to the unit row, and
** then to q's. */
template <class T>
static __global__ void LUN_WIDE info_nce_end(state<T> w, double *each, T *dq, int64_t n, int64_t d, double factor,
                                             T per_t) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    double below = (double)((w.top[i] - w.positive[i]) * per_t), all = w.sum[i] + exp(-below);
    T scale = (T)(factor / (double)n) * per_t, share = (T)(1 / all), negatives = (T)(w.sum[i] / all), along = 0;
    for (int64_t j = i * d + threadIdx.x; j < (i + 1) * d; j += blockDim.x)
      along += (w.pull[j] * share - w.v[j] * negatives) * scale * w.u[j];
    along = (T)lun_block_reduce<lun_sum>((double)along, 0.0, shared);
    if (w.norm[i] <= (T)1e-12) along = 0;
    for (int64_t j = i * d + threadIdx.x; j < (i + 1) * d; j += blockDim.x)
      dq[j] = ((w.pull[j] * share - w.v[j] * negatives) * scale - w.u[j] * along) / w.norm[i];
    if (threadIdx.x == 0) each[i] = below <= 0 ? log1p(w.sum[i]) : log(all) + below;
  }
}

#ifdef LUN_CUDA_SMALL /* small, so that tests see several blocks */
static int64_t block_rows(int64_t) { return 200; }
#else
static int64_t block_rows(int64_t n) {
  int64_t rows = ((int64_t)1 << 22) / n;
  return rows > 1024 ? rows : 1024;
}
#endif

template <class T>
static int pass_all(lun_call *c, const state<T> &w, const T *candidates, int64_t k, int64_t rows, T *s, double per_t) {
  const lun_tensor *q = c->arg[0].t;
  int64_t n = q->shape[0], d = q->shape[1];
  for (int64_t at = 0; at < k; at += rows) {
    if (lun_poll(c)) return lun_interrupted(c);
    int64_t wide = k - at < rows ? k - at : rows, own = candidates == w.v ? -at : wide;
    const T *block = candidates + at * d;
    LUN_TRY(lun_product(c, q->dtype, n, wide, d, 1, lun_matrix(w.u, d, false), lun_matrix(block, d, true), 0, s));
    LUN_TRY(LUN_LAUNCH(c, (info_nce_block<T>), lun_row_blocks(n), lun_row_threads(wide), 32 * sizeof(double), s, w, n,
                       wide, d, own, (T)per_t));
    LUN_TRY(
        lun_product(c, q->dtype, n, d, wide, 1, lun_matrix(s, wide, false), lun_matrix(block, d, false), 1, w.pull));
  }
  return LUN_OK;
}

/* numbers: n rows similarities, 3 n d and 3 n; sums: 2 n. */
template <class T>
static int info_nce_as(lun_call *c, const lun_tensor *queue, int64_t rows, T *numbers, double *sums, double temperature,
                       double factor) {
  const lun_tensor *q = c->arg[0].t;
  int64_t n = q->shape[0], d = q->shape[1], nd = n * d;
  double per_t = 1 / temperature, *each = sums + n;
  T *s = numbers, *u = numbers + n * rows, *norm = u + 3 * nd;
  state<T> w = {u, u + nd, norm, u + 2 * nd, norm + n, norm + 2 * n, sums};
  unsigned blocks = lun_row_blocks(n), threads = lun_row_threads(d);
  LUN_TRY(LUN_LAUNCH(c, (info_nce_begin<T>), blocks, threads, 32 * sizeof(double), lun_elements<T>(q),
                     lun_elements<T>(c->arg[1].t), w, n, d));
  LUN_TRY((pass_all<T>(c, w, queue ? lun_elements<T>(queue) : w.v, queue ? queue->shape[0] : n, rows, s, per_t)));
  LUN_TRY(LUN_LAUNCH(c, (info_nce_end<T>), blocks, threads, 32 * sizeof(double), w, each, lun_elements<T>(c->out[1]), n,
                     d, factor, (T)per_t));
  lun_mean_into<double, T> mean = {each, lun_elements<T>(c->out[0]), 0, factor / (double)n};
  return lun_total(c, mean, n);
}

/* queue NULL: the candidates are the unit rows of k, each sample's positive among them. */
static int info_nce_of(lun_call *c, const lun_tensor *queue, double temperature, double factor) {
  const lun_tensor *q = c->arg[0].t;
  int64_t n = q->shape[0], d = q->shape[1], k = queue ? queue->shape[0] : n, rows = block_rows(n);
  lun_tensor *numbers = NULL, *sums = NULL;
  if (rows > k) rows = k;
  int st = lun_cuda_scratch(c, q->dtype, 3 * n * d + 3 * n + n * rows, &numbers);
  if (!st) st = lun_cuda_scratch(c, LUN_F64, 2 * n, &sums);
  if (!st)
    LUN_BY_REAL(q->dtype, st = info_nce_as<T>(c, queue, rows, lun_elements<T>(numbers), lun_elements<double>(sums),
                                              temperature, factor););
  lun_release(numbers);
  lun_release(sums);
  return st;
}

int lun_cuda_moco(lun_call *c) { return info_nce_of(c, c->arg[2].t, c->arg[3].f, 1); }
int lun_cuda_mocov3(lun_call *c) { return info_nce_of(c, NULL, c->arg[2].f, 2 * c->arg[2].f); }
