/* softmax.cu: softmax, its logarithm, and cross entropy, over the last axis. Bound by memory: softmax reads and writes
** each element once, its gradient reads two and writes one, cross entropy reads one, its gradient reads and writes one
** (rows.h: rows above 2,048 elements are read again, from the cache). */
#include "kernels.h"
#include "rows.h"
#include "scratch.h"

/* log(sum(exp(x))) of a row. The sum is in double, as its many terms are far below it. */
template <int LANES, class R> static __device__ R log_sum_exp(const lun_row<LANES, R> &row, double *shared) {
  R top = -INFINITY;
  row.each([&](int64_t, R v) { top = lun_max::of(top, v); });
  top = lun_row_reduce<LANES, lun_max>(top, (R)-INFINITY, reinterpret_cast<R *>(shared));
  double sum = 0;
  row.each([&](int64_t, R v) { sum += (double)lun_exp(v - top); });
  sum = lun_row_reduce<LANES, lun_sum>(sum, 0.0, shared);
  return top + (R)log(sum);
}

template <int LANES, class R> static __global__ void softmax_rows(const R *x, R *y, int64_t n, int64_t k, bool logs) {
  LUN_SHARED(double, shared);
  LUN_EACH_ROW(LANES, i, n) {
    lun_row<LANES, R> row;
    R *out = y + i * k;
    row.read(x + i * k, k);
    R lse = log_sum_exp(row, shared);
    row.each([&](int64_t j, R v) { out[j] = logs ? v - lse : lun_exp(v - lse); });
  }
}

static int softmax_of(lun_call *c, bool logs) {
  const lun_tensor *x = c->arg[0].t;
  int64_t k = x->shape[x->ndim - 1], n = k ? lun_numel(x) / k : 0;
  if (!n) return LUN_OK;
  LUN_BY_REAL(x->dtype, return LUN_LAUNCH_ROWS(c, softmax_rows, R, n, k, lun_elements<R>(x), lun_elements<R>(c->out[0]),
                                               n, k, logs););
}

int lun_cuda_softmax(lun_call *c) { return softmax_of(c, false); }
int lun_cuda_log_softmax(lun_call *c) { return softmax_of(c, true); }

/* softmax: dx = y (g - sum(g y)).  log_softmax: dx = g - exp(y) sum(g). */
template <int LANES, class R>
static __global__ void softmax_grad_rows(const R *g, const R *y, R *dx, int64_t n, int64_t k, bool logs) {
  LUN_SHARED(double, shared);
  LUN_EACH_ROW(LANES, i, n) {
    lun_row<LANES, R> gs, ys;
    R *out = dx + i * k;
    double sum = 0;
    gs.read(g + i * k, k);
    ys.read(y + i * k, k);
    lun_each_pair(gs, ys, [&](int64_t, R gj, R yj) { sum += (double)(logs ? gj : gj * yj); });
    R s = (R)lun_row_reduce<LANES, lun_sum>(sum, 0.0, shared);
    lun_each_pair(gs, ys, [&](int64_t j, R gj, R yj) { out[j] = logs ? gj - lun_exp(yj) * s : yj * (gj - s); });
  }
}

int lun_cuda_softmax_grad(lun_call *c) {
  const lun_tensor *g = c->arg[0].t;
  int64_t k = g->shape[g->ndim - 1], n = k ? lun_numel(g) / k : 0;
  if (!n) return LUN_OK;
  LUN_BY_REAL(g->dtype,
              return LUN_LAUNCH_ROWS(c, softmax_grad_rows, R, n, k, lun_elements<R>(g), lun_elements<R>(c->arg[1].t),
                                     lun_elements<R>(c->out[0]), n, k, c->arg[2].b););
}

/* ---- cross entropy. A label outside 1..k, which the host cannot see here, makes the loss NaN. ---- */

template <int LANES, class R>
static __global__ void cross_entropy_rows(const R *x, const int64_t *label, R *lse, double *losses, int64_t n,
                                          int64_t k) {
  LUN_SHARED(double, shared);
  LUN_EACH_ROW(LANES, i, n) {
    lun_row<LANES, R> row;
    row.read(x + i * k, k);
    R all = log_sum_exp(row, shared);
    if (row.lane == 0) {
      int64_t l = label[i];
      lse[i] = all;
      losses[i] = l >= 1 && l <= k ? (double)(all - x[i * k + l - 1]) : (double)NAN;
    }
  }
}

/* One block. */
template <class R> static __global__ void mean_of_losses(const double *losses, R *loss, int64_t n) {
  LUN_SHARED(double, shared);
  double sum = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += losses[i];
  sum = lun_block_reduce<lun_sum>(sum, 0.0, shared);
  if (threadIdx.x == 0) *loss = (R)(sum / (double)n);
}

template <class R> static int cross_entropy_as(lun_call *c, double *losses) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], k = x->shape[1];
  LUN_TRY(LUN_LAUNCH_ROWS(c, cross_entropy_rows, R, n, k, lun_elements<R>(x), lun_elements<int64_t>(c->arg[1].t),
                          lun_elements<R>(c->out[1]), losses, n, k));
  return LUN_LAUNCH(c, (mean_of_losses<R>), 1, LUN_CUDA_THREADS, 32 * sizeof(double), losses,
                    lun_elements<R>(c->out[0]), n);
}

int lun_cuda_cross_entropy(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  lun_tensor *losses = NULL;
  LUN_TRY(lun_cuda_scratch(c, LUN_F64, x->shape[0], &losses));
  int st = x->dtype == LUN_F64 ? cross_entropy_as<double>(c, lun_elements<double>(losses))
                               : cross_entropy_as<float>(c, lun_elements<double>(losses));
  lun_release(losses);
  return st;
}

template <int LANES, class R>
static __global__ void cross_entropy_grad_rows(const R *g, const R *x, const int64_t *label, const R *lse, R *dx,
                                               int64_t n, int64_t k) {
  R scale = *g / (R)n;
  LUN_EACH_ROW(LANES, i, n) {
    R all = lse[i];
    int64_t l = label[i] - 1;
    for (int64_t j = threadIdx.x % LANES; j < k; j += LANES) {
      R v = scale * lun_exp(x[i * k + j] - all);
      dx[i * k + j] = j == l ? v - scale : v;
    }
  }
}

int lun_cuda_cross_entropy_grad(lun_call *c) {
  const lun_tensor *x = c->arg[1].t;
  int64_t n = x->shape[0], k = x->shape[1];
  if (!n || !k) return LUN_OK;
  LUN_BY_REAL(x->dtype, return LUN_LAUNCH_ROWS(c, cross_entropy_grad_rows, R, n, k, lun_elements<R>(c->arg[0].t),
                                               lun_elements<R>(x), lun_elements<int64_t>(c->arg[2].t),
                                               lun_elements<R>(c->arg[3].t), lun_elements<R>(c->out[0]), n, k););
}
