/* ssl_redundancy_kernels.h: what VICReg and Barlow Twins do with columns and with matrices of products, for one element
** type; see real.h. Sums are double, in an order that no thread count changes. */

/* dot_j = sum_i a_ij b_ij of a, b (n,d), 64 columns at a time */
static inline void FN(column_dots)(const real *a, const real *b, double *dot, int64_t n, int64_t d, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * d > 16384)
  for (int64_t at = 0; at < d; at += 64) {
    int64_t w = d - at < 64 ? d - at : 64;
    double sum[64] = {0};
    for (int64_t i = 0; i < n; i++)
#pragma omp simd
      for (int64_t j = 0; j < w; j++) sum[j] += (double)a[i * d + at + j] * (double)b[i * d + at + j];
    memcpy(dot + at, sum, (size_t)w * sizeof *sum);
  }
}

/* sum a_ij b_ij of a, b (rows,w); each (rows) is scratch. `square`: a and b are the same, whose diagonal becomes 0. */
static inline double FN(product_sum)(real *a, const real *b, double *each, int64_t rows, int64_t w, bool square,
                                     int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (rows * w > 16384)
  for (int64_t i = 0; i < rows; i++) {
    real sum = 0;
    if (square) a[i * w + i] = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = i * w; j < (i + 1) * w; j++) sum += a[j] * b[j];
    each[i] = (double)sum;
  }
  double total = 0;
  for (int64_t i = 0; i < rows; i++) total += each[i];
  return total;
}

/* y_ij = scale y_ij + w_j x_ij of x, y (n,d) */
static inline void FN(add_weighted_columns)(real *y, const real *x, const double *w, int64_t n, int64_t d, double scale,
                                            int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * d > 16384)
  for (int64_t i = 0; i < n; i++)
#pragma omp simd
    for (int64_t j = 0; j < d; j++) y[i * d + j] = (real)scale * y[i * d + j] + (real)w[j] * x[i * d + j];
}
