/* ssl_moco_kernels.h: InfoNCE over candidates that come in blocks, for one element type; see real.h. Of every sample
** are kept: top, its largest cosine so far, the positive's included; of the negatives alone sum, that of
** e = exp((cosine - top) / t), and pull (d), that of e candidate. Alone, because loss and gradient go to 0 with them,
** while the positive's e rounds to 1. */
#include "exp_rows_kernels.h"

/* Seen so far: only the positive. */
static void FN(info_nce_begin)(const real *u, const real *v, real *positive, real *top, double *sum, real *pull,
                               int64_t n, int64_t d) {
  for (int64_t i = 0; i < n; i++) {
    real s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t j = i * d; j < (i + 1) * d; j++) s += u[j] * v[j];
    positive[i] = top[i] = s;
    sum[i] = 0;
    for (int64_t j = i * d; j < (i + 1) * d; j++) pull[j] = 0;
  }
}

/* A block's cosines s (n,w) become e; old sums and pulls follow the new top. Where positives are among the candidates,
** sample i's is in column own + i and no negative; own is w where they are not. */
static void FN(info_nce_block)(real *s, real *top, double *sum, real *pull, int64_t n, int64_t w, int64_t d,
                               int64_t own, real per_t, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * w > 16384)
  for (int64_t i = 0; i < n; i++) {
    real *row = s + i * w;
    if (own + i >= 0 && own + i < w) row[own + i] = -1 / REAL_TINY;
    real high = FN(row_top)(row, w);
    if (high > top[i]) {
      real fade = REAL_EXP((top[i] - high) * per_t);
      sum[i] *= (double)fade;
      for (int64_t j = i * d; j < (i + 1) * d; j++) pull[j] *= fade;
      top[i] = high;
    }
    sum[i] += FN(exp_row)(row, row, w, per_t, top[i]);
  }
}

static void FN(info_nce_pull)(const real *part, real *pull, int64_t count) {
#pragma omp simd
  for (int64_t j = 0; j < count; j++) pull[j] += part[j];
}

/* loss = factor mean(log(sum + e) - (positive - top) / t), e the positive's; pull becomes its gradient to the unit rows
** u. */
static void FN(info_nce_end)(const real *v, const real *positive, const real *top, const double *sum, real *pull,
                             real *loss, int64_t n, int64_t d, double factor, real per_t) {
  double total = 0;
  for (int64_t i = 0; i < n; i++) {
    real scale = (real)(factor / (double)n) * per_t;
    double below = (double)((top[i] - positive[i]) * per_t), all = sum[i] + exp(-below);
    real share = (real)(1 / all), negatives = (real)(sum[i] / all);
    total += below <= 0 ? log1p(sum[i]) : log(all) + below;
#pragma omp simd
    for (int64_t j = i * d; j < (i + 1) * d; j++) pull[j] = (pull[j] * share - v[j] * negatives) * scale;
  }
  *loss = (real)(factor * total / (double)n);
}
