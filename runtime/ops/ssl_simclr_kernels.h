/* ssl_simclr_kernels.h: rows of the NT-Xent similarity matrix for one element type; see real.h.
** s (m,m) = z zᵀ for m = 2n unit rows, views stacked: row i's positive is row i+n, or i-n. */

#include "exp_rows_kernels.h"

/* lse[i] = log sum over j != i of exp(s[i,j] / t); loss = mean of lse[i] - s[i, positive] / t. Where the positive is the
** largest, that is log1p of the others' sum, which stays exact as the loss goes to 0. Overwrites s. */
static void FN(nt_xent_rows)(real *s, real *lse, real *loss, int64_t n, real temperature, int threads) {
  int64_t m = 2 * n;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < m; i++) {
    int64_t positive = i < n ? i + n : i - n;
    real *p = s + i * m, top = -1 / REAL_TINY, others = 0;
    for (int64_t j = 0; j < m; j++) p[j] /= temperature;
    for (int64_t j = 0; j < m; j++)
      if (j != i && p[j] > top) top = p[j];
    for (int64_t j = 0; j < m; j++)
      if (j != i && j != positive) others += REAL_EXP(p[j] - top);
    real sum = others + REAL_EXP(p[positive] - top);
    lse[i] = top + REAL_LOG(sum);
    /* On the diagonal, which nobody reads: this row's loss. */
    p[i] = p[positive] >= top ? (real)log1p((double)others) : top - p[positive] + REAL_LOG(sum);
  }
  double total = 0;
  for (int64_t i = 0; i < m; i++) total += (double)s[i * m + i];
  *loss = (real)(total / (double)m);
}

/* s <- d loss / d (z zᵀ) made symmetric: w[i,j] = p[i,j] + p[j,i] - 2 [j is i's positive], times g / (m t), diagonal 0,
** so that dz = w z. p - 1 of the positive is minus the sum of the others, exact also where p rounds to 1. */
static void FN(nt_xent_weights)(real *s, const real *lse, const real *g, int64_t n, real temperature, int threads) {
  int64_t m = 2 * n;
  real scale = *g / ((real)m * temperature), per_t = 1 / temperature;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < m; i++) {
    int64_t positive = i < n ? i + n : i - n, low = i < n ? i : positive, high = low + n;
    real *p = s + i * m, top = lse[i] * temperature;
    double others = FN(exp_row)(p, p, low, per_t, top);
    others += FN(exp_row)(p + low + 1, p + low + 1, n - 1, per_t, top);
    others += FN(exp_row)(p + high + 1, p + high + 1, m - high - 1, per_t, top);
    p[positive] = (real)-others;
    p[i] = 0;
  }
#pragma omp parallel for num_threads(threads) schedule(static, 16)
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = i + 1; j < m; j++) /* the pair (i,j), (j,i) is handled by its smaller row */
      s[i * m + j] = s[j * m + i] = (s[i * m + j] + s[j * m + i]) * scale;
}
