/* tensor.c: tensor headers, views, element access and host copies. */
#include "core.h"
#include "half.h"

#include <stdio.h>
#include <string.h>

int luni_tensor_new(lun_context *c, lun_tensor **out) {
  lun_tensor *t = luni_alloc(c, sizeof *t);
  *out = t;
  if (!t) return LUN_EMEM;
  t->refs = 1;
  t->ctx = c;
  return LUN_OK;
}

int lun_mul(lun_context *c, int64_t a, int64_t b, int64_t *out) {
  if (__builtin_mul_overflow(a, b, out))
    return lun_fail(c, LUN_ESHAPE, "a size of %lld x %lld overflows", (long long)a, (long long)b);
  return LUN_OK;
}

int luni_count_checked(lun_context *c, int ndim, const int64_t *shape, int64_t *out) {
  if (ndim < 0 || ndim > LUN_MAX_DIMS)
    return lun_fail(c, LUN_ESHAPE, "a tensor has at most %d axes, not %d", LUN_MAX_DIMS, ndim);
  int64_t n = 1;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] < 0) return lun_fail(c, LUN_ESHAPE, "axis %d has negative size %lld", i + 1, (long long)shape[i]);
    LUN_TRY(lun_mul(c, n, shape[i], &n));
  }
  *out = n;
  return LUN_OK;
}

static int new_dense(lun_context *c, lun_dtype d, lun_device dev, int ndim, const int64_t *shape, bool image,
                     lun_tensor **out) {
  *out = NULL;
  int64_t n = 0, bytes = 0;
  LUN_TRY(luni_count_checked(c, ndim, shape, &n));
  LUN_TRY(lun_mul(c, n, lun_dtype_size(d), &bytes));
  lun_tensor *t;
  LUN_TRY(luni_tensor_new(c, &t));
  t->dtype = d;
  t->device = dev;
  t->ndim = ndim;
  for (int i = 0; i < ndim; i++) t->shape[i] = shape[i];
  static const int channels_last[] = {0, 2, 3, 1};
  int64_t s = 1;
  for (int i = ndim - 1; i >= 0;
       i--) { /* only a tensor without elements can overflow here, and its strides are unused */
    int a = image ? channels_last[i] : i;
    t->stride[a] = s;
    if (__builtin_mul_overflow(s, shape[a], &s)) s = 0;
  }
  int st = luni_storage_new(c, dev, bytes, &t->storage);
  if (st) {
    lun_release(t);
    return st;
  }
  *out = t;
  return LUN_OK;
}

int lun_empty(lun_context *c, lun_dtype d, lun_device dev, int ndim, const int64_t *shape, lun_tensor **out) {
  return new_dense(c, d, dev, ndim, shape, false, out);
}

int lun_empty_image(lun_context *c, lun_dtype d, lun_device dev, const int64_t shape[4], lun_tensor **out) {
  return new_dense(c, d, dev, 4, shape, true, out);
}

lun_tensor *lun_retain(lun_tensor *t) {
  if (t) __atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
  return t;
}

