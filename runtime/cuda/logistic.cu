/* logistic.cu: the objective of softmax regression and its gradient. Bound by its two products, 4 n d classes
** operations an evaluation, or by reading x twice where classes are few. */
#include "logistic.h"
#include "axes.h"
#include "gemm.h"
#include "rows.h"
#include "scratch.h"
#include "axis_sums.h"

#ifdef LUN_CUDA_SMALL /* few, so that tests see rows in several parts */
enum { LOGISTIC_ROWS = 23 };
#else
enum { LOGISTIC_ROWS = 32768 };
#endif

extern "C" int lun_cuda_logistic_open(lun_call *c, double l2, int64_t rows, lun_cuda_logistic *w) {
  const lun_tensor *x = c->arg[0].t;
  memset(w, 0, sizeof *w);
  w->call = c;
  w->dtype = x->dtype;
  w->n = x->shape[0];
  w->d = x->shape[1];
  w->classes = c->arg[2].i;
  w->params = w->classes * (w->d + 1);
  w->l2 = l2;
  w->rows = rows;
  if (w->rows > LOGISTIC_ROWS) w->rows = LOGISTIC_ROWS;
  LUN_TRY(lun_cuda_scratch(c, w->dtype, w->classes * w->d, &w->weight));
  LUN_TRY(lun_cuda_scratch(c, w->dtype, w->rows * w->classes, &w->logits));
  LUN_TRY(lun_cuda_scratch(c, w->dtype, w->classes * w->d, &w->product));
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, w->rows, &w->losses));
  return lun_cuda_scratch(c, LUN_F64, w->classes, &w->biases);
}

extern "C" void lun_cuda_logistic_close(lun_cuda_logistic *w) {
  lun_tensor *all[] = {w->weight, w->logits, w->product, w->losses, w->biases};
  for (int k = 0; k < 5; k++) lun_release(all[k]);
}

template <class R> static __global__ void round_weights(const double *theta, R *w, int64_t n) {
  LUN_EACH(i, n) w[i] = (R)theta[i];
}

/* z, the products x_i . w_k, becomes softmax(z + bias) - onehot(y). A label out of range makes the loss NaN. */
template <int LANES, class R>
static __global__ void residuals(R *z, const double *bias, const int64_t *y, double *losses, int64_t n, int64_t k) {
  LUN_SHARED(double, shared);
  LUN_EACH_ROW(LANES, i, n) {
    R *row = z + i * k, top = -INFINITY;
    int lane = (int)(threadIdx.x % LANES);
    int64_t label = y[i] - 1;
    double sum = 0, own = 0;
    for (int64_t j = lane; j < k; j += LANES) {
      row[j] = (R)((double)row[j] + bias[j]);
      top = lun_max::of(top, row[j]);
      if (j == label) own = (double)row[j];
    }
    top = lun_row_reduce<LANES, lun_max>(top, (R)-INFINITY, reinterpret_cast<R *>(shared));
    for (int64_t j = lane; j < k; j += LANES) {
      row[j] = lun_exp(row[j] - top);
      sum += (double)row[j];
    }
    sum = lun_row_reduce<LANES, lun_sum>(sum, 0.0, shared);
    own = lun_row_reduce<LANES, lun_sum>(own, 0.0, shared);
    R scale = (R)(1 / sum);
    for (int64_t j = lane; j < k; j += LANES) row[j] = row[j] * scale - (R)(j == label ? 1 : 0);
    if (lane == 0) losses[i] = label >= 0 && label < k ? log(sum) - (own - (double)top) : (double)NAN;
  }
}

/* grad (= or +=) products / rows, and with `first` the penalty's share. */
template <class R>
static __global__ void add_products(const R *products, const double *biases, const double *theta, double *grad,
                                    int64_t weights, int64_t params, double rows, double l2, bool first) {
  LUN_EACH(i, params) {
    double v = (i < weights ? (double)products[i] : biases[i - weights]) / rows;
    if (first) v += i < weights ? l2 * theta[i] : 0;
    grad[i] = first ? v : grad[i] + v;
  }
}

/* One block. */
static __global__ void add_losses(const double *losses, int64_t n, double scale, bool add, double *sum) {
  LUN_SHARED(double, shared);
  double v = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) v += losses[i];
  v = lun_block_reduce<lun_sum>(v, 0.0, shared);
  if (threadIdx.x == 0) *sum = v * scale + (add ? *sum : 0);
}

