/* reduce.c: sums, means, maxima over axes, and their gradients. */
#include "core/op.h"

#include <math.h>
#include <string.h>

#define KERNELS "reduce_kernels.h"
#include "real.h"

/* ---- which axes ---- */

/* Axes in `list` (counted from 1, negative from the end; none: all) as a mask. */
static int axes_mask(lun_call *c, int arg, int ndim, unsigned *mask) {
  *mask = 0;
  if (!c->arg[arg].given || c->arg[arg].ints.n == 0) {
    *mask = (1u << ndim) - 1;
    return LUN_OK;
  }
  for (int i = 0; i < c->arg[arg].ints.n; i++) {
    int64_t a = c->arg[arg].ints.v[i], k = a < 0 ? a + ndim : a - 1;
    if (a == 0 || k < 0 || k >= ndim)
      return lun_bad(c, LUN_EARG, "axes must be among 1..%d (or -%d..-1), got %lld", ndim, ndim, (long long)a);
    if (*mask >> k & 1) return lun_bad(c, LUN_EARG, "axes names axis %lld twice", (long long)k + 1);
    *mask |= 1u << k;
  }
  return LUN_OK;
}

static int kept_shape(const lun_tensor *x, unsigned mask, bool keep, int64_t *shape) {
  int n = 0;
  for (int i = 0; i < x->ndim; i++)
    if (!(mask >> i & 1))
      shape[n++] = x->shape[i];
    else if (keep)
      shape[n++] = 1;
  return n;
}

/* x with the reduced axes last, dense: (kept..., reduced...). */
static int reduced_last(lun_call *c, lun_tensor *x, unsigned mask, lun_tensor **out) {
  int64_t order[LUN_MAX_DIMS];
  int n = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < x->ndim; i++)
      if ((mask >> i & 1) == (unsigned)pass) order[n++] = i + 1;
  lun_tensor *p = NULL;
  LUN_TRY(lun_do(c->ctx, "permute", &p, "tn", x, (int64_t)x->ndim, order));
  int st = lun_do(c->ctx, "contiguous", out, "t", p);
  lun_release(p);
  return st;
}

/* ---- sum and mean ---- */

static int sum_shape(lun_call *c) {
  unsigned mask = 0;
  int64_t shape[LUN_MAX_DIMS];
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(axes_mask(c, 1, c->arg[0].t->ndim, &mask));
  int n = kept_shape(c->arg[0].t, mask, c->arg[2].b, shape);
  return lun_out(c, 0, c->arg[0].t->dtype, n, shape);
}

static int reduce_sum(lun_call *c, bool mean) {
  lun_tensor *x = c->arg[0].t, *y = c->out[0], *dense = NULL;
  unsigned mask = 0, all = (1u << x->ndim) - 1;
  LUN_TRY(axes_mask(c, 1, x->ndim, &mask));
  int64_t rows = lun_numel(y), n = 1;
  for (int i = 0; i < x->ndim; i++)
    if (mask >> i & 1) n *= x->shape[i];
  double scale = mean ? 1.0 / (double)n : 1.0;
  unsigned leading = (1u << __builtin_popcount(mask)) - 1;
  if (lun_is_dense(x) && mask == leading && mask != all) { /* the first axes of a row-major tensor: columns, no copy */
    BY_REAL(x->dtype, sum_columns, lun_data(x), lun_data(y), n, rows, scale, c->threads);
    return LUN_OK;
  }
  LUN_TRY(reduced_last(c, x, mask, &dense));
  BY_REAL(x->dtype, sum_rows, lun_data(dense), lun_data(y), rows, n, scale, c->threads);
  lun_release(dense);
  return LUN_OK;
}

static int sum_cpu(lun_call *c) { return reduce_sum(c, false); }
static int mean_cpu(lun_call *c) { return reduce_sum(c, true); }

/* dx = dy stretched over the reduced axes. */
static int stretch(lun_call *c, lun_tensor *dy, lun_tensor **out) {
  const lun_tensor *x = c->arg[0].t;
  unsigned mask = 0;
  int64_t shape[LUN_MAX_DIMS];
  lun_tensor *r = NULL;
  LUN_TRY(axes_mask(c, 1, x->ndim, &mask));
  int n = kept_shape(x, mask, true, shape);
  LUN_TRY(lun_do(c->ctx, "reshape", &r, "tn", dy, (int64_t)n, shape));
  int st = lun_do(c->ctx, "expand", out, "tn", r, (int64_t)x->ndim, x->shape);
  lun_release(r);
  return st;
}

