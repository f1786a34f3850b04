/* ssl_vicreg.cu: VICReg's loss with its gradients; see ops/ssl_vicreg.c for the two ways to the covariance term.
**
** Bound by the products, 4 n d min(n, d) operations per view, and by memory: per view the (n,d) numbers are read thrice
** to be centred, and about five times more afterwards.
**
** Where 2n <= d, the reference looks whether the diagonal is most of the sum of squares and takes the other way then.
** Here nothing is read back to decide that: the sum is exact to f32's rounding of the products, not of the difference.
*/
#include "kernels.h"
#include "matrix.h"
#include "real.h"
#include "sums.h"

template <class T> struct view {
  const T *x;
  T *z, *products, *dx;  /* x centred; (n,n) or (d,d); the gradient */
  double *mean, *weight; /* by column: mean; what z is added to the gradient with */
  double *column_term, *row_term;
  int64_t n, d, rows; /* rows: of products */
  double cov, var;    /* what squared covariances and hinges count */
  bool gram;
};

template <class T> struct column_mean {
  view<T> w;
  __device__ void of(int64_t i, int64_t j, double *v) const { *v = (double)w.x[i * w.d + j]; }
  __device__ void done(int64_t j, const double *sum) const { w.mean[j] = *sum / (double)w.n; }
};

/* Centres, and makes of a column's squares its part of the loss and of the gradient. */
template <class T> struct centre {
  view<T> w;
  __device__ void of(int64_t i, int64_t j, double *v) const {
    T z = (T)((double)w.x[i * w.d + j] - w.mean[j]);
    w.z[i * w.d + j] = z;
    *v = (double)z * (double)z;
  }
  __device__ void done(int64_t j, const double *squares) const {
    double s = *squares, deviation = sqrt(s / (double)(w.n - 1) + 1e-4), less = w.gram ? 1 : 0;
    double weight = -4 * w.cov * less * s, hinge = deviation < 1 ? 1 - deviation : 0;
    if (deviation < 1) weight -= w.var / (2 * (double)w.d * (double)(w.n - 1) * deviation);
    w.weight[j] = weight;
    w.column_term[j] = w.var / 2 * hinge / (double)w.d - less * w.cov * s * s;
  }
};

/* Squares of the products, those of the diagonal left out and made 0 unless they are of rows with rows. */
template <class T> struct product_squares {
  view<T> w;
  __device__ double of(int64_t i, int64_t j) const {
    T *p = w.products + i * w.rows + j;
    if (!w.gram && i == j) *p = 0;
    return (double)*p * (double)*p;
  }
  __device__ void done(int64_t i, double sum) const { w.row_term[i] = w.cov * sum; }
};

template <class T> static int spread_view(lun_call *c, lun_dtype type, const view<T> &w) {
  column_mean<T> mean = {w};
  centre<T> middle = {w};
  product_squares<T> squares = {w};
  lun_cuda_matrix plain = lun_matrix(w.z, w.d, false), turned = lun_matrix(w.z, w.d, true);
  lun_cuda_matrix products = lun_matrix(w.products, w.rows, false);
  LUN_TRY((lun_columns<1, lun_sum>(c, mean, w.n, w.d, 0)));
  LUN_TRY((lun_columns<1, lun_sum>(c, middle, w.n, w.d, 0)));
  if (w.gram)
    LUN_TRY(lun_product(c, type, w.n, w.n, w.d, 1, plain, turned, 0, w.products));
  else
    LUN_TRY(lun_product(c, type, w.d, w.d, w.n, 1, turned, plain, 0, w.products));
  LUN_TRY(lun_rows(c, squares, w.rows, w.rows));
  return lun_product(c, type, w.n, w.d, w.rows, 4 * w.cov, w.gram ? products : plain, w.gram ? plain : products, 0,
                     w.dx);
}

/* What is left of the gradients, and row i's squared differences. */
template <class T> struct pull_together {
  view<T> a, b;
  double per, *term;
  __device__ double of(int64_t i, int64_t j) const {
    int64_t at = i * a.d + j;
    T gap = a.x[at] - b.x[at], pull = (T)(2 * per) * gap;
    a.dx[at] += (T)a.weight[j] * a.z[at] + pull;
    b.dx[at] += (T)b.weight[j] * b.z[at] - pull;
    return (double)gap * (double)gap;
  }
  __device__ void done(int64_t i, double sum) const { term[i] = per * sum; }
};

/* numbers: rows^2, for one view after the other, and 2 n d; terms: 6 d + 2 rows + n, the last 2 d + 2 rows + n of which
 * add up to the loss. */
template <class T> static int vicreg_as(lun_call *c, T *numbers, double *terms) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], d = x->shape[1];
  bool gram = 2 * n <= d;
  int64_t rows = gram ? n : d;
  double per = 1 / ((double)(n - 1) * (double)(n - 1) * (double)d);
  view<T> v[2];
  double *loss = terms + 4 * d;
  for (int i = 0; i < 2; i++) {
    view<T> w = {lun_elements<T>(c->arg[i].t),
                 numbers + rows * rows + i * n * d,
                 numbers,
                 lun_elements<T>(c->out[1 + i]),
                 terms + 2 * i * d,
                 terms + (2 * i + 1) * d,
                 loss + i * d,
                 loss + 2 * d + i * rows,
                 n,
                 d,
                 rows,
                 c->arg[4].f * per,
                 c->arg[3].f,
                 gram};
    v[i] = w;
    LUN_TRY(spread_view(c, x->dtype, w));
  }
  pull_together<T> pull = {v[0], v[1], c->arg[2].f / ((double)n * (double)d), loss + 2 * d + 2 * rows};
  LUN_TRY(lun_rows(c, pull, n, d));
  lun_mean_into<double, T> sum = {loss, lun_elements<T>(c->out[0]), 0, 1};
  return lun_total(c, sum, 2 * d + 2 * rows + n);
}

int lun_cuda_vicreg(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], d = x->shape[1], rows = 2 * n <= d ? n : d;
  lun_tensor *numbers = NULL, *terms = NULL;
  int st = lun_cuda_scratch(c, x->dtype, rows * rows + 2 * n * d, &numbers);
  if (!st) st = lun_cuda_scratch(c, LUN_F64, 6 * d + 2 * rows + n, &terms);
  if (!st) LUN_BY_REAL(x->dtype, st = vicreg_as<T>(c, lun_elements<T>(numbers), lun_elements<double>(terms)););
  lun_release(numbers);
  lun_release(terms);
  return st;
}
