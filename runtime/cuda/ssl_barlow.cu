/* ssl_barlow.cu: Barlow Twins' loss with its gradients; see ops/ssl_barlow.c for the two ways to the correlations.
**
** Bound by the products, 6 n d min(n, d) operations for both views (8 n n d with few samples), and by memory: the (n,d)
** numbers of each view are read thrice to be normalised, and about six times more afterwards.
*/
#include "kernels.h"
#include "matrix.h"
#include "real.h"
#include "sums.h"

template <class T> struct views {
  const T *x[2];
  T *a[2], *dx[2];                  /* normalised; the gradients */
  T *products[2];                   /* (d,d) or, twice, (n,n) */
  double *mean[2], *per[2];         /* by column: mean, 1 / deviation */
  double *weight;                   /* by column: what one view is added to the other's gradient with */
  double *of_mean[2], *of_slope[2]; /* by column: means of the gradient, and of it times the view */
  double *column_term, *row_term;
  int64_t n, d, rows; /* rows: of products */
  double lambda, scale;
  bool gram;
};

template <class T> struct column_means {
  views<T> w;
  __device__ void of(int64_t i, int64_t j, double *v) const {
    for (int k = 0; k < 2; k++) v[k] = (double)w.x[k][i * w.d + j];
  }
  __device__ void done(int64_t j, const double *sum) const {
    for (int k = 0; k < 2; k++) w.mean[k][j] = sum[k] / (double)w.n;
  }
};

template <class T> struct column_deviations {
  views<T> w;
  __device__ void of(int64_t i, int64_t j, double *v) const {
    for (int k = 0; k < 2; k++) {
      double off = (double)w.x[k][i * w.d + j] - w.mean[k][j];
      v[k] = off * off;
    }
  }
  __device__ void done(int64_t j, const double *sum) const {
    for (int k = 0; k < 2; k++) w.per[k][j] = 1 / sqrt(sum[k] / (double)w.n + 1e-5);
  }
};

/* Normalises, and makes of a column's correlation with itself its part of the loss and of the gradients. */
template <class T> struct correlate {
  views<T> w;
  __device__ void of(int64_t i, int64_t j, double *v) const {
    int64_t at = i * w.d + j;
    *v = 1;
    for (int k = 0; k < 2; k++) {
      T a = (T)(((double)w.x[k][at] - w.mean[k][j]) * w.per[k][j]);
      w.a[k][at] = a;
      *v *= (double)a;
    }
  }
  __device__ void done(int64_t j, const double *sum) const {
    double same = *sum / (double)w.n, less = w.gram ? w.lambda : 0;
    w.weight[j] = 2 * w.scale * (same - 1 - less * same) / (double)w.n;
    w.column_term[j] = w.scale * ((same - 1) * (same - 1) - less * same * same);
  }
};

/* Squares of the correlations off the diagonal, which is made 0; or products of those of rows with rows. */
template <class T> struct product_sums {
  views<T> w;
  __device__ double of(int64_t i, int64_t j) const {
    T *p = w.products[0] + i * w.rows + j;
    if (w.gram) return (double)*p * (double)w.products[1][i * w.rows + j];
    if (i == j) *p = 0;
    return (double)*p * (double)*p;
  }
  __device__ void done(int64_t i, double sum) const {
    w.row_term[i] = w.scale * w.lambda / ((double)w.n * (double)w.n) * sum;
  }
};

/* Completes the gradients to the normalised views, and takes the means that the gradient of normalising needs. */
template <class T> struct gradient_means {
  views<T> w;
  __device__ void of(int64_t i, int64_t j, double *v) const {
    int64_t at = i * w.d + j;
    for (int k = 0; k < 2; k++) {
      T g = w.dx[k][at] + (T)w.weight[j] * w.a[1 - k][at];
      w.dx[k][at] = g;
      v[2 * k] = (double)g;
      v[2 * k + 1] = (double)g * (double)w.a[k][at];
    }
  }
  __device__ void done(int64_t j, const double *sum) const {
    for (int k = 0; k < 2; k++) {
      w.of_mean[k][j] = sum[2 * k] / (double)w.n;
      w.of_slope[k][j] = sum[2 * k + 1] / (double)w.n;
    }
  }
};

template <class T> static __global__ void through_normalising(views<T> w) {
  int64_t all = w.n * w.d, step = (int64_t)gridDim.x * blockDim.x;
  for (int64_t at = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; at < all; at += step) {
    int64_t j = at % w.d;
    for (int k = 0; k < 2; k++)
      w.dx[k][at] = (T)w.per[k][j] * (w.dx[k][at] - (T)w.of_mean[k][j] - w.a[k][at] * (T)w.of_slope[k][j]);
  }
}

