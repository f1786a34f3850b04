/* layout.c: views and copies: the ops that move elements without computing. */
#include "core/op.h"
#include "core/half.h"

#include <string.h>

/* ---- contiguous, channels_last, clone ---- */

static int contiguous_shape(lun_call *c) {
  lun_tensor *x = c->arg[0].t;
  if (lun_is_dense(x)) return lun_out_view(c, 0, x, x->ndim, x->shape, x->stride, x->offset);
  return lun_out(c, 0, x->dtype, x->ndim, x->shape);
}

static int channels_last_shape(lun_call *c) {
  lun_tensor *x = c->arg[0].t;
  LUN_TRY(lun_need_ndim(c, 0, 4));
  if (lun_is_dense_image(x)) return lun_out_view(c, 0, x, 4, x->shape, x->stride, x->offset);
  return lun_out(c, 0, x->dtype, 4, x->shape);
}

static int copy_unless_view(lun_call *c) {
  if (c->out[0]->storage == c->arg[0].t->storage) return LUN_OK;
  return lun_copy(c->out[0], c->arg[0].t);
}

static int pass_gradient(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  (void)c;
  din[0] = lun_retain(dout[0]);
  return LUN_OK;
}

static const char *const contiguous_samples[] = {"x=normal[2,3]", "x=normal[2,3,4,5]", "x=normal[0,3]", NULL};
const lun_op LUN_ROW(contiguous) = {
    .name = "contiguous",
    .args = "x:any -> y",
    .doc = "The same elements, dense in row-major order; x itself where it is so already.",
    .shape = contiguous_shape,
    .cpu = copy_unless_view,
    .grad = pass_gradient,
    .samples = contiguous_samples,
    .method = true,
};

static const char *const channels_last_samples[] = {"x=normal[2,3,4,5]", "x=normal[1,1,1,1]", NULL};
const lun_op LUN_ROW(channels_last) = {
    .name = "channels_last",
    .args = "x:any -> y:image",
    .doc = "The same elements of a batch of images (n,c,h,w), dense with the channel innermost; x itself where it is "
           "so already.",
    .shape = channels_last_shape,
    .cpu = copy_unless_view,
    .grad = pass_gradient,
    .samples = channels_last_samples,
    .method = true,
};

static int clone_shape(lun_call *c) { return lun_out_like(c, 0, c->arg[0].t); }
static int clone_cpu(lun_call *c) { return lun_copy(c->out[0], c->arg[0].t); }

const lun_op LUN_ROW(clone) = {
    .name = "clone",
    .args = "x:any -> y",
    .doc = "A copy with memory of its own, laid out as x is.",
    .shape = clone_shape,
    .cpu = clone_cpu,
    .grad = pass_gradient,
    .samples = contiguous_samples,
    .method = true,
};

/* ---- cast ---- */

static int cast_shape(lun_call *c) {
  lun_tensor *x = c->arg[0].t;
  if (x->dtype == c->arg[1].d) return lun_out_view(c, 0, x, x->ndim, x->shape, x->stride, x->offset);
  lun_tensor like = *x;
  like.dtype = c->arg[1].d;
  return lun_out_like(c, 0, &like);
}

static int cast_cpu(lun_call *c) {
  lun_tensor *x = c->arg[0].t, *y = c->out[0];
  int64_t n = lun_numel(x);
  if (y->storage == x->storage) return LUN_OK;
  bool flat = (lun_is_dense(x) && lun_is_dense(y)) || (lun_is_dense_image(x) && lun_is_dense_image(y));
  if (flat && x->dtype == LUN_F32 && y->dtype == LUN_BF16) {
    const float *s = lun_f32(x);
    uint16_t *d = lun_bf16(y);
#pragma omp parallel for simd num_threads(c->threads) schedule(static) if (n > 65536)
    for (int64_t i = 0; i < n; i++) d[i] = lun_float_bf16(s[i]);
    return LUN_OK;
  }
  if (flat && x->dtype == LUN_BF16 && y->dtype == LUN_F32) {
    const uint16_t *s = lun_bf16(x);
    float *d = lun_f32(y);
#pragma omp parallel for simd num_threads(c->threads) schedule(static) if (n > 65536)
    for (int64_t i = 0; i < n; i++) d[i] = lun_bf16_float(s[i]);
    return LUN_OK;
  }
  return lun_copy(y, x);
}

