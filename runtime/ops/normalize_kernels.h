/* normalize_kernels.h: rows of unit length for one element type; see real.h. */

static void FN(unit_rows)(const real *x, real *y, real *norm, int64_t n, int64_t d, real floor, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * d > 65536)
  for (int64_t i = 0; i < n; i++) {
    const real *p = x + i * d;
    real s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t j = 0; j < d; j++) s += p[j] * p[j];
    s = REAL_SQRT(s);
    norm[i] = s > floor ? s : floor;
#pragma omp simd
    for (int64_t j = 0; j < d; j++) y[i * d + j] = p[j] / norm[i];
  }
}

/* dx = (g - y (g . y)) / norm; where the norm was raised to the floor it is a constant, and dx = g / floor. */
static void FN(unit_grad_rows)(const real *g, const real *y, const real *norm, real *dx, int64_t n, int64_t d,
                               real floor, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * d > 65536)
  for (int64_t i = 0; i < n; i++) {
    const real *gi = g + i * d, *yi = y + i * d;
    real s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t j = 0; j < d; j++) s += gi[j] * yi[j];
    if (norm[i] <= floor) s = 0;
#pragma omp simd
    for (int64_t j = 0; j < d; j++) dx[i * d + j] = (gi[j] - yi[j] * s) / norm[i];
  }
}
