/* ssl_cosine.cu: BYOL's and SimSiam's losses and their gradient; see ops/ssl_cosine.c. Bound by memory: both rows are
** read once forward (8 bytes an f32 element), and read once with one write backward (12 bytes). */
#include "kernels.h"
#include "real.h"
#include "sums.h"

template <class T>
static __global__ void LUN_WIDE row_cosines(const T *p, const T *z, T *cosine, T *p_norm, T *z_norm, int64_t n,
                                            int64_t d) {
  LUN_SHARED(double, shared);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    const T *a = p + i * d, *b = z + i * d;
    T aa = 0, bb = 0, ab = 0;
    for (int64_t j = threadIdx.x; j < d; j += blockDim.x) {
      T x = a[j], y = b[j];
      aa += x * x;
      bb += y * y;
      ab += x * y;
    }
    T u = lun_sqrt((T)lun_block_reduce<lun_sum>((double)aa, 0.0, shared));
    T v = lun_sqrt((T)lun_block_reduce<lun_sum>((double)bb, 0.0, shared));
    T dot = (T)lun_block_reduce<lun_sum>((double)ab, 0.0, shared);
    if (threadIdx.x) continue;
    u = u > (T)1e-12 ? u : (T)1e-12;
    v = v > (T)1e-12 ? v : (T)1e-12;
    p_norm[i] = u;
    z_norm[i] = v;
    cosine[i] = dot / u / v;
  }
}

/* loss = offset - factor mean(cos) */
template <class T> static int cosine_as(lun_call *c, double offset, double factor) {
  const lun_tensor *p = c->arg[0].t;
  int64_t n = p->shape[0], d = p->shape[1];
  T *cosine = lun_elements<T>(c->out[1]);
  LUN_TRY(LUN_LAUNCH(c, (row_cosines<T>), lun_row_blocks(n), lun_row_threads(d), 32 * sizeof(double),
                     lun_elements<T>(p), lun_elements<T>(c->arg[1].t), cosine, lun_elements<T>(c->out[2]),
                     lun_elements<T>(c->out[3]), n, d));
  lun_mean_into<T, T> mean = {cosine, lun_elements<T>(c->out[0]), offset, -factor / (double)n};
  return lun_total(c, mean, n);
}

int lun_cuda_byol(lun_call *c) { LUN_BY_REAL(c->arg[0].t->dtype, return cosine_as<T>(c, 2, 2);); }
int lun_cuda_simsiam(lun_call *c) { LUN_BY_REAL(c->arg[0].t->dtype, return cosine_as<T>(c, 0, 1);); }

/* dp = - g factor / n (z/|z| - cos p/|p|) / |p|; where |p| was raised to 1e-12 it is a constant. */
template <class T>
static __global__ void LUN_WIDE cosine_grad_rows(const T *g, const T *p, const T *z, const T *cosine, const T *p_norm,
                                                 const T *z_norm, T *dp, int64_t n, int64_t d, double factor) {
  T scale = (T)(-(double)*g * factor / (double)n);
  for (int64_t i = blockIdx.x; i < n; i += gridDim.x) {
    T of_z = scale / (z_norm[i] * p_norm[i]), of_p = scale * cosine[i] / p_norm[i] / p_norm[i];
    if (p_norm[i] <= (T)1e-12) of_p = 0;
    for (int64_t j = i * d + threadIdx.x; j < (i + 1) * d; j += blockDim.x) dp[j] = of_z * z[j] - of_p * p[j];
  }
}

template <class T> static int cosine_grad_as(lun_call *c) {
  const lun_tensor *p = c->arg[1].t;
  int64_t n = p->shape[0], d = p->shape[1];
  return LUN_LAUNCH(c, (cosine_grad_rows<T>), lun_row_blocks(n), lun_row_threads(d), 0, lun_elements<T>(c->arg[0].t),
                    lun_elements<T>(p), lun_elements<T>(c->arg[2].t), lun_elements<T>(c->arg[3].t),
                    lun_elements<T>(c->arg[4].t), lun_elements<T>(c->arg[5].t), lun_elements<T>(c->out[0]), n, d,
                    c->arg[6].f);
}

int lun_cuda_cosine_grad(lun_call *c) {
  if (lun_numel(c->arg[1].t) == 0) return LUN_OK;
  LUN_BY_REAL(c->arg[1].t->dtype, return cosine_grad_as<T>(c););
}