static int sum_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) { return stretch(c, dout[0], &din[0]); }

static int mean_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  int64_t n = lun_numel(c->arg[0].t), rows = lun_numel(c->out[0]);
  lun_tensor *s = NULL, *g = NULL;
  LUN_TRY(lun_do(c->ctx, "full_like", &s, "tf", dout[0], n ? (double)rows / (double)n : 0.0));
  int st = lun_do(c->ctx, "mul", &g, "tt", dout[0], s);
  if (!st) st = stretch(c, g, &din[0]);
  lun_release(s);
  lun_release(g);
  return st;
}

static const char *const sum_samples[] = {"x=normal[3,4]",
                                          "x=normal[3,4] axes=(1)",
                                          "x=normal[2,3,4,5] axes=(3,4)",
                                          "x=normal[2,3,4] axes=(1,3) keep=true",
                                          "x=normal[0,3] axes=(1)",
                                          "x=normal[]",
                                          NULL};
const lun_op LUN_ROW(sum) = {
    .name = "sum",
    .args = "x:any axes:ints? keep:bool=false -> y",
    .doc =
        "The sum of x over axes (counted from 1; all by default); keep leaves reduced axes with size 1. f32 and f64.",
    .shape = sum_shape,
    .cpu = sum_cpu,
    .grad = sum_grad,
    .samples = sum_samples,
    .method = true,
};
static const char *const mean_samples[] = {"x=normal[3,4]",
                                           "x=normal[3,4] axes=(1)",
                                           "x=normal[2,3,4,5] axes=(3,4)",
                                           "x=normal[2,3,4] axes=(1,3) keep=true",
                                           "x=normal[]",
                                           NULL};
const lun_op LUN_ROW(mean) = {
    .name = "mean",
    .args = "x:any axes:ints? keep:bool=false -> y",
    .doc = "The mean of x over axes (counted from 1; all by default); keep leaves reduced axes with size 1. f32 and "
           "f64; NaN over no element.",
    .shape = sum_shape,
    .cpu = mean_cpu,
    .grad = mean_grad,
    .samples = mean_samples,
    .method = true,
};

/* ---- sum_to and expand: the two directions of broadcasting ---- */

static int sum_to_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int nd = c->arg[1].ints.n;
  const int64_t *to = c->arg[1].ints.v;
  LUN_TRY(lun_need_float(c, 0));
  bool fits = nd <= x->ndim, same = nd == x->ndim;
  for (int i = 1; fits && i <= nd; i++) {
    int64_t a = x->shape[x->ndim - i], b = to[nd - i];
    fits = a == b || b == 1;
    same = same && a == b;
  }
  if (!fits) {
    char s[128], t[128];
    return lun_bad(c, LUN_ESHAPE, "x %s did not come from shape %s by broadcasting",
                   lun_shape_text(x->ndim, x->shape, s, sizeof s), lun_shape_text(nd, to, t, sizeof t));
  }
  if (same) return lun_out_view(c, 0, c->arg[0].t, nd, x->shape, x->stride, x->offset);
  return lun_out(c, 0, x->dtype, nd, to);
}

static int sum_to_cpu(lun_call *c) {
  lun_tensor *x = c->arg[0].t, *y = c->out[0], *wide = NULL, *s = NULL;
  if (y->storage == x->storage) return LUN_OK;
  int64_t axes[LUN_MAX_DIMS], n = 0;
  for (int i = 0; i < x->ndim; i++) {
    int k = i - (x->ndim - y->ndim);
    if (k < 0 || (y->shape[k] == 1 && x->shape[i] != 1)) axes[n++] = i + 1;
  }
  bool narrow = x->dtype != LUN_F32 && x->dtype != LUN_F64;
  int st = narrow ? lun_do(c->ctx, "cast", &wide, "td", x, (int)LUN_F32) : LUN_OK;
  if (!st && n) st = lun_do(c->ctx, "sum", &s, "tnb", wide ? wide : x, n, axes, 1);
  if (!st) {
    lun_tensor view = s ? *s : wide ? *wide : *x; /* leading axes of size 1 fall away */
    int drop = view.ndim - y->ndim;
    for (int i = 0; i < y->ndim; i++) view.shape[i] = view.shape[i + drop], view.stride[i] = view.stride[i + drop];
    view.ndim = y->ndim;
    st = lun_copy(y, &view);
  }
  lun_release(wide);
  lun_release(s);
  return st;
}

