/* ssl_vicreg_kernels.h: centred columns and VICReg's invariance for one element type; see real.h. */
#include "ssl_redundancy_kernels.h"

/* y = x - column means, 64 columns at a time */
static void FN(center_columns)(const real *x, real *y, int64_t n, int64_t d, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * d > 16384)
  for (int64_t at = 0; at < d; at += 64) {
    int64_t w = d - at < 64 ? d - at : 64;
    double mean[64] = {0};
    for (int64_t i = 0; i < n; i++)
#pragma omp simd
      for (int64_t j = 0; j < w; j++) mean[j] += (double)x[i * d + at + j];
    for (int64_t j = 0; j < w; j++) mean[j] /= (double)n;
    for (int64_t i = 0; i < n; i++)
#pragma omp simd
      for (int64_t j = 0; j < w; j++) y[i * d + at + j] = (real)((double)x[i * d + at + j] - mean[j]);
  }
}

/* dz1 += scale (z1 - z2), dz2 -= it; returns sum (z1 - z2)^2. each (n) is scratch. */
static double FN(pull_together)(const real *z1, const real *z2, real *dz1, real *dz2, double *each, int64_t n,
                                int64_t d, double scale, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * d > 16384)
  for (int64_t i = 0; i < n; i++) {
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = i * d; j < (i + 1) * d; j++) {
      real gap = z1[j] - z2[j];
      sum += gap * gap;
      dz1[j] += (real)scale * gap;
      dz2[j] -= (real)scale * gap;
    }
    each[i] = (double)sum;
  }
  double total = 0;
  for (int64_t i = 0; i < n; i++) total += each[i];
  return total;
}