void lun_release(lun_tensor *t) {
  if (!t || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
  luni_storage_release(t->storage);
  lun_release(t->grad);
  luni_node_release(t->node);
  luni_free(t->ctx, t, sizeof *t);
}

static int copy_header(const lun_tensor *of, lun_tensor **out) {
  LUN_TRY(luni_tensor_new(of->ctx, out));
  lun_tensor *t = *out;
  *t = *of;
  t->refs = 1;
  t->requires_grad = false;
  t->grad = NULL;
  t->node = NULL;
  t->output = 0;
  t->storage = NULL;
  return LUN_OK;
}

int luni_ghost(const lun_tensor *of, lun_tensor **out) { return copy_header(of, out); }

int luni_alias(lun_tensor *of, lun_tensor **out) {
  LUN_TRY(copy_header(of, out));
  (*out)->storage = of->storage;
  __atomic_add_fetch(&of->storage->refs, 1, __ATOMIC_RELAXED);
  return LUN_OK;
}

int lun_detach(lun_tensor *t, lun_tensor **out) { return luni_alias(t, out); }

int lun_ndim(const lun_tensor *t) { return t->ndim; }
const int64_t *lun_shape(const lun_tensor *t) { return t->shape; }
const int64_t *lun_stride(const lun_tensor *t) { return t->stride; }
int64_t lun_count(const lun_tensor *t) { return lun_numel(t); }
lun_dtype lun_dtype_of(const lun_tensor *t) { return t->dtype; }
lun_device lun_device_of(const lun_tensor *t) { return t->device; }
int64_t lun_storage_bytes(const lun_tensor *t) { return t->storage ? t->storage->bytes : 0; }

void *lun_data(const lun_tensor *t) {
  if (!t->storage || t->device != LUN_CPU) return NULL;
  return (char *)t->storage->data + t->offset * lun_dtype_size(t->dtype);
}

/* Axes of size 1 may have any stride; a tensor without elements is dense in every layout. */
static bool strides_match(const lun_tensor *t, const int *order) {
  int64_t s = 1;
  for (int i = 0; i < t->ndim; i++)
    if (t->shape[i] == 0) return true;
  for (int k = t->ndim - 1; k >= 0; k--) {
    int a = order ? order[k] : k;
    if (t->shape[a] != 1 && t->stride[a] != s) return false;
    s *= t->shape[a];
  }
  return true;
}

bool lun_is_dense(const lun_tensor *t) { return strides_match(t, NULL); }
bool lun_is_dense_image(const lun_tensor *t) { return t->ndim == 4 && strides_match(t, (int[]){0, 2, 3, 1}); }

/* ---- element access ---- */

static double read_element(const void *p, lun_dtype d, int64_t i) {
  switch (d) {
  case LUN_F32: return ((const float *)p)[i];
  case LUN_BF16: return lun_bf16_float(((const uint16_t *)p)[i]);
  case LUN_F16: return lun_f16_float(((const uint16_t *)p)[i]);
  case LUN_F64: return ((const double *)p)[i];
  case LUN_I64: return (double)((const int64_t *)p)[i];
  default: return ((const uint8_t *)p)[i];
  }
}

/* Whole-number dtypes truncate toward zero and saturate; NaN becomes 0. */
static int64_t to_integer(double v, int64_t lo, int64_t hi) {
  if (!(v == v)) return 0;
  return v <= (double)lo ? lo : v >= (double)hi ? hi : (int64_t)v; /* (double)INT64_MAX is 2^63 */
}

static void write_element(void *p, lun_dtype d, int64_t i, double v) {
  switch (d) {
  case LUN_F32: ((float *)p)[i] = (float)v; break;
  case LUN_BF16: ((uint16_t *)p)[i] = lun_float_bf16((float)v); break;
  case LUN_F16: ((uint16_t *)p)[i] = lun_float_f16((float)v); break;
  case LUN_F64: ((double *)p)[i] = v; break;
  case LUN_I64: ((int64_t *)p)[i] = to_integer(v, INT64_MIN, INT64_MAX); break;
  case LUN_U8: ((uint8_t *)p)[i] = (uint8_t)to_integer(v, 0, 255); break;
  default: ((uint8_t *)p)[i] = v != 0;
  }
}

static int element_offset(lun_tensor *t, const int64_t *index, int64_t *out) {
  int64_t o = t->offset;
  for (int i = 0; i < t->ndim; i++) {
    if (index[i] < 0 || index[i] >= t->shape[i])
      return lun_fail(t->ctx, LUN_EARG, "index %lld is outside axis %d, which holds 1..%lld", (long long)index[i] + 1,
                      i + 1, (long long)t->shape[i]);
    o += index[i] * t->stride[i];
  }
  *out = o;
  return LUN_OK;
}

int lun_get(lun_tensor *t, const int64_t *index, double *out) {
  int64_t o = 0;
  LUN_TRY(element_offset(t, index, &o));
  LUN_TRY(luni_here(t));
  if (t->device == LUN_CPU) {
    *out = read_element(t->storage->data, t->dtype, o);
    return LUN_OK;
  }
  char one[8];
  int64_t size = lun_dtype_size(t->dtype);
  LUN_TRY(t->ctx->backend[t->device]->copy(t->ctx, one, LUN_CPU, (char *)t->storage->data + o * size, t->device, size));
  *out = read_element(one, t->dtype, 0);
  return LUN_OK;
}

int lun_set(lun_tensor *t, const int64_t *index, double value) {
  int64_t o = 0;
  LUN_TRY(element_offset(t, index, &o));
  LUN_TRY(luni_here(t));
  if (t->device == LUN_CPU) {
    write_element(t->storage->data, t->dtype, o, value);
    return LUN_OK;
  }
  char one[8];
  int64_t size = lun_dtype_size(t->dtype);
  write_element(one, t->dtype, 0, value);
  return t->ctx->backend[t->device]->copy(t->ctx, (char *)t->storage->data + o * size, t->device, one, LUN_CPU, size);
}

/* ---- host copies ---- */

/* The innermost loop of a strided copy: n elements, converted unless the dtypes agree. i64 to i64 must not pass through
** double, so equal dtypes move bits. */
static void copy_row(void *dst, lun_dtype dd, int64_t di, int64_t ds, const void *src, lun_dtype sd, int64_t si,
                     int64_t ss, int64_t n) {
  int64_t size = lun_dtype_size(dd);
  if (dd == sd && ds == 1 && ss == 1) {
    memcpy((char *)dst + di * size, (const char *)src + si * size, (size_t)(n * size));
  } else if (dd == sd && size == 4) {
    for (int64_t i = 0; i < n; i++) ((uint32_t *)dst)[di + i * ds] = ((const uint32_t *)src)[si + i * ss];
  } else if (dd == sd && size == 2) {
    for (int64_t i = 0; i < n; i++) ((uint16_t *)dst)[di + i * ds] = ((const uint16_t *)src)[si + i * ss];
  } else if (dd == sd && size == 8) {
    for (int64_t i = 0; i < n; i++) ((uint64_t *)dst)[di + i * ds] = ((const uint64_t *)src)[si + i * ss];
  } else if (dd == sd) {
    for (int64_t i = 0; i < n; i++) ((uint8_t *)dst)[di + i * ds] = ((const uint8_t *)src)[si + i * ss];
  } else if (dd == LUN_F32 && sd == LUN_BF16) {
    for (int64_t i = 0; i < n; i++) ((float *)dst)[di + i * ds] = lun_bf16_float(((const uint16_t *)src)[si + i * ss]);
  } else if (dd == LUN_BF16 && sd == LUN_F32) {
    for (int64_t i = 0; i < n; i++) ((uint16_t *)dst)[di + i * ds] = lun_float_bf16(((const float *)src)[si + i * ss]);
  } else {
    for (int64_t i = 0; i < n; i++) write_element(dst, dd, di + i * ds, read_element(src, sd, si + i * ss));
  }
}

static void copy_host(lun_tensor *dst, lun_tensor *src) {
  int nd = dst->ndim;
  int64_t index[LUN_MAX_DIMS] = {0};
  if (lun_numel(dst) == 0) return;
  /* Walk axes in the order of dst's strides, so that channels-last tensors are written in sequence. */
  int order[LUN_MAX_DIMS];
  for (int i = 0; i < nd; i++) {
    int k = i;
    while (k > 0 && dst->stride[order[k - 1]] < dst->stride[i]) order[k] = order[k - 1], k--;
    order[k] = i;
  }
  int last = nd ? order[nd - 1] : -1;
  int64_t n = nd ? dst->shape[last] : 1, ds = nd ? dst->stride[last] : 1, ss = nd ? src->stride[last] : 1;
  for (;;) {
    int64_t di = dst->offset, si = src->offset;
    for (int i = 0; i < nd; i++) di += index[i] * dst->stride[i], si += index[i] * src->stride[i];
    copy_row(dst->storage->data, dst->dtype, di, ds, src->storage->data, src->dtype, si, ss, n);
    int k = nd - 2;
    for (; k >= 0; k--) {
      if (++index[order[k]] < dst->shape[order[k]]) break;
      index[order[k]] = 0;
    }
    if (k < 0) return;
  }
}

static bool same_layout_bits(const lun_tensor *a, const lun_tensor *b) {
  if (a->dtype != b->dtype) return false;
  if (lun_is_dense(a) && lun_is_dense(b)) return true;
  return lun_is_dense_image(a) && lun_is_dense_image(b);
}

/* ---- copies that a device takes part in ---- */

/* The same bytes in the same order: what a backend moves. */
static int move_bytes(lun_tensor *dst, lun_tensor *src) {
  int64_t size = lun_dtype_size(dst->dtype);
  lun_device d = dst->device != LUN_CPU ? dst->device : src->device;
  return dst->ctx->backend[d]->copy(dst->ctx, (char *)dst->storage->data + dst->offset * size, dst->device,
                                    (char *)src->storage->data + src->offset * size, src->device,
                                    lun_numel(dst) * size);
}

/* Any strides and dtypes: the kernel of `assign`, called past the dispatch, which wants what it writes dense. */
static int copy_on_device(lun_tensor *dst, lun_tensor *src) {
  const luni_entry *e = luni_find(dst->ctx, "assign");
  lun_call call = {.ctx = dst->ctx, .op = e->row, .nargs = 2, .threads = dst->ctx->threads, .device = dst->device};
  call.arg[0] = (lun_arg){.given = true, .t = dst};
  call.arg[1] = (lun_arg){.given = true, .t = src};
  if (!e->kernel[dst->device])
    return lun_fail(dst->ctx, LUN_EUNSUPPORTED, "assign: there is no %s kernel of it", lun_device_name(dst->device));
  return e->kernel[dst->device](&call);
}

static int dense_like(const lun_tensor *like, lun_dtype d, lun_device dev, lun_tensor **out) {
  bool image = !lun_is_dense(like) && lun_is_dense_image(like);
  return new_dense(like->ctx, d, dev, like->ndim, like->shape, image, out);
}

/* Conversions of numbers and strides happen on the host where one side's bytes lie there densely, else on the device.
 */
static int copy_to_device(lun_tensor *dst, lun_tensor *src) {
  lun_tensor *ready = NULL, *there = NULL;
  LUN_TRY(dense_like(dst, dst->dtype, LUN_CPU, &ready));
  copy_host(ready, src);
  int st;
  if (same_layout_bits(dst, ready))
    st = move_bytes(dst, ready);
  else {
    st = dense_like(dst, dst->dtype, dst->device, &there);
    if (!st) st = move_bytes(there, ready);
    if (!st) st = copy_on_device(dst, there);
  }
  lun_release(there);
  lun_release(ready);
  return st;
}

static int copy_to_host(lun_tensor *dst, lun_tensor *src) {
  lun_tensor *dense = NULL, *here = NULL;
  int st = LUN_OK;
  if (lun_is_dense(src) || lun_is_dense_image(src))
    dense = lun_retain(src);
  else {
    st = dense_like(src, src->dtype, src->device, &dense);
    if (!st) st = copy_on_device(dense, src);
  }
  if (!st) st = dense_like(dense, dense->dtype, LUN_CPU, &here);
  if (!st) st = move_bytes(here, dense);
  if (!st) copy_host(dst, here);
  lun_release(here);
  lun_release(dense);
  return st;
}

int lun_copy(lun_tensor *dst, lun_tensor *src) {
  lun_context *c = dst->ctx;
  bool same = dst->ndim == src->ndim;
  for (int i = 0; same && i < dst->ndim; i++) same = dst->shape[i] == src->shape[i];
  if (!same) {
    char a[128], b[128];
    return lun_fail(c, LUN_ESHAPE, "copy: destination is %s, source is %s",
                    lun_shape_text(dst->ndim, dst->shape, a, sizeof a),
                    lun_shape_text(src->ndim, src->shape, b, sizeof b));
  }
  if (lun_numel(dst) == 0) return LUN_OK;
  LUN_TRY(luni_here(dst));
  LUN_TRY(luni_here(src));
  if (dst->device == LUN_CPU && src->device == LUN_CPU) {
    copy_host(dst, src);
    return LUN_OK;
  }
  if (same_layout_bits(dst, src)) return move_bytes(dst, src);
  if (dst->device == src->device) return copy_on_device(dst, src);
  return dst->device == LUN_CPU ? copy_to_host(dst, src) : copy_to_device(dst, src);
}

int lun_to_device(lun_tensor *t, lun_device d, lun_tensor **out) {
  lun_tensor *there = NULL;
  *out = NULL;
  int st = dense_like(t, t->dtype, d, &there);
  if (!st) st = lun_copy(there, t);
  if (st) {
    lun_release(there);
    return st;
  }
  *out = there;
  return LUN_OK;
}

/* t is dense, in one of the two layouts. */
static int send_dense(lun_tensor *t, lun_device d, lun_tensor **out) {
  int64_t size = lun_dtype_size(t->dtype);
  lun_tensor *there;
  LUN_TRY(copy_header(t, &there));
  there->device = d;
  there->offset = 0;
  int st =
      luni_storage_sent(t->ctx, d, (char *)t->storage->data + t->offset * size, lun_numel(t) * size, &there->storage);
  if (st) {
    lun_release(there);
    return st;
  }
  *out = there;
  return LUN_OK;
}

int lun_send(lun_tensor *t, lun_device d, lun_tensor **out) {
  lun_context *c = t->ctx;
  *out = NULL;
  if (t->device == d) {
    *out = lun_retain(t);
    return LUN_OK;
  }
  LUN_TRY(lun_device_need(c, d));
  bool can = d != LUN_CPU && t->device == LUN_CPU && c->loaded[d].backend && c->loaded[d].backend->send;
  if (!can || lun_numel(t) == 0) return lun_to_device(t, d, out);
  if (lun_is_dense(t) || lun_is_dense_image(t)) return send_dense(t, d, out);
  lun_tensor *ready;
  LUN_TRY(dense_like(t, t->dtype, LUN_CPU, &ready));
  copy_host(ready, t);
  int st = send_dense(ready, d, out);
  lun_release(ready);
  return st;
}

/* ---- gradients as attributes ---- */

bool lun_is_leaf(const lun_tensor *t) { return t->node == NULL; }
bool lun_requires_grad(const lun_tensor *t) { return t->requires_grad || t->node != NULL; }
lun_tensor *lun_grad(const lun_tensor *t) { return t->grad; }

int lun_set_requires_grad(lun_tensor *t, bool on) {
  if (t->node)
    return lun_fail(t->ctx, LUN_EARG,
                    "requires_grad: only a leaf can be told; this tensor came from an op, use detach()");
  if (on && t->dtype != LUN_F32 && t->dtype != LUN_F64 && t->dtype != LUN_BF16 && t->dtype != LUN_F16)
    return lun_fail(t->ctx, LUN_EDTYPE, "requires_grad: a %s tensor has no gradient; use a floating dtype",
                    lun_dtype_name(t->dtype));
  t->requires_grad = on;
  return LUN_OK;
}

int lun_set_grad(lun_tensor *t, lun_tensor *g) {
  if (g == t->grad) return LUN_OK;
  if (g) {
    bool same = g->ndim == t->ndim;
    for (int i = 0; same && i < t->ndim; i++) same = g->shape[i] == t->shape[i];
    if (!same) return lun_fail(t->ctx, LUN_ESHAPE, "grad: must have its tensor's shape");
  }
  lun_release(t->grad);
  t->grad = lun_retain(g);
  return LUN_OK;
}

bool lun_grad_enabled(const lun_context *c) { return c->grad_enabled; }

bool lun_enable_grad(lun_context *c, bool on) {
  bool was = c->grad_enabled;
  c->grad_enabled = on;
  return was;
}

void lun_trace_nan(lun_context *c, bool on, bool infinities) {
  c->trace_nan = on;
  c->trace_infinities = on && infinities;
}

void lun_set_threads(lun_context *c, int n) { c->threads = n < 1 ? 1 : n; }
int lun_threads(const lun_context *c) { return c->threads; }
void lun_set_fast(lun_context *c, bool fast) { c->fast = fast; }
bool lun_fast(const lun_context *c) { return c->fast; }
const char *lun_isa(const lun_context *c) { return c->isa; }
