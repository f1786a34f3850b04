/* reduce_kernels.h: row reductions for one element type; see real.h. */

/* Sum of n elements: vector sums of 1,024 in the element type, added up in double, so that a million stay accurate. */
static double FN(row_sum)(const real *x, int64_t n) {
  double total = 0;
  for (int64_t at = 0; at < n; at += 1024) {
    int64_t k = n - at < 1024 ? n - at : 1024;
    real s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t i = 0; i < k; i++) s += x[at + i];
    total += (double)s;
  }
  return total;
}

static void FN(sum_rows)(const real *x, real *y, int64_t rows, int64_t n, double scale, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * n > 65536)
  for (int64_t r = 0; r < rows; r++) y[r] = (real)(FN(row_sum)(x + r * n, n) * scale);
}

/* y (cols) = sum over rows of x (rows, cols), times scale. Threads own columns, so their number changes nothing. */
static void FN(sum_columns)(const real *x, real *y, int64_t rows, int64_t cols, double scale, int threads) {
  enum { WIDTH = 256 };
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * cols > 65536)
  for (int64_t at = 0; at < cols; at += WIDTH) {
    int64_t k = cols - at < WIDTH ? cols - at : WIDTH;
    double total[WIDTH] = {0};
    for (int64_t r = 0; r < rows; r++) {
      const real *p = x + r * cols + at;
#pragma omp simd
      for (int64_t i = 0; i < k; i++) total[i] += (double)p[i];
    }
    for (int64_t i = 0; i < k; i++) y[at + i] = (real)(total[i] * scale);
  }
}

/* Largest element of each row and its position, counted from 1; the first of equals; a NaN wins. */
static void FN(max_rows)(const real *x, real *y, int64_t *pos, int64_t rows, int64_t n, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * n > 65536)
  for (int64_t r = 0; r < rows; r++) {
    const real *p = x + r * n;
    int64_t best = 0;
    for (int64_t i = 1; i < n && p[best] == p[best]; i++)
      if (p[i] > p[best] || p[i] != p[i]) best = i;
    if (y) y[r] = p[best];
    pos[r] = best + 1;
  }
}

static void FN(scatter_rows)(const real *g, const int64_t *pos, real *x, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; r++) x[r * n + pos[r] - 1] = g[r];
}
