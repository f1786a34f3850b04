/* logistic.c: the objective of softmax regression and its gradient, evaluated in one read of the data. */
#include "ops/logistic.h"

#include <math.h>
#include <string.h>

#if defined(__AVX512F__)
#define LOGISTIC_VECTOR 64
#elif defined(__AVX__)
#define LOGISTIC_VECTOR 32
#else
#define LOGISTIC_VECTOR 16
#endif
#define LOGISTIC_BLOCK 128 /* rows: a block of 128 x 2048 floats stays in the second-level cache */
#define KERNELS        "logistic_kernels.h"
#include "real.h"

int LUN_LOCAL(logistic_check)(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *y = c->arg[1].t;
  int64_t classes = c->arg[2].i;
  LUN_TRY(lun_need_ndim(c, 0, 2));
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_shape(c, 1, 1, x->shape, "one label per row of x"));
  LUN_TRY(lun_need_dtype(c, 1, LUN_I64));
  if (x->shape[0] < 1 || x->shape[1] < 1) return lun_bad(c, LUN_ESHAPE, "x has no rows or no columns");
  if (classes < 2) return lun_bad(c, LUN_EARG, "classes must be at least 2, got %lld", (long long)classes);
  for (int64_t i = 0; y->device == LUN_CPU && i < y->shape[0]; i++)
    if (lun_i64(y)[i] < 1 || lun_i64(y)[i] > classes)
      return lun_bad(c, LUN_EARG, "y[%lld] is %lld, outside the classes 1..%lld%s", (long long)i + 1,
                     (long long)lun_i64(y)[i], (long long)classes, lun_i64(y)[i] == 0 ? " (labels count from 1)" : "");
  return LUN_OK;
}

int LUN_LOCAL(logistic_open)(lun_call *c, double l2, int64_t rows, logistic *w) {
  const lun_tensor *x = c->arg[0].t;
  int64_t size = lun_dtype_size(x->dtype);
  *w = (logistic){.call = c, .dtype = x->dtype, .n = x->shape[0], .d = x->shape[1], .classes = c->arg[2].i, .l2 = l2};
  LUN_TRY(lun_mul(c->ctx, w->classes, w->d + 1, &w->params));
  w->parts = (rows + 63) / 64 < 16 ? (rows + 63) / 64 : 16;
  while (w->parts > 1 && w->parts * w->params > (int64_t)1 << 23) w->parts /= 2; /* at most 64 MiB of sums */
  int64_t block = LOGISTIC_BLOCK * w->classes * size;
  LUN_TRY(lun_scratch(c, w->parts * w->params * 8, (void **)&w->grads));
  LUN_TRY(lun_scratch(c, w->parts * 8, (void **)&w->losses));
  LUN_TRY(lun_scratch(c, w->parts * block, (void **)&w->blocks));
  return lun_scratch(c, BY_REAL(w->dtype, padded_classes, w->classes) * w->d * size, &w->weight);
}

void LUN_LOCAL(logistic_close)(logistic *w) {
  lun_scratch_free(w->call, w->grads);
  lun_scratch_free(w->call, w->losses);
  lun_scratch_free(w->call, w->blocks);
  lun_scratch_free(w->call, w->weight);
}

double LUN_LOCAL(logistic_objective)(logistic *w, const void *x, const int64_t *y, int64_t rows, const double *theta,
                                     double *grad, double *cross_entropy) {
  int64_t parts = w->parts, weights = w->classes * w->d, block = LOGISTIC_BLOCK * w->classes * lun_dtype_size(w->dtype);
  int threads = w->call->threads < parts ? w->call->threads : (int)parts;
  BY_REAL(w->dtype, pack_weights, theta, w->d, w->classes, w->weight);
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t p = 0; p < parts; p++)
    w->losses[p] = BY_REAL(w->dtype, part_objective, x, y, rows * p / parts, rows * (p + 1) / parts, w->d, w->classes,
                           w->weight, theta + weights, w->blocks + p * block, w->grads + p * w->params);
  double loss = 0, norm = 0;
  for (int64_t p = 0; p < parts; p++) loss += w->losses[p];
#pragma omp parallel for num_threads(threads) schedule(static) if (w->params > 65536)
  for (int64_t i = 0; i < w->params; i++) {
    double s = 0;
    for (int64_t p = 0; p < parts; p++) s += w->grads[p * w->params + i];
    grad[i] = s / (double)rows + (i < weights ? w->l2 * theta[i] : 0);
  }
  for (int64_t i = 0; i < weights; i++) norm += theta[i] * theta[i];
  loss /= (double)rows;
  if (cross_entropy) *cross_entropy = loss;
  return loss + 0.5 * w->l2 * norm;
}

void LUN_LOCAL(logistic_output)(const logistic *w, double *theta, lun_tensor *weight, lun_tensor *bias) {
  double *b = theta + w->classes * w->d, mean = 0;
  for (int64_t k = 0; k < w->classes; k++) mean += b[k] / (double)w->classes;
  for (int64_t k = 0; k < w->classes; k++) b[k] -= mean;
  BY_REAL(w->dtype, round_weights, theta, w->classes * w->d, lun_data(weight));
  BY_REAL(w->dtype, round_weights, b, w->classes, lun_data(bias));
}
