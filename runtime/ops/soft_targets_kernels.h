/* soft_targets_kernels.h: cross entropy of one row of k logits s with given probabilities p, for one element type;
** included by other kernels headers, see real.h. per_t is 1 / temperature. */
#include "exp_rows_kernels.h"

/* -sum p log softmax(s / t) as log(sum) sum(p) + sum(p (top - s)) / t: terms without cancellation. y (k) is scratch. */
static inline real FN(soft_cross_entropy)(const real *s, const real *p, real *y, int64_t k, real per_t) {
  real top = FN(row_top)(s, k), mass = 0, gap = 0;
  double sum = FN(exp_row)(s, y, k, per_t, top);
#pragma omp simd reduction(+ : mass, gap)
  for (int64_t j = 0; j < k; j++) {
    mass += p[j];
    gap += p[j] * (top - s[j]);
  }
  return (real)log(sum) * mass + gap * per_t;
}

/* ds = scale (softmax(s / t) sum(p) - p); its 1 / t is in scale. */
static inline void FN(soft_cross_entropy_grad)(const real *s, const real *p, real *ds, int64_t k, real per_t,
                                               real scale) {
  real mass = 0, share;
#pragma omp simd reduction(+ : mass)
  for (int64_t j = 0; j < k; j++) mass += p[j];
  share = (real)((double)mass / FN(exp_row)(s, ds, k, per_t, FN(row_top)(s, k)));
#pragma omp simd
  for (int64_t j = 0; j < k; j++) ds[j] = scale * (ds[j] * share - p[j]);
}

static inline real FN(mean_of)(const real *x, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i++) total += (double)x[i];
  return (real)(total / (double)n);
}
