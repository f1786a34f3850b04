/* softmax_kernels.h: rows of (n, k) for one element type; see real.h. */
#include "exp_rows_kernels.h"

static void FN(softmax_rows)(const real *x, real *y, int64_t n, int64_t k, bool take_log, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * k > 16384)
  for (int64_t i = 0; i < n; i++) {
    real lse = FN(log_sum_exp)(x + i * k, k);
    for (int64_t j = 0; j < k; j++) y[i * k + j] = take_log ? x[i * k + j] - lse : REAL_EXP(x[i * k + j] - lse);
  }
}

/* softmax: dx = y (g - sum(g y)).  log_softmax: dx = g - exp(y) sum(g). */
static void FN(softmax_grad_rows)(const real *g, const real *y, real *dx, int64_t n, int64_t k, bool log, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * k > 16384)
  for (int64_t i = 0; i < n; i++) {
    const real *gi = g + i * k, *yi = y + i * k;
    real s = 0;
    for (int64_t j = 0; j < k; j++) s += log ? gi[j] : gi[j] * yi[j];
    for (int64_t j = 0; j < k; j++) dx[i * k + j] = log ? gi[j] - REAL_EXP(yi[j]) * s : yi[j] * (gi[j] - s);
  }
}

/* Mean over rows of lse_i - x[i, label_i]. */
static void FN(cross_entropy_rows)(const real *x, const int64_t *label, real *loss, real *lse, int64_t n, int64_t k) {
  double total = 0;
  for (int64_t i = 0; i < n; i++) {
    lse[i] = FN(log_sum_exp)(x + i * k, k);
    total += (double)(lse[i] - x[i * k + label[i] - 1]);
  }
  *loss = (real)(total / (double)n);
}

static void FN(cross_entropy_grad_rows)(const real *g, const real *x, const int64_t *label, const real *lse, real *dx,
                                        int64_t n, int64_t k, int threads) {
  real scale = *g / (real)n;
#pragma omp parallel for num_threads(threads) schedule(static) if (n * k > 16384)
  for (int64_t i = 0; i < n; i++) {
    for (int64_t j = 0; j < k; j++) dx[i * k + j] = scale * REAL_EXP(x[i * k + j] - lse[i]);
    dx[i * k + label[i] - 1] -= scale;
  }
}
