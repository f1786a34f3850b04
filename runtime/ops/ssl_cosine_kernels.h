/* ssl_cosine_kernels.h: cosines of paired rows for one element type; see real.h. Lengths count as at least 1e-12. */

static void FN(row_cosines)(const real *p, const real *z, real *cosine, real *p_norm, real *z_norm, int64_t n,
                            int64_t d, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static) if (n * d > 65536)
  for (int64_t i = 0; i < n; i++) {
    const real *a = p + i * d, *b = z + i * d;
    real aa = 0, bb = 0, ab = 0;
#pragma omp simd reduction(+ : aa, bb, ab)
    for (int64_t j = 0; j < d; j++) {
      aa += a[j] * a[j];
      bb += b[j] * b[j];
      ab += a[j] * b[j];
    }
    p_norm[i] = REAL_SQRT(aa) > (real)1e-12 ? REAL_SQRT(aa) : (real)1e-12;
    z_norm[i] = REAL_SQRT(bb) > (real)1e-12 ? REAL_SQRT(bb) : (real)1e-12;
    cosine[i] = ab / p_norm[i] / z_norm[i];
  }
}

static void FN(cosine_loss)(const real *cosine, int64_t n, double offset, double factor, real *loss) {
  double total = 0;
  for (int64_t i = 0; i < n; i++) total += (double)cosine[i];
  *loss = (real)(offset - factor * total / (double)n);
}

/* dp = - g factor / n (z/|z| - cos p/|p|) / |p|; where |p| was raised to 1e-12 it is a constant. */
static void FN(cosine_grad_rows)(const real *g, const real *p, const real *z, const real *cosine, const real *p_norm,
                                 const real *z_norm, real *dp, int64_t n, int64_t d, double factor, int threads) {
  real scale = (real)(-*g * factor / (double)n);
#pragma omp parallel for num_threads(threads) schedule(static) if (n * d > 65536)
  for (int64_t i = 0; i < n; i++) {
    real of_z = scale / (z_norm[i] * p_norm[i]), of_p = scale * cosine[i] / p_norm[i] / p_norm[i];
    if (p_norm[i] <= (real)1e-12) of_p = 0;
#pragma omp simd
    for (int64_t j = i * d; j < (i + 1) * d; j++) dp[j] = of_z * z[j] - of_p * p[j];
  }
}