static int cast_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(c->ctx, "cast", din, "td", dout[0], (int)c->arg[0].t->dtype);
}

static const char *const cast_samples[] = {"x=normal[3,4] dtype=f32", "x=normal[2,3,4,5] dtype=f64",
                                           "x=byte[3,4]@u8 dtype=f32", NULL};
const lun_op LUN_ROW(cast) = {
    .name = "cast",
    .args = "x:any dtype:dtype -> y",
    .doc = "x converted to dtype (rounding to nearest even; to whole numbers: toward zero, saturating, NaN becomes 0).",
    .shape = cast_shape,
    .cpu = cast_cpu,
    .grad = cast_grad,
    .samples = cast_samples,
    .tolerance = 1e-3, /* the f64 sample goes through f32 */
};

/* ---- full_like ---- */

static int full_like_cpu(lun_call *c) {
  lun_tensor *y = c->out[0];
  int64_t n = lun_numel(y), zero[LUN_MAX_DIMS] = {0};
  if (n == 0) return LUN_OK;
  LUN_TRY(lun_set(y, zero, c->arg[1].f));
  int64_t size = lun_dtype_size(y->dtype);
  char *p = (char *)y->storage->data + y->offset * size;
  for (int64_t done = 1; done < n;) { /* doubling copies */
    int64_t k = done < n - done ? done : n - done;
    memcpy(p + done * size, p, (size_t)(k * size));
    done += k;
  }
  return LUN_OK;
}

static const char *const full_like_samples[] = {"x=normal[3,4] value=2.5", "x=byte[3]@u8 value=7", NULL};
const lun_op LUN_ROW(full_like) = {
    .name = "full_like",
    .args = "x:any value:float -> y",
    .doc = "A tensor of x's shape, dtype and layout in which every element is value.",
    .shape = clone_shape,
    .cpu = full_like_cpu,
    .no_grad = "the result does not depend on x's elements",
    .samples = full_like_samples,
};

/* ---- fill and assign: in place ---- */

static int fill_shape(lun_call *c) {
  (void)c;
  return LUN_OK;
}

static int fill_cpu(lun_call *c) {
  lun_call like = *c;
  like.out[0] = c->arg[0].t;
  return full_like_cpu(&like);
}

static const char *const fill_samples[] = {"x=normal[3,4] value=2.5", "x=normal[0] value=1", NULL};
const lun_op LUN_ROW(fill) = {
    .name = "fill",
    .args = "x:any! value:float",
    .doc = "Every element of x becomes value, in place.",
    .shape = fill_shape,
    .cpu = fill_cpu,
    .no_grad = "it updates in place",
    .samples = fill_samples,
};

static int assign_shape(lun_call *c) { return lun_need_same_shape(c, 1, 0); }
static int assign_cpu(lun_call *c) { return lun_copy(c->arg[0].t, c->arg[1].t); }

static const char *const assign_samples[] = {"x=normal[3,4] from=normal[3,4]", "x=normal[3,4]@f32 from=normal[3,4]@f64",
                                             NULL};
const lun_op LUN_ROW(assign) = {
    .name = "assign",
    .args = "x:any! from:any",
    .doc = "The elements of from, converted to x's dtype, are copied into x, in place; shapes must agree.",
    .shape = assign_shape,
    .cpu = assign_cpu,
    .no_grad = "it updates in place",
    .samples = assign_samples,
};

/* ---- reshape ---- */

static int reshape_target(lun_call *c, int64_t *shape) {
  const lun_tensor *x = c->arg[0].t;
  int nd = c->arg[1].ints.n, open = -1;
  int64_t n = lun_numel(x), m = 1;
  char a[128], b[128];
  for (int i = 0; i < nd; i++) {
    shape[i] = c->arg[1].ints.v[i];
    if (shape[i] == -1 && open < 0)
      open = i;
    else if (shape[i] < 0)
      return lun_bad(c, LUN_ESHAPE, "shape %s: sizes are >= 0, and one of them may be -1",
                     lun_shape_text(nd, c->arg[1].ints.v, a, sizeof a));
    else
      LUN_TRY(lun_mul(c->ctx, m, shape[i], &m));
  }
  if (open >= 0) {
    if (m == 0 || n % m) m = -1;
    shape[open] = m > 0 ? n / m : 0;
    m = m > 0 ? n : -1;
  }
  if (m != n)
    return lun_bad(c, LUN_ESHAPE, "shape %s does not hold the %lld elements of x %s",
                   lun_shape_text(nd, c->arg[1].ints.v, a, sizeof a), (long long)n,
                   lun_shape_text(x->ndim, x->shape, b, sizeof b));
  return LUN_OK;
}

