/* matmul.c: matrix products and the fully connected layer. The engine's GEMM replaces these kernels where there is one.
 */
#include "ops/activation.h"

typedef struct {
  int64_t batch, m, n, k;
} product_size;

/* Sizes of matmul's y (batch,m,n) = op(a) op(b); the shape function checked them. */
static product_size product_of(const lun_call *c) {
  const lun_tensor *a = c->arg[0].t, *y = c->out[0];
  int d = y->ndim;
  return (product_size){d == 3 ? y->shape[0] : 1, y->shape[d - 2], y->shape[d - 1],
                        a->shape[c->arg[2].b ? d - 2 : d - 1]};
}

/* Rows of a tensor whose last axis holds features. */
static int64_t leading(const lun_tensor *t) {
  int64_t n = 1;
  for (int i = 0; i < t->ndim - 1; i++) n *= t->shape[i];
  return n;
}

#define KERNELS "ops/matmul_kernels.h"
#include "ops/each_float.h"

/* ---- matmul ---- */

static int matmul_shape(lun_call *c) {
  const lun_tensor *a = c->arg[0].t, *b = c->arg[1].t;
  bool ta = c->arg[2].b, tb = c->arg[3].b;
  char s[128], r[128];
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  int d = a->ndim;
  if (d != 2 && d != 3)
    return lun_bad(c, LUN_ESHAPE, "a must be a matrix (m,k) or a batch of them (batch,m,k), got %s",
                   lun_shape_text(a->ndim, a->shape, s, sizeof s));
  LUN_TRY(lun_need_ndim(c, 1, d));
  int64_t m = a->shape[ta ? d - 1 : d - 2], k = a->shape[ta ? d - 2 : d - 1];
  int64_t kb = b->shape[tb ? d - 1 : d - 2], n = b->shape[tb ? d - 2 : d - 1];
  if (k != kb || (d == 3 && a->shape[0] != b->shape[0]))
    return lun_bad(c, LUN_ESHAPE, "a %s%s and b %s%s do not fit: the inner sizes are %lld and %lld",
                   lun_shape_text(d, a->shape, s, sizeof s), ta ? " transposed" : "",
                   lun_shape_text(d, b->shape, r, sizeof r), tb ? " transposed" : "", (long long)k, (long long)kb);
  int64_t shape[3] = {a->shape[0], m, n};
  return d == 3 ? lun_out(c, 0, a->dtype, 3, shape) : lun_out(c, 0, a->dtype, 2, shape + 1);
}

static int matmul_cpu(lun_call *c) { return PICK(c->out[0]->dtype, matmul)(c); }

static int matmul_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  lun_tensor *a = c->arg[0].t, *b = c->arg[1].t, *dy = dout[0];
  int ta = c->arg[2].b, tb = c->arg[3].b;
  if (c->needs[0])
    LUN_TRY(ta ? lun_do(c->ctx, "matmul", &din[0], "ttbb", b, dy, tb, 1)
               : lun_do(c->ctx, "matmul", &din[0], "ttbb", dy, b, 0, !tb));
  if (c->needs[1])
    LUN_TRY(tb ? lun_do(c->ctx, "matmul", &din[1], "ttbb", dy, a, 1, ta)
               : lun_do(c->ctx, "matmul", &din[1], "ttbb", a, dy, !ta, 0));
  return LUN_OK;
}

static const char *const matmul_samples[] = {
    "a=normal[3,4] b=normal[4,2]",         "a=normal[4,3] b=normal[4,2] ta=true",
    "a=normal[3,4] b=normal[2,4] tb=true", "a=normal[4,3] b=normal[2,4] ta=true tb=true",
    "a=normal[2,3,4] b=normal[2,4,5]",     "a=normal[2,4,3] b=normal[2,5,4] ta=true tb=true",
    "a=normal[1,1] b=normal[1,1]",         "a=normal[0,3] b=normal[3,2]",
    "a=normal[2,0] b=normal[0,3]",         NULL};
