/* index.c: rows chosen by position tensors. */
#include "core/op.h"

#include <string.h>

static int check_positions(lun_call *c, int arg, int64_t size) {
  const lun_tensor *p = c->arg[arg].t;
  LUN_TRY(lun_need_dtype(c, arg, LUN_I64));
  LUN_TRY(lun_need_ndim(c, arg, 1));
  for (int64_t i = 0; p->device == LUN_CPU && i < p->shape[0]; i++)
    if (lun_i64(p)[i] < 1 || lun_i64(p)[i] > size)
      return lun_bad(c, LUN_EARG, "%s[%lld] is %lld, outside 1..%lld%s", lun_arg_name(c, arg), (long long)i + 1,
                     (long long)lun_i64(p)[i], (long long)size, lun_i64(p)[i] == 0 ? " (positions count from 1)" : "");
  return LUN_OK;
}

static int index_select_shape(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int axis = 0;
  int64_t shape[LUN_MAX_DIMS];
  LUN_TRY(lun_axis(c, 1, x->ndim, &axis));
  LUN_TRY(check_positions(c, 2, x->shape[axis]));
  memcpy(shape, x->shape, sizeof shape);
  shape[axis] = c->arg[2].t->shape[0];
  return lun_out(c, 0, x->dtype, x->ndim, shape);
}

/* Sizes around an axis of a row-major tensor: outer blocks of `size` slices of `inner` bytes. */
static void around(const lun_tensor *x, int axis, int64_t *outer, int64_t *inner) {
  *outer = 1;
  *inner = lun_dtype_size(x->dtype);
  for (int i = 0; i < axis; i++) *outer *= x->shape[i];
  for (int i = axis + 1; i < x->ndim; i++) *inner *= x->shape[i];
}

static int index_select_cpu(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  int axis = 0;
  int64_t outer, inner, n = c->arg[2].t->shape[0];
  LUN_TRY(lun_axis(c, 1, x->ndim, &axis));
  around(x, axis, &outer, &inner);
  const int64_t *pos = lun_i64(c->arg[2].t);
  const char *s = lun_data(x);
  char *d = lun_data(c->out[0]);
#pragma omp parallel for num_threads(c->threads) schedule(static) if (outer * n * inner > 1 << 20)
  for (int64_t k = 0; k < outer * n; k++) {
    int64_t o = k / n, i = k % n;
    memcpy(d + k * inner, s + (o * x->shape[axis] + pos[i] - 1) * inner, (size_t)inner);
  }
  return LUN_OK;
}

static int index_select_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  int axis = 0;
  LUN_TRY(lun_axis(c, 1, c->arg[0].t->ndim, &axis));
  return lun_do(c->ctx, "index_add", din, "titi", dout[0], (int64_t)axis, c->arg[2].t, c->arg[0].t->shape[axis]);
}

static const char *const index_select_samples[] = {"x=normal[5,3] axis=0 positions=pos5[4]",
                                                   "x=normal[2,4,3] axis=1 positions=pos4[6]",
                                                   "x=normal[2,4] axis=-1 positions=pos4[0]", NULL};
const lun_op LUN_ROW(index_select) = {
    .name = "index_select",
    .args = "x:tensor axis:index positions:constant -> y",
    .doc = "The slices of x at positions (i64, counted from 1) along axis, in that order.",
    .shape = index_select_shape,
    .cpu = index_select_cpu,
    .grad = index_select_grad,
    .keep = "positions",
    .samples = index_select_samples,
    .method = true,
};

static int index_add_shape(lun_call *c) {
  const lun_tensor *g = c->arg[0].t;
  int axis = 0;
  int64_t shape[LUN_MAX_DIMS];
  LUN_TRY(lun_need_real(c, 0));
  LUN_TRY(lun_axis(c, 1, g->ndim, &axis));
  LUN_TRY(check_positions(c, 2, c->arg[3].i));
  if (c->arg[2].t->shape[0] != g->shape[axis])
    return lun_bad(c, LUN_ESHAPE, "positions must hold one number for each of dy's %lld slices, got %lld",
                   (long long)g->shape[axis], (long long)c->arg[2].t->shape[0]);
  memcpy(shape, g->shape, sizeof shape);
  shape[axis] = c->arg[3].i;
  return lun_out(c, 0, g->dtype, g->ndim, shape);
}

/* In order of position lists, one thread: slices named twice must add up the same way every time. */
static int index_add_cpu(lun_call *c) {
  const lun_tensor *g = c->arg[0].t;
  lun_tensor *x = c->out[0];
  int axis = 0;
  int64_t outer, bytes;
  LUN_TRY(lun_axis(c, 1, g->ndim, &axis));
  around(x, axis, &outer, &bytes);
  int64_t inner = bytes / lun_dtype_size(x->dtype), n = g->shape[axis];
  const int64_t *pos = lun_i64(c->arg[2].t);
  memset(lun_data(x), 0, (size_t)(lun_numel(x) * lun_dtype_size(x->dtype)));
  for (int64_t k = 0; k < outer * n; k++) {
    int64_t to = (k / n * x->shape[axis] + pos[k % n] - 1) * inner, from = k * inner;
    if (x->dtype == LUN_F32)
      for (int64_t i = 0; i < inner; i++) lun_f32(x)[to + i] += lun_f32(g)[from + i];
    else
      for (int64_t i = 0; i < inner; i++) lun_f64(x)[to + i] += lun_f64(g)[from + i];
  }
  return LUN_OK;
}

static const char *const index_add_samples[] = {"dy=normal[4,3] axis=0 positions=pos5[4] size=5", NULL};
const lun_op LUN_ROW(index_add) = {
    .name = "index_add",
    .args = "dy:tensor axis:index positions:constant size:int -> dx",
    .doc =
        "Zeros with axis of the given size, to which dy's slices are added at positions; the gradient of index_select.",
    .shape = index_add_shape,
    .cpu = index_add_cpu,
    .no_grad = "a gradient; its own gradient would be index_select",
    .samples = index_add_samples,
};
