/* ssl_simclr.cu: SimCLR's NT-Xent loss and its gradient; see ops/ssl_simclr.c.
**
** With m = 2n rows of d elements: one product of 2 m m d operations each way and one back, and m m similarities, which
** are read once forward (4 m m bytes in f32 after they were written), and read twice and written once backward.
*/
#include "kernels.h"
#include "matrix.h"
#include "real.h"
#include "sums.h"

/* Views stacked, rows scaled to unit length: z and the lengths. */
template <class T>
static __global__ void LUN_WIDE stack_unit_rows(const T *z1, const T *z2, T *z, T *norm, int64_t n, int64_t d) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < 2 * n; i += gridDim.x) {
    const T *x = i < n ? z1 + i * d : z2 + (i - n) * d;
    T s = 0;
    for (int64_t j = threadIdx.x; j < d; j += blockDim.x) s += x[j] * x[j];
    T length = (T)sqrt(lun_block_reduce<lun_sum>((double)s, 0.0, shared));
    if (length < (T)1e-12) length = (T)1e-12;
    for (int64_t j = threadIdx.x; j < d; j += blockDim.x) z[i * d + j] = x[j] / length;
    if (threadIdx.x == 0) norm[i] = length;
  }
}

/* lse_i = log of the sum over j != i of exp(s_ij / t), in one pass with a running maximum, from which the positive is
** left out; each_i: row i's loss, log1p of the others' sum where the positive is the largest, see
** ops/ssl_simclr_kernels.h. */
template <class T>
static __global__ void LUN_WIDE nt_xent_rows(const T *s, T *lse, double *each, int64_t n, T temperature) {
  LUN_SHARED(double, shared);
  int64_t m = 2 * n;
  for (int64_t i = blockIdx.x; i < m; i += gridDim.x) {
    int64_t positive = i < n ? i + n : i - n;
    const T *p = s + i * m;
    T top = p[positive] / temperature, own = top, sum = 0;
    for (int64_t j = threadIdx.x; j < m; j += blockDim.x) {
      T v = p[j] / temperature;
      if (j == i || j == positive) continue;
      if (v > top) sum *= lun_exp(top - v), top = v;
      sum += lun_exp(v - top);
    }
    T high = lun_block_reduce<lun_max>(top, lun_lowest<T>(), reinterpret_cast<T *>(shared));
    double all = lun_block_reduce<lun_sum>((double)(sum * lun_exp(top - high)), 0.0, shared);
    if (threadIdx.x) continue;
    double sums = all + exp((double)(own - high));
    lse[i] = high + (T)log(sums);
    each[i] = own >= high ? log1p(all) : log(sums) + (double)(high - own);
  }
}

/* s (m,m) = z z^T */
template <class T> static int similarities(lun_call *c, lun_dtype type, const T *z, T *s, int64_t m, int64_t d) {
  return lun_product(c, type, m, m, d, 1, lun_matrix(z, d, false), lun_matrix(z, d, true), 0, s);
}

template <class T> static int simclr_as(lun_call *c, T *s, double *each) {
  int64_t n = c->arg[0].t->shape[0], d = c->arg[0].t->shape[1], m = 2 * n;
  T *z = lun_elements<T>(c->out[1]), *lse = lun_elements<T>(c->out[3]);
  LUN_TRY(LUN_LAUNCH(c, (stack_unit_rows<T>), lun_row_blocks(m), lun_row_threads(d), 32 * sizeof(double),
                     lun_elements<T>(c->arg[0].t), lun_elements<T>(c->arg[1].t), z, lun_elements<T>(c->out[2]), n, d));
  LUN_TRY(similarities(c, c->arg[0].t->dtype, z, s, m, d));
  LUN_TRY(LUN_LAUNCH(c, (nt_xent_rows<T>), lun_row_blocks(m), lun_row_threads(m), 32 * sizeof(double), s, lse, each, n,
                     (T)c->arg[2].f));
  lun_mean_into<double, T> mean = {each, lun_elements<T>(c->out[0]), 0, 1 / (double)m};
  return lun_total(c, mean, m);
}

int lun_cuda_simclr(lun_call *c) {
  const lun_tensor *z = c->arg[0].t;
  int64_t m = 2 * z->shape[0];
  lun_tensor *s = NULL, *each = NULL;
  int st = lun_cuda_scratch(c, z->dtype, m * m, &s);
  if (!st) st = lun_cuda_scratch(c, LUN_F64, m, &each);
  if (!st) LUN_BY_REAL(z->dtype, st = simclr_as<T>(c, lun_elements<T>(s), lun_elements<double>(each)););
  lun_release(s);
  lun_release(each);
  return st;
}