const lun_op LUN_ROW(matmul) = {
    .name = "matmul",
    .args = "a:tensor b:tensor ta:bool=false tb:bool=false -> y",
    .doc = "Matrix product y (m,n) = a (m,k) b (k,n), also over a batch: (batch,m,k) (batch,k,n).\n"
           "ta, tb: take a, b transposed (their last two axes exchanged). f32 or f64, both alike.",
    .shape = matmul_shape,
    .cpu = matmul_cpu,
    .grad = matmul_grad,
    .keep = "a b",
    .samples = matmul_samples,
    .method = true,
};

/* ---- linear ---- */

static int linear_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *w = c->arg[1].t;
  char s[128], r[128];
  LUN_TRY(need_activation(c, 0));
  LUN_TRY(need_weight_dtype(c, 1, 0));
  LUN_TRY(lun_need_ndim(c, 1, 2));
  if (x->ndim < 1 || x->shape[x->ndim - 1] != w->shape[1])
    return lun_bad(c, LUN_ESHAPE, "x must be (...,k) with weight's k %lld, got x %s and weight %s (out,k)",
                   (long long)w->shape[1], lun_shape_text(x->ndim, x->shape, s, sizeof s),
                   lun_shape_text(2, w->shape, r, sizeof r));
  if (c->arg[2].t) {
    LUN_TRY(need_weight_dtype(c, 2, 0));
    LUN_TRY(lun_need_shape(c, 2, 1, w->shape, "(out)"));
  }
  int64_t shape[LUN_MAX_DIMS];
  for (int i = 0; i < x->ndim; i++) shape[i] = x->shape[i];
  shape[x->ndim - 1] = w->shape[0];
  return lun_out(c, 0, x->dtype, x->ndim, shape);
}

static int linear_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, linear)(c); }

static int linear_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  if (c->needs[0]) LUN_TRY(lun_do(c->ctx, "linear_dx", &din[0], "tt", dout[0], c->arg[1].t));
  if (c->needs[1]) LUN_TRY(lun_do(c->ctx, "linear_dw", &din[1], "tt", c->arg[0].t, dout[0]));
  if (c->needs[2]) LUN_TRY(lun_do(c->ctx, "column_sum", &din[2], "t", dout[0]));
  return LUN_OK;
}

static const char *const linear_samples[] = {"x=normal[3,4] weight=normal[2,4] bias=normal[2]",
                                             "x=normal[3,4] weight=normal[2,4]",
                                             "x=normal[2,3,4] weight=normal[5,4] bias=normal[5]",
                                             "x=normal[4] weight=normal[1,4] bias=normal[1]",
                                             "x=normal[1,1] weight=normal[1,1]",
                                             "x=normal[0,4] weight=normal[2,4] bias=normal[2]",
                                             NULL};
const lun_op LUN_ROW(linear) = {
    .name = "linear",
    .args = "x:tensor weight:tensor bias:tensor? -> y",
    .doc = "Fully connected layer y (...,out) = x (...,k) weight^T + bias, weight (out,k), bias (out).\n"
           "x is f32, bf16 or f64 and y like it; weight and bias are f32, f64 beside f64.",
    .shape = linear_shape,
    .cpu = linear_cpu,
    .grad = linear_grad,
    .keep = "x weight",
    .samples = linear_samples,
};

static int linear_dx_shape(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t, *w = c->arg[1].t;
  char s[128];
  LUN_TRY(need_activation(c, 0));
  LUN_TRY(need_weight_dtype(c, 1, 0));
  LUN_TRY(lun_need_ndim(c, 1, 2));
  if (dy->ndim < 1 || dy->shape[dy->ndim - 1] != w->shape[0])
    return lun_bad(c, LUN_ESHAPE, "dy must be (...,out) with weight's out %lld, got %s", (long long)w->shape[0],
                   lun_shape_text(dy->ndim, dy->shape, s, sizeof s));
  int64_t shape[LUN_MAX_DIMS];
  for (int i = 0; i < dy->ndim; i++) shape[i] = dy->shape[i];
  shape[dy->ndim - 1] = w->shape[1];
  return lun_out(c, 0, dy->dtype, dy->ndim, shape);
}

