/* matmul.cu: matrix products and the fully connected layer, on the products of gemm.h. Weights beside bf16 activations
** are rounded to bf16 first. A bias is written to y before the product is added to it, which costs one more read and
** write of y; its gradient is a sum of columns (axis_sums.h), one read of dy. */
#include "copy.h"
#include "gemm.h"
#include "kernels.h"
#include "axis_sums.h"
#include "pack.h"

static lun_cuda_matrix matrix(const lun_tensor *t, int64_t ld, bool transposed) {
  lun_cuda_matrix m;
  m.p = static_cast<char *>(t->storage->data) + t->offset * lun_dtype_size(t->dtype);
  m.ld = ld > 0 ? ld : 1;
  m.stride = 0;
  m.transposed = transposed;
  return m;
}

/* y = a b, or y + a b: m x n from m x k and k x n. */
static int product(lun_call *c, lun_cuda_product p, const lun_tensor *y, bool add) {
  if (!p.m || !p.n || !p.batch) return LUN_OK;
  if (!p.k) return add ? LUN_OK : lun_cuda_fill_with(c, y, 0);
  p.alpha = 1;
  p.beta = add;
  p.out = y->dtype;
  p.y = static_cast<char *>(y->storage->data) + y->offset * lun_dtype_size(y->dtype);
  p.ldy = p.n;
  p.y_stride = p.m * p.n;
  return lun_cuda_gemm(c, &p);
}

int lun_cuda_matmul(lun_call *c) {
  const lun_tensor *a = c->arg[0].t, *b = c->arg[1].t, *y = c->out[0];
  int d = y->ndim;
  bool ta = c->arg[2].b, tb = c->arg[3].b;
  lun_cuda_product p = {};
  p.batch = d == 3 ? y->shape[0] : 1;
  p.m = y->shape[d - 2];
  p.n = y->shape[d - 1];
  p.k = a->shape[ta ? d - 2 : d - 1];
  p.in = a->dtype;
  p.a = matrix(a, ta ? p.m : p.k, ta);
  p.b = matrix(b, tb ? p.k : p.n, tb);
  p.a.stride = p.m * p.k;
  p.b.stride = p.k * p.n;
  return product(c, p, y, false);
}

/* ---- linear ---- */

static int64_t rows_of(const lun_tensor *t) {
  int64_t n = 1;
  for (int i = 0; i < t->ndim - 1; i++) n *= t->shape[i];
  return n;
}

/* w in the dtype of the activations beside it: itself, retained, or a copy. */
static int beside(lun_call *c, lun_tensor *w, lun_dtype d, lun_tensor **out) {
  *out = lun_retain(w);
  if (w->dtype == d) return LUN_OK;
  lun_release(w);
  *out = NULL;
  LUN_TRY(lun_empty(c->ctx, d, c->device, w->ndim, w->shape, out));
  return lun_cuda_copy(c, *out, w);
}

/* packs: of V elements, `wide` of them a row. */
template <class T, int V>
static __global__ void bias_rows(const typename number<T>::real *__restrict__ bias, T *__restrict__ y, int64_t packs,
                                 int64_t wide) {
  EACH(i, packs) {
    lun_parts<typename number<T>::real, V> from;
    pack<T, V> to;
    from.load(bias + (i - lun_quotient(i, wide) * wide) * V);
    for (int v = 0; v < V; v++) to.v[v] = number<T>::put(from[v]);
    lun_store<T, V>(y + i * V, to);
  }
}

/* Every row of y becomes bias. */
static int spread_bias(lun_call *c, const lun_tensor *y, const lun_tensor *bias) {
  int64_t n = lun_numel(y), row = bias->shape[0];
  if (!n) return LUN_OK;
  LUN_BY_FLOAT(c, y->dtype, {
    const number<T>::real *from = lun_elements<number<T>::real>(bias);
    T *to = lun_elements<T>(y);
    LUN_BY_PACK(lun_in_packs(row, sizeof(T), from, to), {
      return LUN_LAUNCH(c, (bias_rows<T, V>), lun_cuda_blocks(n / V), LUN_CUDA_THREADS, 0, from, to, n / V, row / V);
    });
  });
}

int lun_cuda_linear(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *bias = c->arg[2].t, *y = c->out[0];
  lun_tensor *w = NULL;
  lun_cuda_product p = {};
  p.batch = 1;
  p.m = rows_of(x);
  p.n = c->arg[1].t->shape[0];
  p.k = c->arg[1].t->shape[1];
  p.in = x->dtype;
  int st = beside(c, c->arg[1].t, x->dtype, &w);
  if (!st && bias) st = spread_bias(c, y, bias);
  if (!st) {
    p.a = matrix(x, p.k, false);
    p.b = matrix(w, p.k, true);
    st = product(c, p, y, bias != NULL);
  }
  lun_release(w);
  return st;
}

int lun_cuda_linear_dx(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t;
  lun_tensor *w = NULL;
  lun_cuda_product p = {};
  p.batch = 1;
  p.m = rows_of(dy);
  p.n = c->arg[1].t->shape[1];
  p.k = c->arg[1].t->shape[0];
  p.in = dy->dtype;
  int st = beside(c, c->arg[1].t, dy->dtype, &w);
  if (!st) {
    p.a = matrix(dy, p.k, false);
    p.b = matrix(w, p.n, false);
    st = product(c, p, c->out[0], false);
  }
  lun_release(w);
  return st;
}

int lun_cuda_linear_dw(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *dy = c->arg[1].t, *dw = c->out[0];
  lun_cuda_product p = {};
  p.batch = 1;
  p.m = dw->shape[0];
  p.n = dw->shape[1];
  p.k = rows_of(dy);
  p.in = x->dtype;
  p.a = matrix(dy, p.m, true);
  p.b = matrix(x, p.n, false);
  return product(c, p, dw, false);
}

/* ---- sums of columns; channels are innermost in memory, so a channel is a column ---- */

static int columns(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *y = c->out[0];
  int64_t cols = y->shape[0];
  lun_sums s = lun_sums_of_columns(cols ? lun_numel(x) / cols : 0, cols);
  if (x->dtype == LUN_F64) return lun_sum_run(c, lun_elements<double>(x), lun_elements<double>(y), s, 1.0);
  if (x->dtype == LUN_BF16) return lun_sum_run(c, lun_elements<bf16>(x), lun_elements<float>(y), s, 1.0);
  return lun_sum_run(c, lun_elements<float>(x), lun_elements<float>(y), s, 1.0);
}

int lun_cuda_column_sum(lun_call *c) { return columns(c); }
int lun_cuda_channel_sum(lun_call *c) { return columns(c); }
