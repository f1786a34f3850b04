/* shape.c: what shape functions check and make. Messages name op, argument, what was expected, what came. */
#include "core.h"

#include <stdio.h>
#include <string.h>

char *lun_shape_text(int ndim, const int64_t *shape, char *buf, size_t size) {
  size_t at = 0;
  at += (size_t)snprintf(buf, size, "(");
  for (int i = 0; i < ndim && at < size; i++)
    at += (size_t)snprintf(buf + at, size - at, i ? ",%lld" : "%lld", (long long)shape[i]);
  if (at < size) snprintf(buf + at, size - at, ")");
  return buf;
}

static luni_entry *entry_of(const lun_call *c) { return luni_find(c->ctx, c->op->name); }

const char *lun_arg_name(const lun_call *c, int arg) { return entry_of(c)->sig.arg[arg].name; }

static int make(lun_call *c, int k, lun_dtype d, int ndim, const int64_t *shape, bool image, lun_device dev) {
  int st =
      image ? lun_empty_image(c->ctx, d, dev, shape, &c->out[k]) : lun_empty(c->ctx, d, dev, ndim, shape, &c->out[k]);
  if (st) { /* say which op wanted it */
    char text[700];
    snprintf(text, sizeof text, "%.690s", c->ctx->message);
    return lun_bad(c, st, "%s", text);
  }
  return LUN_OK;
}

static lun_device device_of(const lun_call *c) {
  const luni_entry *e = entry_of(c);
  for (int i = 0; i < c->nargs; i++) switch (e->sig.arg[i].type) {
    case LUN_ARG_TENSOR:
    case LUN_ARG_IMAGE:
    case LUN_ARG_ANY:
      if (c->arg[i].given) return c->arg[i].t->device;
      break;
    case LUN_ARG_TENSORS:
      if (c->arg[i].given && c->arg[i].list.n) return c->arg[i].list.v[0]->device;
      break;
    default: break;
    }
  return LUN_CPU;
}

int lun_out(lun_call *c, int k, lun_dtype d, int ndim, const int64_t *shape) {
  return make(c, k, d, ndim, shape, entry_of(c)->sig.out_image[k], device_of(c));
}

int lun_out_like(lun_call *c, int k, const lun_tensor *like) {
  bool image = !lun_is_dense(like) && lun_is_dense_image(like);
  return make(c, k, like->dtype, like->ndim, like->shape, image, like->device);
}

int lun_out_view(lun_call *c, int k, lun_tensor *of, int ndim, const int64_t *shape, const int64_t *stride,
                 int64_t offset) {
  LUN_TRY(luni_alias(of, &c->out[k]));
  lun_tensor *t = c->out[k];
  t->ndim = ndim;
  t->offset = offset;
  for (int i = 0; i < ndim; i++) t->shape[i] = shape[i], t->stride[i] = stride[i];
  return LUN_OK;
}

int lun_need_ndim(lun_call *c, int arg, int ndim) {
  const lun_tensor *t = c->arg[arg].t;
  char s[128];
  if (t->ndim == ndim) return LUN_OK;
  return lun_bad(c, LUN_ESHAPE, "%s must have %d axes, got %s", lun_arg_name(c, arg), ndim,
                 lun_shape_text(t->ndim, t->shape, s, sizeof s));
}

static int dtype_error(lun_call *c, int arg, const char *expected) {
  return lun_bad(c, LUN_EDTYPE, "%s must be %s, got %s; convert it with :to(\"...\")", lun_arg_name(c, arg), expected,
                 lun_dtype_name(c->arg[arg].t->dtype));
}

int lun_need_float(lun_call *c, int arg) {
  lun_dtype d = c->arg[arg].t->dtype;
  return d == LUN_F32 || d == LUN_F64 || d == LUN_BF16 || d == LUN_F16 ? LUN_OK
                                                                       : dtype_error(c, arg, "f32, f64, bf16 or f16");
}

int lun_need_real(lun_call *c, int arg) {
  lun_dtype d = c->arg[arg].t->dtype;
  return d == LUN_F32 || d == LUN_F64 ? LUN_OK : dtype_error(c, arg, "f32 or f64");
}

int lun_need_dtype(lun_call *c, int arg, lun_dtype d) {
  return c->arg[arg].t->dtype == d ? LUN_OK : dtype_error(c, arg, lun_dtype_name(d));
}

int lun_need_same_dtype(lun_call *c, int arg, int as) {
  lun_dtype a = c->arg[arg].t->dtype, b = c->arg[as].t->dtype;
  if (a == b) return LUN_OK;
  return lun_bad(c, LUN_EDTYPE, "%s must have the dtype of %s, %s, got %s; convert one with :to(\"...\")",
                 lun_arg_name(c, arg), lun_arg_name(c, as), lun_dtype_name(b), lun_dtype_name(a));
}

int lun_need_shape(lun_call *c, int arg, int ndim, const int64_t *shape, const char *why) {
  const lun_tensor *t = c->arg[arg].t;
  bool same = t->ndim == ndim;
  for (int i = 0; same && i < ndim; i++) same = t->shape[i] == shape[i];
  if (same) return LUN_OK;
  char want[128], got[128];
  return lun_bad(c, LUN_ESHAPE, "%s must be %s%s%s, got %s", lun_arg_name(c, arg),
                 lun_shape_text(ndim, shape, want, sizeof want), why ? " " : "", why ? why : "",
                 lun_shape_text(t->ndim, t->shape, got, sizeof got));
}

int lun_need_same_shape(lun_call *c, int arg, int as) {
  char why[64];
  snprintf(why, sizeof why, "like %s", lun_arg_name(c, as));
  return lun_need_shape(c, arg, c->arg[as].t->ndim, c->arg[as].t->shape, why);
}

int lun_axis(lun_call *c, int arg, int ndim, int *axis) {
  int64_t a = c->arg[arg].i;
  if (a < -ndim || a >= ndim) /* the message counts from 1, as scripts do */
    return lun_bad(c, LUN_EARG, "%s must be an axis 1..%d (or -%d..-1), got %lld", lun_arg_name(c, arg), ndim, ndim,
                   (long long)(a < 0 || a == INT64_MAX ? a : a + 1));
  *axis = (int)(a < 0 ? a + ndim : a);
  return LUN_OK;
}
