/* ssl_swav_kernels.h: Sinkhorn-Knopp and SwAV's cross entropy for one element type; see real.h. */
#include "soft_targets_kernels.h"

/* Sinkhorn-Knopp as factors v (n) and u (k) of a matrix e that stays as it is: exp(s / epsilon) without the largest
** number of every row, then of every column, so that each holds a 1 and none vanishes or overflows. v starts with what
** was taken out of rows; columns start anew anyhow. Factors are double: their range is that of exp(s / epsilon).
** Rows are summed in `parts` parts, whose number depends on n alone: the sums are those of any thread count. */
static void FN(sinkhorn_begin)(const real *s, real *e, double *u, double *v, double *sums, int64_t n, int64_t k,
                               int64_t parts, double per_epsilon, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * k > 16384)
  for (int64_t p = 0; p < parts; p++) {
    double *high = sums + p * k;
    for (int64_t j = 0; j < k; j++) high[j] = -INFINITY;
    for (int64_t i = n * p / parts; i < n * (p + 1) / parts; i++) {
      real top = FN(row_top)(s + i * k, k);
      v[i] = (double)top;
      for (int64_t j = 0; j < k; j++) high[j] = (double)(s[i * k + j] - top) > high[j] ? s[i * k + j] - top : high[j];
    }
  }
  double top = v[0];
  for (int64_t i = 1; i < n; i++) top = v[i] > top ? v[i] : top;
  for (int64_t j = 0; j < k; j++) {
    u[j] = sums[j];
    for (int64_t p = 1; p < parts; p++) u[j] = sums[p * k + j] > u[j] ? sums[p * k + j] : u[j];
  }
#pragma omp parallel for num_threads(threads) schedule(static) if (n * k > 16384)
  for (int64_t i = 0; i < n; i++) {
#pragma omp simd
    for (int64_t j = 0; j < k; j++)
      e[i * k + j] = REAL_EXP((s[i * k + j] - (real)v[i] - (real)u[j]) * (real)per_epsilon);
    v[i] = exp((v[i] - top) * per_epsilon);
  }
}

/* Unless first, samples: v_i = 1 / sum_k u_k e_ik. Then sums_k = sum_i v_i e_ik. */
static void FN(sinkhorn_samples)(const real *e, const double *u, double *v, double *sums, int64_t n, int64_t k,
                                 int64_t parts, bool first, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * k > 16384)
  for (int64_t p = 0; p < parts; p++) {
    double *sum = sums + p * k;
    memset(sum, 0, (size_t)k * sizeof *sum);
    for (int64_t i = n * p / parts; i < n * (p + 1) / parts; i++) {
      const real *row = e + i * k;
      if (!first) {
        double s = 0;
#pragma omp simd reduction(+ : s)
        for (int64_t j = 0; j < k; j++) s += u[j] * (double)row[j];
        v[i] = 1 / (s > 1e-300 ? s : 1e-300);
      }
#pragma omp simd
      for (int64_t j = 0; j < k; j++) sum[j] += v[i] * (double)row[j];
    }
  }
}

/* Targets: rows of u e that sum to 1. */
static void FN(sinkhorn_end)(real *e, const double *u, int64_t n, int64_t k, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * k > 16384)
  for (int64_t i = 0; i < n; i++) {
    real *row = e + i * k;
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t j = 0; j < k; j++) s += u[j] * (double)row[j];
    s = 1 / (s > 1e-300 ? s : 1e-300);
#pragma omp simd
    for (int64_t j = 0; j < k; j++) row[j] = (real)(u[j] * (double)row[j] * s);
  }
}

static void FN(swav_rows)(const real *s, const real *q, real *each, real *scratch, real *loss, int64_t n, int64_t k,
                          int64_t parts, real per_t, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * k > 16384)
  for (int64_t p = 0; p < parts; p++)
    for (int64_t i = n * p / parts; i < n * (p + 1) / parts; i++)
      each[i] = FN(soft_cross_entropy)(s + i * k, q + i * k, scratch + p * k, k, per_t);
  *loss = FN(mean_of)(each, n);
}

static void FN(swav_grad_rows)(const real *g, const real *s, const real *q, real *ds, int64_t n, int64_t k, real per_t,
                               int threads) {
  real scale = *g * per_t / (real)n;
#pragma omp parallel for num_threads(threads) schedule(static) if (n * k > 16384)
  for (int64_t i = 0; i < n; i++) FN(soft_cross_entropy_grad)(s + i * k, q + i * k, ds + i * k, k, per_t, scale);
}