static int linear_dx_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, linear_dx)(c); }

static const char *const linear_dx_samples[] = {"dy=normal[3,2] weight=normal[2,4]",
                                                "dy=normal[2,3,2] weight=normal[2,5]", NULL};
const lun_op LUN_ROW(linear_dx) = {
    .name = "linear_dx",
    .args = "dy:tensor weight:tensor -> dx",
    .doc = "Gradient of linear to x: dx (...,k) = dy (...,out) weight (out,k), in dy's dtype.",
    .shape = linear_dx_shape,
    .cpu = linear_dx_cpu,
    .no_grad = "it is the gradient of linear; second derivatives are not offered",
    .samples = linear_dx_samples,
};

static int linear_dw_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *dy = c->arg[1].t;
  char s[128], r[128];
  LUN_TRY(need_activation(c, 0));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  bool same = x->ndim == dy->ndim && x->ndim > 0;
  for (int i = 0; same && i < x->ndim - 1; i++) same = x->shape[i] == dy->shape[i];
  if (!same)
    return lun_bad(c, LUN_ESHAPE, "x (...,k) and dy (...,out) must agree in all axes but the last, got %s and %s",
                   lun_shape_text(x->ndim, x->shape, s, sizeof s), lun_shape_text(dy->ndim, dy->shape, r, sizeof r));
  return lun_out(c, 0, weight_dtype(x), 2, (int64_t[]){dy->shape[x->ndim - 1], x->shape[x->ndim - 1]});
}

static int linear_dw_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, linear_dw)(c); }

static const char *const linear_dw_samples[] = {"x=normal[3,4] dy=normal[3,2]", "x=normal[2,3,5] dy=normal[2,3,2]",
                                                "x=normal[0,4] dy=normal[0,2]", NULL};
const lun_op LUN_ROW(linear_dw) = {
    .name = "linear_dw",
    .args = "x:tensor dy:tensor -> dw",
    .doc = "Gradient of linear to weight: dw (out,k) = dy^T x, summed over all leading axes, in weight's dtype.",
    .shape = linear_dw_shape,
    .cpu = linear_dw_cpu,
    .no_grad = "it is the gradient of linear; second derivatives are not offered",
    .samples = linear_dw_samples,
};

static int column_sum_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  LUN_TRY(need_activation(c, 0));
  if (x->ndim < 1) return lun_bad(c, LUN_ESHAPE, "x must have at least one axis");
  return lun_out(c, 0, weight_dtype(x), 1, &x->shape[x->ndim - 1]);
}

static int column_sum_cpu(lun_call *c) { return PICK(c->arg[0].t->dtype, column_sum)(c); }

static const char *const column_sum_samples[] = {"x=normal[3,4]", "x=normal[2,3,70]", "x=normal[0,2]", NULL};
const lun_op LUN_ROW(column_sum) = {
    .name = "column_sum",
    .args = "x:tensor -> y",
    .doc = "Sum over all axes but the last, in the dtype of weights beside x (f32, f64 beside f64): the gradient of a "
           "linear layer's bias.",
    .shape = column_sum_shape,
    .cpu = column_sum_cpu,
    .no_grad = "used inside gradients; sum offers one",
    .samples = column_sum_samples,
};

static int channel_sum_shape(lun_call *c) {
  LUN_TRY(need_activation(c, 0));
  return lun_out(c, 0, weight_dtype(c->arg[0].t), 1, &c->arg[0].t->shape[1]);
}

/* Channels are innermost in memory, so a channel is a column. */
static const char *const channel_sum_samples[] = {"x=normal[2,3,4,5]", "x=normal[1,1,1,1]", "x=normal[0,3,2,2]", NULL};
const lun_op LUN_ROW(channel_sum) = {
    .name = "channel_sum",
    .args = "x:image -> y",
    .doc = "Sum of each channel over samples and pixels, in the dtype of weights beside x: the gradient of a "
           "convolution's bias.",
    .shape = channel_sum_shape,
    .cpu = column_sum_cpu,
    .no_grad = "used inside gradients; sum offers one",
    .samples = channel_sum_samples,
};