static int reshape_shape(lun_call *c) {
  int64_t shape[LUN_MAX_DIMS], stride[LUN_MAX_DIMS], s = 1;
  LUN_TRY(reshape_target(c, shape));
  lun_tensor *x = c->arg[0].t; /* dense: the dispatcher saw to that */
  int nd = c->arg[1].ints.n;
  for (int i = nd - 1; i >= 0; i--) stride[i] = s, s *= shape[i];
  return lun_out_view(c, 0, x, nd, shape, stride, x->offset);
}

static int nothing(lun_call *c) {
  (void)c;
  return LUN_OK;
}

static int reshape_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  const lun_tensor *x = c->arg[0].t;
  return lun_do(c->ctx, "reshape", din, "tn", dout[0], (int64_t)x->ndim, x->shape);
}

static const char *const reshape_samples[] = {"x=normal[2,6] shape=(3,4)", "x=normal[2,3,2] shape=(-1,2)",
                                              "x=normal[0,3] shape=(3,0)", NULL};
const lun_op LUN_ROW(reshape) = {
    .name = "reshape",
    .args = "x:tensor shape:ints -> y",
    .doc = "x's elements in row-major order under another shape; one size may be -1. A view where x is dense, else a "
           "copy.",
    .shape = reshape_shape,
    .cpu = nothing,
    .grad = reshape_grad,
    .samples = reshape_samples,
    .method = true,
};

/* ---- permute ---- */

static int permute_shape(lun_call *c) {
  lun_tensor *x = c->arg[0].t;
  int64_t shape[LUN_MAX_DIMS], stride[LUN_MAX_DIMS];
  unsigned seen = 0;
  if (c->arg[1].ints.n != x->ndim)
    return lun_bad(c, LUN_EARG, "axes must name each of x's %d axes once, got %d numbers", x->ndim, c->arg[1].ints.n);
  for (int i = 0; i < x->ndim; i++) {
    int64_t a = c->arg[1].ints.v[i]; /* counted from 1: a list of axes is not converted by the binding */
    if (a < 1 || a > x->ndim || (seen >> a & 1))
      return lun_bad(c, LUN_EARG, "axes must name each of x's axes 1..%d once, got %lld at place %d", x->ndim,
                     (long long)a, i + 1);
    seen |= 1u << a;
    shape[i] = x->shape[a - 1];
    stride[i] = x->stride[a - 1];
  }
  return lun_out_view(c, 0, x, x->ndim, shape, stride, x->offset);
}

static int permute_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  int64_t inverse[LUN_MAX_DIMS];
  for (int i = 0; i < c->arg[1].ints.n; i++) inverse[c->arg[1].ints.v[i] - 1] = i + 1;
  return lun_do(c->ctx, "permute", din, "tn", dout[0], (int64_t)c->arg[1].ints.n, inverse);
}

static const char *const permute_samples[] = {"x=normal[2,3,4] axes=(3,1,2)", "x=normal[2,3] axes=(2,1)", NULL};
const lun_op LUN_ROW(permute) = {
    .name = "permute",
    .args = "x:any axes:ints -> y",
    .doc = "A view of x with its axes in another order; axes holds each of 1..ndim once.",
    .shape = permute_shape,
    .cpu = nothing,
    .grad = permute_grad,
    .samples = permute_samples,
    .method = true,
};

/* ---- narrow and its gradient ---- */

static int range(lun_call *c, const int64_t *shape, int ndim, int *axis, int64_t *count) {
  LUN_TRY(lun_axis(c, 1, ndim, axis));
  int64_t start = c->arg[2].i, stop = c->arg[3].i, step = c->arg[4].i, size = shape[*axis];
  if (step < 1) return lun_bad(c, LUN_EARG, "step must be at least 1, got %lld", (long long)step);
  if (start < 1 || start - 1 > size || stop < start - 1 || stop > size)
    return lun_bad(c, LUN_EARG, "%lld..%lld is outside axis %d, which holds 1..%lld%s", (long long)start,
                   (long long)stop, *axis + 1, (long long)size, start == 0 ? " (positions count from 1)" : "");
  *count = stop < start ? 0 : (stop - start) / step + 1;
  return LUN_OK;
}