/* The products, and 2 scale lambda / n^2 times what they pull the views with. */
template <class T> static int cross_products(lun_call *c, lun_dtype type, const views<T> &w) {
  double alpha = 2 * w.scale * w.lambda / ((double)w.n * (double)w.n);
  lun_cuda_matrix a = lun_matrix(w.a[0], w.d, false), b = lun_matrix(w.a[1], w.d, false);
  lun_cuda_matrix a_turned = lun_matrix(w.a[0], w.d, true), b_turned = lun_matrix(w.a[1], w.d, true);
  lun_cuda_matrix p = lun_matrix(w.products[0], w.rows, false), p_turned = lun_matrix(w.products[0], w.rows, true);
  product_sums<T> sums = {w};
  if (w.gram) {
    lun_cuda_matrix q = lun_matrix(w.products[1], w.rows, false);
    LUN_TRY(lun_product(c, type, w.n, w.n, w.d, 1, a, a_turned, 0, w.products[0]));
    LUN_TRY(lun_product(c, type, w.n, w.n, w.d, 1, b, b_turned, 0, w.products[1]));
    LUN_TRY(lun_rows(c, sums, w.n, w.n));
    LUN_TRY(lun_product(c, type, w.n, w.d, w.n, alpha, q, a, 0, w.dx[0]));
    return lun_product(c, type, w.n, w.d, w.n, alpha, p, b, 0, w.dx[1]);
  }
  LUN_TRY(lun_product(c, type, w.d, w.d, w.n, 1, a_turned, b, 0, w.products[0]));
  LUN_TRY(lun_rows(c, sums, w.d, w.d));
  LUN_TRY(lun_product(c, type, w.n, w.d, w.d, alpha, b, p_turned, 0, w.dx[0]));
  return lun_product(c, type, w.n, w.d, w.d, alpha, a, p, 0, w.dx[1]);
}

/* numbers: 2 rows^2 and 2 n d; terms: 10 d + rows, the last d + rows of which add up to the loss. */
template <class T> static int barlow_as(lun_call *c, T *numbers, double *terms) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], d = x->shape[1];
  views<T> w = {};
  w.n = n;
  w.d = d;
  w.gram = 2 * n <= d;
  w.rows = w.gram ? n : d;
  w.lambda = c->arg[2].f;
  w.scale = c->arg[3].f;
  for (int k = 0; k < 2; k++) {
    w.x[k] = lun_elements<T>(c->arg[k].t);
    w.dx[k] = lun_elements<T>(c->out[1 + k]);
    w.products[k] = numbers + k * w.rows * w.rows;
    w.a[k] = numbers + 2 * w.rows * w.rows + k * n * d;
    w.mean[k] = terms + k * d;
    w.per[k] = terms + (2 + k) * d;
    w.of_mean[k] = terms + (4 + k) * d;
    w.of_slope[k] = terms + (6 + k) * d;
  }
  w.weight = terms + 8 * d;
  w.column_term = terms + 9 * d;
  w.row_term = w.column_term + d;
  column_means<T> means = {w};
  column_deviations<T> deviations = {w};
  correlate<T> correlations = {w};
  gradient_means<T> gradients = {w};
  LUN_TRY((lun_columns<2, lun_sum>(c, means, n, d, 0)));
  LUN_TRY((lun_columns<2, lun_sum>(c, deviations, n, d, 0)));
  LUN_TRY((lun_columns<1, lun_sum>(c, correlations, n, d, 0)));
  LUN_TRY(cross_products(c, x->dtype, w));
  LUN_TRY((lun_columns<4, lun_sum>(c, gradients, n, d, 0)));
  LUN_TRY(LUN_LAUNCH(c, (through_normalising<T>), lun_cuda_blocks(n * d), lun_few_threads(n * d), 0, w));
  lun_mean_into<double, T> sum = {w.column_term, lun_elements<T>(c->out[0]), 0, 1};
  return lun_total(c, sum, d + w.rows);
}

int lun_cuda_barlow(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], d = x->shape[1], rows = 2 * n <= d ? n : d;
  lun_tensor *numbers = NULL, *terms = NULL;
  int st = lun_cuda_scratch(c, x->dtype, 2 * rows * rows + 2 * n * d, &numbers);
  if (!st) st = lun_cuda_scratch(c, LUN_F64, 10 * d + rows, &terms);
  if (!st) LUN_BY_REAL(x->dtype, st = barlow_as<T>(c, lun_elements<T>(numbers), lun_elements<double>(terms)););
  lun_release(numbers);
  lun_release(terms);
  return st;
}
