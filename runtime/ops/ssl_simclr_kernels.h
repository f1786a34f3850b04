/* ssl_simclr_kernels.h: rows of the NT-Xent similarity matrix for one element type; see real.h.
** s (m,m) = z zᵀ for m = 2n unit rows, views stacked: row i's positive is row i+n, or i-n. */

/* lse[i] = log sum over j != i of exp(s[i,j] / t); loss = mean of lse[i] - s[i, positive] / t. Overwrites s by s / t.
 */
static void FN(nt_xent_rows)(real *s, real *lse, real *loss, int64_t n, real temperature, int threads) {
  int64_t m = 2 * n;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < m; i++) {
    real *p = s + i * m, top = -1 / REAL_TINY, sum = 0;
    for (int64_t j = 0; j < m; j++) p[j] /= temperature;
    for (int64_t j = 0; j < m; j++)
      if (j != i && p[j] > top) top = p[j];
    for (int64_t j = 0; j < m; j++)
      if (j != i) sum += REAL_EXP(p[j] - top);
    lse[i] = top + REAL_LOG(sum);
  }
  double total = 0;
  for (int64_t i = 0; i < m; i++) total += (double)(lse[i] - s[i * m + (i < n ? i + n : i - n)]);
  *loss = (real)(total / (double)m);
}

/* s <- d loss / d (z zᵀ) made symmetric: w[i,j] = p[i,j] + p[j,i] - 2 [j is i's positive], times g / (m t), diagonal 0,
** so that dz = w z. */
static void FN(nt_xent_weights)(real *s, const real *lse, const real *g, int64_t n, real temperature, int threads) {
  int64_t m = 2 * n;
  real scale = *g / ((real)m * temperature);
#pragma omp parallel for num_threads(threads) schedule(static, 16)
  for (int64_t i = 0; i < m; i++) {
    int64_t positive = i < n ? i + n : i - n;
    for (int64_t j = i + 1; j < m; j++) { /* s is symmetric: the pair (i,j), (j,i) is handled by its smaller row */
      real v = s[i * m + j] / temperature;
      real w = REAL_EXP(v - lse[i]) + REAL_EXP(v - lse[j]) - (j == positive ? 2 : 0);
      s[i * m + j] = s[j * m + i] = w * scale;
    }
    s[i * m + i] = 0;
  }
}