static int narrow_shape(lun_call *c) {
  lun_tensor *x = c->arg[0].t;
  int axis = 0;
  int64_t count = 0, shape[LUN_MAX_DIMS], stride[LUN_MAX_DIMS];
  LUN_TRY(range(c, x->shape, x->ndim, &axis, &count));
  memcpy(shape, x->shape, sizeof shape);
  memcpy(stride, x->stride, sizeof stride);
  shape[axis] = count;
  if (count > 1) stride[axis] = x->stride[axis] * c->arg[4].i; /* then step is below the axis, and cannot overflow */
  return lun_out_view(c, 0, x, x->ndim, shape, stride, x->offset + (c->arg[2].i - 1) * x->stride[axis]);
}

static int narrow_grad_of(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  int axis = 0;
  LUN_TRY(lun_axis(c, 1, c->arg[0].t->ndim, &axis));
  return lun_do(c->ctx, "narrow_grad", din, "tiiiii", dout[0], (int64_t)axis, c->arg[2].i, c->arg[3].i, c->arg[4].i,
                c->arg[0].t->shape[axis]);
}

static const char *const narrow_samples[] = {"x=normal[4,5] axis=0 start=2 stop=3",
                                             "x=normal[2,7] axis=-1 start=1 stop=7 step=3",
                                             "x=normal[3,2] axis=0 start=2 stop=1", NULL};
const lun_op LUN_ROW(narrow) = {
    .name = "narrow",
    .args = "x:any axis:index start:int stop:int step:int=1 -> y",
    .doc = "A view of positions start, start+step, ... up to stop (both ends included, counted from 1) of one axis.",
    .shape = narrow_shape,
    .cpu = nothing,
    .grad = narrow_grad_of,
    .samples = narrow_samples,
    .method = true,
};

static int narrow_grad_shape(lun_call *c) {
  const lun_tensor *g = c->arg[0].t;
  int axis = 0;
  int64_t count = 0, shape[LUN_MAX_DIMS];
  LUN_TRY(lun_axis(c, 1, g->ndim, &axis));
  memcpy(shape, g->shape, sizeof shape);
  shape[axis] = c->arg[5].i;
  LUN_TRY(range(c, shape, g->ndim, &axis, &count));
  if (count != g->shape[axis])
    return lun_bad(c, LUN_ESHAPE, "dy holds %lld positions, the range %lld", (long long)g->shape[axis],
                   (long long)count);
  return lun_out(c, 0, g->dtype, g->ndim, shape);
}

static int narrow_grad_cpu(lun_call *c) {
  lun_tensor *x = c->out[0], view = *x;
  int axis = 0;
  LUN_TRY(lun_axis(c, 1, x->ndim, &axis));
  memset((char *)x->storage->data, 0, (size_t)x->storage->bytes);
  view.shape[axis] = c->arg[0].t->shape[axis];
  if (view.shape[axis] > 1) view.stride[axis] *= c->arg[4].i;
  view.offset += (c->arg[2].i - 1) * x->stride[axis];
  return lun_copy(&view, c->arg[0].t);
}

static const char *const narrow_grad_samples[] = {"dy=normal[2,5] axis=0 start=2 stop=3 step=1 size=4", NULL};
const lun_op LUN_ROW(narrow_grad) = {
    .name = "narrow_grad",
    .args = "dy:any axis:index start:int stop:int step:int size:int -> dx",
    .doc = "Zeros of the given size along axis, with dy at the positions narrow would have taken.",
    .shape = narrow_grad_shape,
    .cpu = narrow_grad_cpu,
    .no_grad = "the gradient of narrow; its own gradient would be narrow",
    .samples = narrow_grad_samples,
};

/* ---- select ---- */