static int sum_to_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(c->ctx, "expand", din, "tn", dout[0], (int64_t)c->arg[0].t->ndim, c->arg[0].t->shape);
}

static const char *const sum_to_samples[] = {"x=normal[2,3,4] shape=(3,1)", "x=normal[2,3] shape=(2,3)",
                                             "x=normal[2,3] shape=()", "x=normal[0,3] shape=(1,3)", NULL};
const lun_op LUN_ROW(sum_to) = {
    .name = "sum_to",
    .args = "x:any shape:ints -> y",
    .doc = "x summed over the axes along which a tensor of the given shape was broadcast to x's shape; the gradient of "
           "expand.",
    .shape = sum_to_shape,
    .cpu = sum_to_cpu,
    .grad = sum_to_grad,
    .samples = sum_to_samples,
};

static int expand_shape(lun_call *c) {
  lun_tensor *x = c->arg[0].t;
  int nd = c->arg[1].ints.n;
  const int64_t *to = c->arg[1].ints.v;
  int64_t stride[LUN_MAX_DIMS];
  bool fits = nd >= x->ndim;
  for (int i = 0; fits && i < nd; i++) {
    int k = i - (nd - x->ndim);
    stride[i] = k >= 0 && x->shape[k] == to[i] ? x->stride[k] : 0;
    fits = to[i] >= 0 && (k < 0 || x->shape[k] == to[i] || x->shape[k] == 1);
  }
  if (!fits) {
    char s[128], t[128];
    return lun_bad(c, LUN_ESHAPE,
                   "x %s cannot be stretched to shape %s: only axes of size 1, or new ones in front, can",
                   lun_shape_text(x->ndim, x->shape, s, sizeof s), lun_shape_text(nd, to, t, sizeof t));
  }
  return lun_out_view(c, 0, x, nd, to, stride, x->offset);
}

static int nothing(lun_call *c) {
  (void)c;
  return LUN_OK;
}

static int expand_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(c->ctx, "sum_to", din, "tn", dout[0], (int64_t)c->arg[0].t->ndim, c->arg[0].t->shape);
}

static const char *const expand_samples[] = {"x=normal[3,1] shape=(2,3,4)", "x=normal[] shape=(2,2)", NULL};
const lun_op LUN_ROW(expand) = {
    .name = "expand",
    .args = "x:any shape:ints -> y",
    .doc = "A view of x stretched to shape: axes of size 1, and new axes in front, repeat without taking memory.",
    .shape = expand_shape,
    .cpu = nothing,
    .grad = expand_grad,
    .samples = expand_samples,
    .method = true,
};

/* ---- max and argmax ---- */

static int max_shape_of(lun_call *c, bool values) {
  const lun_tensor *x = c->arg[0].t;
  int axis = 0, n = 0;
  int64_t shape[LUN_MAX_DIMS];
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_axis(c, 1, x->ndim, &axis));
  if (x->shape[axis] == 0)
    return lun_bad(c, LUN_ESHAPE, "axis %d of x is empty: there is no largest element", axis + 1);
  for (int i = 0; i < x->ndim; i++)
    if (i != axis) shape[n++] = x->shape[i];
  if (values) LUN_TRY(lun_out(c, 0, x->dtype, n, shape));
  return lun_out(c, values, LUN_I64, n, shape);
}
static int max_shape(lun_call *c) { return max_shape_of(c, true); }
static int argmax_shape(lun_call *c) { return max_shape_of(c, false); }

static int max_of(lun_call *c, lun_tensor *y, lun_tensor *pos) {
  lun_tensor *x = c->arg[0].t, *dense = NULL;
  int axis = 0;
  LUN_TRY(lun_axis(c, 1, x->ndim, &axis));
  LUN_TRY(reduced_last(c, x, 1u << axis, &dense));
  BY_REAL(x->dtype, max_rows, lun_data(dense), y ? lun_data(y) : NULL, lun_i64(pos), lun_numel(pos), x->shape[axis],
          c->threads);
  lun_release(dense);
  return LUN_OK;
}
static int max_cpu(lun_call *c) { return max_of(c, c->out[0], c->out[1]); }
static int argmax_cpu(lun_call *c) { return max_of(c, NULL, c->out[0]); }

