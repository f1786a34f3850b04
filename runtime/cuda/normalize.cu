/* normalize.cu: rows scaled to unit Euclidean length. Bound by memory: forward reads and writes each element once, the
** gradient reads two and writes one (rows.h: rows above 2,048 elements are read again, from the cache). */
#include "kernels.h"
#include "rows.h"

template <int LANES, class R>
static __global__ void unit_rows(const R *x, R *y, R *norm, int64_t n, int64_t d, R least) {
  LUN_SHARED(double, shared);
  LUN_EACH_ROW(LANES, i, n) {
    lun_row<LANES, R> row;
    R *out = y + i * d, sum = 0;
    row.read(x + i * d, d);
    row.each([&](int64_t, R v) { sum += v * v; });
    R length = lun_sqrt(lun_row_reduce<LANES, lun_sum>(sum, (R)0, reinterpret_cast<R *>(shared)));
    if (!(length > least)) length = least;
    row.each([&](int64_t j, R v) { out[j] = v / length; });
    if (row.lane == 0) norm[i] = length;
  }
}

int lun_cuda_normalize(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int64_t n = x->shape[0], d = x->shape[1];
  if (!n) return LUN_OK; /* rows without elements have a length too: the least */
  LUN_BY_REAL(x->dtype, return LUN_LAUNCH_ROWS(c, unit_rows, R, n, d, lun_elements<R>(x), lun_elements<R>(c->out[0]),
                                               lun_elements<R>(c->out[1]), n, d, (R)c->arg[1].f););
}

/* dx = (g - y (g . y)) / norm; where the norm was raised to the least it is a constant, and dx = g / least. */
template <int LANES, class R>
static __global__ void unit_grad_rows(const R *g, const R *y, const R *norm, R *dx, int64_t n, int64_t d, R least) {
  LUN_SHARED(double, shared);
  LUN_EACH_ROW(LANES, i, n) {
    lun_row<LANES, R> gs, ys;
    R *out = dx + i * d, sum = 0;
    gs.read(g + i * d, d);
    ys.read(y + i * d, d);
    lun_each_pair(gs, ys, [&](int64_t, R gj, R yj) { sum += gj * yj; });
    sum = lun_row_reduce<LANES, lun_sum>(sum, (R)0, reinterpret_cast<R *>(shared));
    R length = norm[i];
    if (length <= least) sum = 0;
    lun_each_pair(gs, ys, [&](int64_t j, R gj, R yj) { out[j] = (gj - yj * sum) / length; });
  }
}

int lun_cuda_normalize_grad(lun_call *c) {
  const lun_tensor *g = c->arg[0].t;
  int64_t n = g->shape[0], d = g->shape[1];
  if (!n || !d) return LUN_OK;
  LUN_BY_REAL(g->dtype,
              return LUN_LAUNCH_ROWS(c, unit_grad_rows, R, n, d, lun_elements<R>(g), lun_elements<R>(c->arg[1].t),
                                     lun_elements<R>(c->arg[2].t), lun_elements<R>(c->out[0]), n, d, (R)c->arg[3].f););
}
