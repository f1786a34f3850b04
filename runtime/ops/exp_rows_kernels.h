/* exp_rows_kernels.h: what losses over many classes do with a row, for one element type; included by other kernels
** headers, see real.h. Sums run over 4,096 elements at a time and are added in double: rows may hold 65,536. */

static inline real FN(row_top)(const real *x, int64_t k) {
  real top = x[0];
#pragma omp simd reduction(max : top)
  for (int64_t j = 1; j < k; j++) top = x[j] > top ? x[j] : top;
  return top;
}

/* y = exp(scale (x - top)); returns its sum. y may be x. */
static inline double FN(exp_row)(const real *x, real *y, int64_t k, real scale, real top) {
  double total = 0;
  for (int64_t at = 0; at < k; at += 4096) {
    int64_t end = k - at < 4096 ? k : at + 4096;
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = at; j < end; j++) {
      real e = REAL_EXP((x[j] - top) * scale);
      y[j] = e;
      sum += e;
    }
    total += (double)sum;
  }
  return total;
}

/* log(sum(exp(x))): the maximum is subtracted before exp, which would overflow float above 88. */
static inline real FN(log_sum_exp)(const real *x, int64_t k) {
  real top = FN(row_top)(x, k);
  double total = 0;
  for (int64_t at = 0; at < k; at += 4096) {
    int64_t end = k - at < 4096 ? k : at + 4096;
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = at; j < end; j++) sum += REAL_EXP(x[j] - top);
    total += (double)sum;
  }
  return top + (real)log(total);
}