static int max_grad_of(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  const lun_tensor *x = c->arg[0].t;
  int axis = 0;
  if (!dout[0]) return LUN_OK;
  LUN_TRY(lun_axis(c, 1, x->ndim, &axis));
  return lun_do(c->ctx, "max_grad", din, "ttii", dout[0], c->out[1], (int64_t)axis, x->shape[axis]);
}

static const char *const max_samples[] = {"x=spread[3,4] axis=1", "x=spread[2,3,4] axis=0", "x=spread[2,3,4] axis=-1",
                                          NULL};
const lun_op LUN_ROW(max) = {
    .name = "max",
    .args = "x:any axis:index -> y positions",
    .doc = "The largest element along axis, and its position there, counted from 1; the first of equals. A NaN counts "
           "as largest.",
    .shape = max_shape,
    .cpu = max_cpu,
    .grad = max_grad_of,
    .keep = "positions",
    .samples = max_samples,
    .kinks = "ties: samples hold distinct values",
    .method = true,
};
const lun_op LUN_ROW(argmax) = {
    .name = "argmax",
    .args = "x:any axis:index=-1 -> positions",
    .doc = "The position of the largest element along axis, counted from 1; the first of equals. A NaN of x counts as "
           "largest.",
    .shape = argmax_shape,
    .cpu = argmax_cpu,
    .no_grad = "positions are not real numbers",
    .samples = max_samples,
    .method = true,
};

static int max_grad_shape(lun_call *c) {
  const lun_tensor *g = c->arg[0].t;
  int axis = 0;
  int64_t shape[LUN_MAX_DIMS];
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_need_dtype(c, 1, LUN_I64));
  LUN_TRY(lun_need_same_shape(c, 1, 0));
  LUN_TRY(lun_axis(c, 2, g->ndim + 1, &axis));
  for (int i = 0; i < axis; i++) shape[i] = g->shape[i];
  shape[axis] = c->arg[3].i;
  for (int i = axis; i < g->ndim; i++) shape[i + 1] = g->shape[i];
  for (int64_t i = 0; g->device == LUN_CPU && i < lun_numel(g); i++)
    if (lun_i64(c->arg[1].t)[i] < 1 || lun_i64(c->arg[1].t)[i] > c->arg[3].i)
      return lun_bad(c, LUN_EARG, "positions must be in 1..%lld, got %lld", (long long)c->arg[3].i,
                     (long long)lun_i64(c->arg[1].t)[i]);
  return lun_out(c, 0, g->dtype, g->ndim + 1, shape);
}

static int max_grad_cpu(lun_call *c) {
  lun_tensor *x = c->out[0], *rows = NULL;
  int axis = 0, nd = x->ndim;
  int64_t shape[LUN_MAX_DIMS], n = 0;
  LUN_TRY(lun_axis(c, 2, nd, &axis));
  for (int i = 0; i < nd; i++)
    if (i != axis) shape[n++] = x->shape[i];
  shape[n] = x->shape[axis];
  LUN_TRY(lun_empty(c->ctx, x->dtype, LUN_CPU, nd, shape, &rows)); /* axis last */
  memset(rows->storage->data, 0, (size_t)rows->storage->bytes);
  BY_REAL(x->dtype, scatter_rows, lun_data(c->arg[0].t), lun_i64(c->arg[1].t), lun_data(rows), lun_numel(c->arg[0].t),
          x->shape[axis]);
  lun_tensor view = *rows; /* axis moved back to its place */
  for (int i = nd - 1; i > axis; i--) view.shape[i] = rows->shape[i - 1], view.stride[i] = rows->stride[i - 1];
  view.shape[axis] = rows->shape[nd - 1];
  view.stride[axis] = rows->stride[nd - 1];
  int st = lun_copy(x, &view);
  lun_release(rows);
  return st;
}

static const char *const max_grad_samples[] = {"dy=normal[3] positions=pos4[3] axis=1 size=4",
                                               "dy=normal[2,3] positions=pos4[2,3] axis=0 size=4", NULL};
const lun_op LUN_ROW(max_grad) = {
    .name = "max_grad",
    .args = "dy:tensor positions:constant axis:index size:int -> dx",
    .doc = "Zeros with axis of the given size, and dy at positions along it; the gradient of max.",
    .shape = max_grad_shape,
    .cpu = max_grad_cpu,
    .no_grad = "a gradient; second derivatives are not provided",
    .samples = max_grad_samples,
};