static int select_shape(lun_call *c) {
  lun_tensor *x = c->arg[0].t;
  int axis = 0, k = 0;
  int64_t at = c->arg[2].i, shape[LUN_MAX_DIMS], stride[LUN_MAX_DIMS];
  LUN_TRY(lun_axis(c, 1, x->ndim, &axis));
  if (at < 1 || at > x->shape[axis])
    return lun_bad(c, LUN_EARG, "position %lld is outside axis %d, which holds 1..%lld%s", (long long)at, axis + 1,
                   (long long)x->shape[axis], at == 0 ? " (positions count from 1)" : "");
  for (int i = 0; i < x->ndim; i++)
    if (i != axis) shape[k] = x->shape[i], stride[k++] = x->stride[i];
  return lun_out_view(c, 0, x, k, shape, stride, x->offset + (at - 1) * x->stride[axis]);
}

static int select_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  const lun_tensor *x = c->arg[0].t;
  int axis = 0;
  int64_t shape[LUN_MAX_DIMS], at = c->arg[2].i;
  LUN_TRY(lun_axis(c, 1, x->ndim, &axis));
  memcpy(shape, x->shape, sizeof shape);
  shape[axis] = 1;
  lun_tensor *one = NULL;
  LUN_TRY(lun_do(c->ctx, "reshape", &one, "tn", dout[0], (int64_t)x->ndim, shape));
  int st = lun_do(c->ctx, "narrow_grad", din, "tiiiii", one, (int64_t)axis, at, at, (int64_t)1, x->shape[axis]);
  lun_release(one);
  return st;
}

static const char *const select_samples[] = {"x=normal[4,5] axis=0 position=3", "x=normal[2,3,4] axis=-2 position=1",
                                             "x=normal[2] axis=0 position=2", NULL};
const lun_op LUN_ROW(select) = {
    .name = "select",
    .args = "x:any axis:index position:int -> y",
    .doc = "A view of one position (counted from 1) of an axis, without that axis.",
    .shape = select_shape,
    .cpu = nothing,
    .grad = select_grad,
    .samples = select_samples,
    .method = true,
};

/* ---- cat ---- */

static int cat_shape(lun_call *c) {
  const lun_tensor *a = c->arg[0].t, *b = c->arg[1].t;
  int axis = 0;
  int64_t shape[LUN_MAX_DIMS];
  LUN_TRY(lun_axis(c, 2, a->ndim, &axis));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  memcpy(shape, a->shape, sizeof shape);
  shape[axis] = b->ndim == a->ndim ? b->shape[axis] : 0;
  LUN_TRY(lun_need_shape(c, 1, a->ndim, shape, "like a, but for the axis"));
  shape[axis] += a->shape[axis];
  return lun_out(c, 0, a->dtype, a->ndim, shape);
}

static int cat_cpu(lun_call *c) {
  int axis = 0;
  LUN_TRY(lun_axis(c, 2, c->out[0]->ndim, &axis));
  int64_t at = 0;
  for (int k = 0; k < 2; k++) {
    lun_tensor view = *c->out[0];
    view.shape[axis] = c->arg[k].t->shape[axis];
    view.offset += at * view.stride[axis];
    LUN_TRY(lun_copy(&view, c->arg[k].t));
    at += view.shape[axis];
  }
  return LUN_OK;
}

static int cat_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  int axis = 0;
  LUN_TRY(lun_axis(c, 2, c->arg[0].t->ndim, &axis));
  int64_t n = c->arg[0].t->shape[axis], m = c->arg[1].t->shape[axis];
  if (c->needs[0]) LUN_TRY(lun_do(c->ctx, "narrow", &din[0], "tiii", dout[0], (int64_t)axis, (int64_t)1, n));
  if (c->needs[1]) LUN_TRY(lun_do(c->ctx, "narrow", &din[1], "tiii", dout[0], (int64_t)axis, n + 1, n + m));
  return LUN_OK;
}

static const char *const cat_samples[] = {"a=normal[2,3] b=normal[4,3] axis=0", "a=normal[2,3] b=normal[2,1] axis=-1",
                                          "a=normal[0,3] b=normal[2,3] axis=0", NULL};
const lun_op LUN_ROW(cat) = {
    .name = "cat",
    .args = "a:any b:any axis:index=0 -> y",
    .doc = "a and b joined along axis; the other axes must agree.",
    .shape = cat_shape,
    .cpu = cat_cpu,
    .grad = cat_grad,
    .samples = cat_samples,
};