/* others_i: the sum of exp(s_ij / t - lse_i) over j but i and its positive, which is 1 - p of the positive. */
template <class T>
static __global__ void LUN_WIDE nt_xent_others(const T *s, const T *lse, double *others, int64_t n, T temperature) {
  LUN_SHARED(double, shared);
  int64_t m = 2 * n;
  for (int64_t i = blockIdx.x; i < m; i += gridDim.x) {
    int64_t positive = i < n ? i + n : i - n;
    T own = lse[i], sum = 0;
    for (int64_t j = threadIdx.x; j < m; j += blockDim.x)
      if (j != i && j != positive) sum += lun_exp(s[i * m + j] / temperature - own);
    double all = lun_block_reduce<lun_sum>((double)sum, 0.0, shared);
    if (threadIdx.x == 0) others[i] = all;
  }
}

/* s <- d loss / d (z z^T) made symmetric: see nt_xent_weights in ops/ssl_simclr_kernels.h. */
template <class T>
static __global__ void LUN_WIDE nt_xent_weights(T *s, const T *lse, const double *others, const T *g, int64_t n,
                                                T temperature) {
  int64_t m = 2 * n;
  T scale = *g / ((T)m * temperature);
  for (int64_t i = blockIdx.x; i < m; i += gridDim.x) {
    int64_t positive = i < n ? i + n : i - n;
    T own = lse[i];
    for (int64_t j = threadIdx.x; j < m; j += blockDim.x) {
      T v = s[i * m + j] / temperature;
      T w = j == positive ? (T) - (others[i] + others[j]) : lun_exp(v - own) + lun_exp(v - lse[j]);
      s[i * m + j] = j == i ? (T)0 : w * scale;
    }
  }
}

/* The gradient of unit rows z to their rows before, a view each: (g - z (g . z)) / norm. */
template <class T>
static __global__ void LUN_WIDE unstack_gradient(const T *g, const T *z, const T *norm, T *dz1, T *dz2, int64_t n,
                                                 int64_t d) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < 2 * n; i += gridDim.x) {
    const T *gi = g + i * d, *zi = z + i * d;
    T *out = i < n ? dz1 + i * d : dz2 + (i - n) * d, s = 0;
    for (int64_t j = threadIdx.x; j < d; j += blockDim.x) s += gi[j] * zi[j];
    s = (T)lun_block_reduce<lun_sum>((double)s, 0.0, shared);
    if (norm[i] <= (T)1e-12) s = 0; /* raised to that, it is a constant */
    for (int64_t j = threadIdx.x; j < d; j += blockDim.x) out[j] = (gi[j] - zi[j] * s) / norm[i];
  }
}

template <class T> static int simclr_grad_as(lun_call *c, T *s, T *dz, double *others) {
  const lun_tensor *unit = c->arg[1].t;
  int64_t m = unit->shape[0], n = m / 2, d = unit->shape[1];
  const T *z = lun_elements<T>(unit);
  LUN_TRY(similarities(c, unit->dtype, z, s, m, d));
  const T *lse = lun_elements<T>(c->arg[3].t);
  LUN_TRY(LUN_LAUNCH(c, (nt_xent_others<T>), lun_row_blocks(m), lun_row_threads(m), 32 * sizeof(double), s, lse, others,
                     n, (T)c->arg[4].f));
  LUN_TRY(LUN_LAUNCH(c, (nt_xent_weights<T>), lun_row_blocks(m), lun_row_threads(m), 0, s, lse, others,
                     lun_elements<T>(c->arg[0].t), n, (T)c->arg[4].f));
  LUN_TRY(lun_product(c, unit->dtype, m, d, m, 1, lun_matrix(s, m, false), lun_matrix(z, d, false), 0, dz));
  return LUN_LAUNCH(c, (unstack_gradient<T>), lun_row_blocks(m), lun_row_threads(d), 32 * sizeof(double), dz, z,
                    lun_elements<T>(c->arg[2].t), lun_elements<T>(c->out[0]), lun_elements<T>(c->out[1]), n, d);
}

int lun_cuda_simclr_grad(lun_call *c) {
  const lun_tensor *z = c->arg[1].t;
  int64_t m = z->shape[0], d = z->shape[1];
  lun_tensor *s = NULL, *dz = NULL, *others = NULL;
  if (m == 0 || d == 0) return LUN_OK;
  int st = lun_cuda_scratch(c, z->dtype, m * m, &s);
  if (!st) st = lun_cuda_scratch(c, z->dtype, m * d, &dz);
  if (!st) st = lun_cuda_scratch(c, LUN_F64, m, &others);
  if (!st)
    LUN_BY_REAL(z->dtype,
                st = simclr_grad_as<T>(c, lun_elements<T>(s), lun_elements<T>(dz), lun_elements<double>(others)););
  lun_release(others);
  lun_release(s);
  lun_release(dz);
  return st;
}