static lun_cuda_matrix matrix(const void *p, int64_t ld, bool transposed) {
  lun_cuda_matrix m = {p, ld, 0, transposed};
  return m;
}

static int multiply(const lun_cuda_logistic *w, int64_t m, int64_t n, int64_t k, lun_cuda_matrix a, lun_cuda_matrix b,
                    void *y) {
  lun_cuda_product p = {};
  p.m = m, p.n = n, p.k = k, p.batch = 1;
  p.alpha = 1;
  p.in = p.out = w->dtype;
  p.a = a, p.b = b;
  p.y = y;
  p.ldy = n;
  return lun_cuda_gemm(w->call, &p);
}

template <class R>
static int gradient_as(lun_cuda_logistic *w, const R *x, const int64_t *y, int64_t rows, const double *theta,
                       double *grad, double *cross_entropy, double scale, bool add) {
  lun_call *c = w->call;
  int64_t weights = w->classes * w->d;
  R *rounded = lun_elements<R>(w->weight), *z = lun_elements<R>(w->logits), *products = lun_elements<R>(w->product);
  double *losses = lun_elements<double>(w->losses), *biases = lun_elements<double>(w->biases);
  LUN_TRY(LUN_LAUNCH(c, (round_weights<R>), lun_cuda_blocks(weights), LUN_CUDA_THREADS, 0, theta, rounded, weights));
  for (int64_t at = 0; at < rows; at += w->rows) {
    int64_t n = rows - at < w->rows ? rows - at : w->rows;
    const R *part = x + at * w->d;
    LUN_TRY(multiply(w, n, w->classes, w->d, matrix(part, w->d, false), matrix(rounded, w->d, true), z));
    LUN_TRY(LUN_LAUNCH_ROWS(c, residuals, R, n, w->classes, z, theta + weights, y + at, losses, n, w->classes));
    LUN_TRY(multiply(w, w->classes, w->d, n, matrix(z, w->classes, true), matrix(part, w->d, false), products));
    LUN_TRY(lun_sum_run(c, z, biases, lun_sums_of_columns(n, w->classes), 1.0));
    LUN_TRY(LUN_LAUNCH(c, (add_products<R>), lun_cuda_blocks(w->params), LUN_CUDA_THREADS, 0, products, biases, theta,
                       grad, weights, w->params, (double)rows, w->l2, at == 0));
    LUN_TRY(LUN_LAUNCH(c, add_losses, 1, LUN_CUDA_THREADS, 32 * sizeof(double), losses, n, scale / (double)rows,
                       add || at > 0, cross_entropy));
  }
  return LUN_OK;
}

extern "C" int lun_cuda_logistic_gradient(lun_cuda_logistic *w, const void *x, const int64_t *y, int64_t rows,
                                          const double *theta, double *grad, double *cross_entropy, double scale,
                                          bool add) {
  if (w->dtype == LUN_F64)
    return gradient_as(w, static_cast<const double *>(x), y, rows, theta, grad, cross_entropy, scale, add);
  return gradient_as(w, static_cast<const float *>(x), y, rows, theta, grad, cross_entropy, scale, add);
}

/* One block: the biases without their mean. */
template <class R> static __global__ void centre_biases(const double *b, R *out, int64_t n) {
  LUN_SHARED(double, shared);
  double v = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) v += b[i];
  double mean = lun_block_reduce<lun_sum>(v, 0.0, shared) / (double)n;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) out[i] = (R)(b[i] - mean);
}

template <class R> static int output_as(const lun_cuda_logistic *w, const double *theta, R *weight, R *bias) {
  int64_t weights = w->classes * w->d;
  LUN_TRY(
      LUN_LAUNCH(w->call, (round_weights<R>), lun_cuda_blocks(weights), LUN_CUDA_THREADS, 0, theta, weight, weights));
  return LUN_LAUNCH(w->call, (centre_biases<R>), 1, LUN_CUDA_THREADS, 32 * sizeof(double), theta + weights, bias,
                    w->classes);
}

extern "C" int lun_cuda_logistic_output(const lun_cuda_logistic *w, const double *theta, lun_tensor *weight,
                                        lun_tensor *bias) {
  if (w->dtype == LUN_F64) return output_as(w, theta, lun_elements<double>(weight), lun_elements<double>(bias));
  return output_as(w, theta, lun_elements<float>(weight), lun_elements<float>(bias));
}
