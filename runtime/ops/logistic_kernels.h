/* logistic_kernels.h: softmax regression on a block of rows (see real.h). Products keep 4 x 4 sums of vectors in
** registers; a row of x is read from memory once per evaluation of the objective and its gradient.
*/
#define LANES ((int64_t)(LOGISTIC_VECTOR / sizeof(real)))
typedef real FN(lvec) __attribute__((vector_size(LOGISTIC_VECTOR), aligned(sizeof(real)), may_alias));

/* Number of classes in memory: whole vectors. */
static int64_t FN(padded_classes)(int64_t classes) { return (classes + LANES - 1) / LANES * LANES; }

/* Weights (classes,d) as (d, padded classes), zeros at the end: one vector holds all classes' weights of a feature. */
static void FN(pack_weights)(const double *theta, int64_t d, int64_t classes, void *packed) {
  real *w = packed;
  int64_t stride = FN(padded_classes)(classes);
  for (int64_t j = 0; j < d; j++)
    for (int64_t k = 0; k < stride; k++) w[j * stride + k] = k < classes ? (real)theta[k * d + j] : 0;
}

/* z[i][k] = x_i . w_k + bias_k for rows [0, rows) and all classes; w as pack_weights leaves it. Eight rows at a time;
** rows past the end repeat the last one. */
static void FN(block_logits)(const real *x, int64_t rows, int64_t d, const real *w, const double *bias, int64_t classes,
                             real *z) {
  int64_t stride = FN(padded_classes)(classes);
  for (int64_t i = 0; i < rows; i += 8)
    for (int64_t k = 0; k < classes; k += LANES) {
      const real *row[8];
      FN(lvec) sum[8] = {{0}}, total[8];
      for (int64_t a = 0; a < 8; a++) row[a] = x + (i + a < rows ? i + a : rows - 1) * d;
      for (int64_t j = 0; j < d; j++) {
        FN(lvec) v = *(const FN(lvec) *)(w + j * stride + k);
#pragma GCC unroll 8
        for (int a = 0; a < 8; a++) sum[a] += row[a][j] * v;
      }
      /* sum is only ever indexed by constants, so that it lives in registers */
#pragma GCC unroll 8
      for (int a = 0; a < 8; a++) total[a] = sum[a];
      for (int a = 0; a < 8 && i + a < rows; a++)
        for (int64_t b = 0; b < LANES && k + b < classes; b++)
          z[(i + a) * classes + k + b] = (real)((double)total[a][b] + bias[k + b]);
    }
}

/* z becomes softmax(z) - onehot(y); returns the sum of the cross-entropies. */
static double FN(block_residual)(real *z, const int64_t *y, int64_t rows, int64_t classes) {
  double loss = 0;
  for (int64_t i = 0; i < rows; i++) {
    real *r = z + i * classes, top = r[0];
    double sum = 0;
    for (int64_t k = 1; k < classes; k++) top = r[k] > top ? r[k] : top;
    loss -= (double)r[y[i] - 1] - (double)top;
    for (int64_t k = 0; k < classes; k++) {
      r[k] = REAL_EXP(r[k] - top);
      sum += (double)r[k];
    }
    loss += log(sum);
    real scale = (real)(1 / sum);
    for (int64_t k = 0; k < classes; k++) r[k] *= scale;
    r[y[i] - 1] -= 1;
  }
  return loss;
}

/* grad[k][j] += sum_i z[i][k] x[i][j]; the block's sums are in `real`, the total in double. */
static void FN(block_gradient)(const real *x, const real *z, int64_t rows, int64_t d, int64_t classes, double *grad) {
  for (int64_t k = 0; k < classes; k += 4) {
    int64_t kb[4];
    for (int64_t b = 0; b < 4; b++) kb[b] = k + b < classes ? k + b : classes - 1;
    int64_t used = classes - k < 4 ? classes - k : 4, j = 0;
    for (; j + 4 * LANES <= d; j += 4 * LANES) {
      FN(lvec) sum[4][4] = {{{0}}}, total[4][4];
      for (int64_t i = 0; i < rows; i++) {
        const real *xi = x + i * d + j, *zi = z + i * classes;
#pragma GCC unroll 4
        for (int b = 0; b < 4; b++)
#pragma GCC unroll 4
          for (int a = 0; a < 4; a++) sum[b][a] += zi[kb[b]] * *(const FN(lvec) *)(xi + a * LANES);
      }
#pragma GCC unroll 4
      for (int b = 0; b < 4; b++)
#pragma GCC unroll 4
        for (int a = 0; a < 4; a++) total[b][a] = sum[b][a];
      for (int64_t b = 0; b < used; b++)
        for (int a = 0; a < 4; a++)
          for (int64_t l = 0; l < LANES; l++) grad[(k + b) * d + j + a * LANES + l] += (double)total[b][a][l];
    }
    for (int64_t i = 0; i < rows && j < d; i++)
      for (int64_t b = 0; b < used; b++) {
        double r = (double)z[i * classes + kb[b]];
        double *g = grad + (k + b) * d;
#pragma omp simd
        for (int64_t t = j; t < d; t++) g[t] += r * (double)x[i * d + t];
      }
  }
}

/* One part of the rows: its loss and gradient (classes x d weights, then biases), both overwritten. */
static double FN(part_objective)(const void *x, const int64_t *y, int64_t from, int64_t to, int64_t d, int64_t classes,
                                 const void *weight, const double *bias, void *scratch, double *grad) {
  const real *rows = x;
  real *z = scratch;
  double loss = 0, *db = grad + classes * d;
  memset(grad, 0, (size_t)(classes * (d + 1)) * sizeof *grad);
  for (int64_t i = from; i < to; i += LOGISTIC_BLOCK) {
    int64_t n = to - i < LOGISTIC_BLOCK ? to - i : LOGISTIC_BLOCK;
    FN(block_logits)(rows + i * d, n, d, weight, bias, classes, z);
    loss += FN(block_residual)(z, y + i, n, classes);
    FN(block_gradient)(rows + i * d, z, n, d, classes, grad);
    for (int64_t a = 0; a < n; a++)
      for (int64_t k = 0; k < classes; k++) db[k] += (double)z[a * classes + k];
  }
  return loss;
}

static void FN(round_weights)(const double *theta, int64_t n, void *weight) {
  real *w = weight;
  for (int64_t i = 0; i < n; i++) w[i] = (real)theta[i];
}

#undef LANES
