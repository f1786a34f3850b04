/* gemm.c: matmul and linear on OpenBLAS. bf16 activations are converted to f32 around the product: the layers after
** pooling, where this is used, are small beside the convolutions.
*/
#include "cpu/blas.h"
#include "cpu/kernels.h"
#include "core/op.h"

int lun_cpu_matmul(lun_call *c) {
  const lun_tensor *a = c->arg[0].t, *b = c->arg[1].t, *y = c->out[0];
  int d = y->ndim;
  int64_t batch = d == 3 ? y->shape[0] : 1, m = y->shape[d - 2], n = y->shape[d - 1];
  int64_t k = a->shape[c->arg[2].b ? d - 2 : d - 1], size = lun_dtype_size(y->dtype);
  for (int64_t i = 0; i < batch; i++)
    LUN_TRY(lun_gemm(c->ctx, y->dtype, c->arg[2].b, c->arg[3].b, m, n, k, (char *)lun_data(a) + i * m * k * size,
                     (char *)lun_data(b) + i * k * n * size, 0, (char *)lun_data(y) + i * m * n * size, c->threads));
  return LUN_OK;
}

/* The elements of t as the dtype `weights` has: itself, or a converted copy in *made. */
static int as_weights(lun_call *c, const lun_tensor *t, lun_dtype weights, void **made, const void **out) {
  *out = lun_data(t);
  if (t->dtype == weights) return LUN_OK;
  LUN_TRY(lun_scratch(c, lun_numel(t) * lun_dtype_size(weights), made));
  *out = *made;
  return lun_cpu_cast(c, lun_data(t), t->dtype, *made, weights, lun_numel(t));
}

/* y (rows,n) = op(a) op(b) where a, b and y may be activations in bf16; bias (n) or NULL. */
static int product(lun_call *c, const lun_tensor *a, bool ta, const lun_tensor *b, bool tb, int64_t m, int64_t n,
                   int64_t k, const lun_tensor *bias, const lun_tensor *y) {
  lun_dtype w = y->dtype == LUN_F64 ? LUN_F64 : LUN_F32;
  void *ma = NULL, *mb = NULL, *my = NULL, *out = lun_data(y);
  const void *pa, *pb;
  if (k == 0 || !lun_blas_of(c->ctx)) return LUN_EUNSUPPORTED;
  int st = as_weights(c, a, w, &ma, &pa);
  if (!st) st = as_weights(c, b, w, &mb, &pb);
  if (!st && y->dtype != w) {
    st = lun_scratch(c, m * n * lun_dtype_size(w), &my);
    out = my;
  }
  if (!st && bias) {
    int64_t row = n * lun_dtype_size(w);
    for (int64_t i = 0; i < m; i++) __builtin_memcpy((char *)out + i * row, lun_data(bias), (size_t)row);
  }
  if (!st) st = lun_gemm(c->ctx, w, ta, tb, m, n, k, pa, pb, bias ? 1 : 0, out, c->threads);
  if (!st && my) st = lun_cpu_cast(c, my, w, lun_data(y), y->dtype, m * n);
  lun_scratch_free(c, ma);
  lun_scratch_free(c, mb);
  lun_scratch_free(c, my);
  return st;
}

static int64_t rows_of(const lun_tensor *t) {
  int64_t n = 1;
  for (int i = 0; i < t->ndim - 1; i++) n *= t->shape[i];
  return n;
}

int lun_cpu_linear(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *w = c->arg[1].t;
  return product(c, x, false, w, true, rows_of(x), w->shape[0], w->shape[1], c->arg[2].t, c->out[0]);
}

int lun_cpu_linear_dx(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t, *w = c->arg[1].t;
  return product(c, dy, false, w, false, rows_of(dy), w->shape[1], w->shape[0], NULL, c->out[0]);
}

int lun_cpu_linear_dw(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *dy = c->arg[1].t, *dw = c->out[0];
  return product(c, dy, true, x, false, dw->shape[0], dw->shape[1], rows_of(dy), NULL, dw);
}
