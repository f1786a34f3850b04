/* logistic_kernels.h: softmax regression on a block of rows (see real.h). Products keep 4 x 4 sums of vectors in
** registers; a row of x is read from memory once per evaluation of the objective and its gradient.
*/
#define LANES ((int64_t)(LOGISTIC_VECTOR / sizeof(real)))
typedef real FN(lvec) __attribute__((vector_size(LOGISTIC_VECTOR), aligned(sizeof(real)), may_alias));

/* z[i][k] = x_i . w_k + bias_k for rows [0, rows) and all classes. Indices past an end repeat the last one. */
static void FN(block_logits)(const real *x, int64_t rows, int64_t d, const real *w, const double *bias, int64_t classes,
                             real *z) {
  for (int64_t i = 0; i < rows; i += 4)
    for (int64_t k = 0; k < classes; k += 4) {
      const real *xi[4], *wk[4];
      FN(lvec) sum[4][4] = {{{0}}};
      for (int64_t a = 0; a < 4; a++) {
        xi[a] = x + (i + a < rows ? i + a : rows - 1) * d;
        wk[a] = w + (k + a < classes ? k + a : classes - 1) * d;
      }
      int64_t j = 0;
      for (; j + LANES <= d; j += LANES)
        for (int a = 0; a < 4; a++)
          for (int b = 0; b < 4; b++) sum[a][b] += *(const FN(lvec) *)(xi[a] + j) * *(const FN(lvec) *)(wk[b] + j);
      for (int a = 0; a < 4 && i + a < rows; a++)
        for (int b = 0; b < 4 && k + b < classes; b++) {
          double s = bias[k + b];
          for (int64_t l = 0; l < LANES; l++) s += (double)sum[a][b][l];
          for (int64_t t = j; t < d; t++) s += (double)xi[a][t] * (double)wk[b][t];
          z[(i + a) * classes + k + b] = (real)s;
        }
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
      FN(lvec) sum[4][4] = {{{0}}};
      for (int64_t i = 0; i < rows; i++) {
        const real *xi = x + i * d + j, *zi = z + i * classes;
        for (int b = 0; b < 4; b++)
          for (int a = 0; a < 4; a++) sum[b][a] += zi[kb[b]] * *(const FN(lvec) *)(xi + a * LANES);
      }
      for (int64_t b = 0; b < used; b++)
        for (int a = 0; a < 4; a++)
          for (int64_t l = 0; l < LANES; l++) grad[(k + b) * d + j + a * LANES + l] += (double)sum[b][a][l];
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
