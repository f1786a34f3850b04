/* pointwise.c: ops that look at one element of each argument at a time. Rows of one argument are lines of
** pointwise.def.
**
** Layouts: an output takes the layout of the first argument that has its shape and is dense (row-major or
** channels-last); an argument laid out otherwise is copied into that layout first. bf16 is computed in f32, a block at
** a time. */
#include "core/op.h"
#include "core/half.h"
#include "ops/gelu.h"

#include <math.h>
#include <string.h>

#define EXP        expf
#define LOG        logf
#define SQRT       sqrtf
#define ABS        fabsf
#define TANH       tanhf
#define GELU       lun_gelu_f32
#define GELU_SLOPE lun_gelu_slope_f32
#define POW        powf
#define real       float
#define FN(n)      n##_f32
#include "pointwise_kernels.h"
#undef EXP
#undef LOG
#undef SQRT
#undef ABS
#undef TANH
#undef GELU
#undef GELU_SLOPE
#undef POW
#undef real
#undef FN
#define EXP        exp
#define LOG        log
#define SQRT       sqrt
#define ABS        fabs
#define TANH       tanh
#define GELU       lun_gelu_f64
#define GELU_SLOPE lun_gelu_slope_f64
#define POW        pow
#define real       double
#define FN(n)      n##_f64
#include "pointwise_kernels.h"

typedef void unary_f32(const float *, float *, int64_t);
typedef void unary_f64(const double *, double *, int64_t);
typedef void binary_f32(const float *, int, const float *, int, float *, int64_t);
typedef void binary_f64(const double *, int, const double *, int, double *, int64_t);
typedef void test_f32(const float *, int, const float *, int, uint8_t *, int64_t);
typedef void test_f64(const double *, int, const double *, int, uint8_t *, int64_t);

enum { BLOCK = 4096 }; /* elements a thread takes at a time; a bf16 block's f32 copy stays in L1 and L2 */

/* ---- operands ---- */

typedef struct {
  lun_tensor *made; /* a copy in the output's layout, or NULL */
  const lun_tensor *t;
  int step;
} operand;

static bool same_shape(const lun_tensor *a, const lun_tensor *b) {
  return a->ndim == b->ndim && !memcmp(a->shape, b->shape, (size_t)a->ndim * sizeof *a->shape);
}

static bool same_order(const lun_tensor *a, const lun_tensor *b) {
  return same_shape(a, b) && ((lun_is_dense(a) && lun_is_dense(b)) || (lun_is_dense_image(a) && lun_is_dense_image(b)));
}

/* x, stretched to y's shape by strides of 0, as a tensor header on the stack. */
static lun_tensor stretched(const lun_tensor *x, const lun_tensor *y) {
  lun_tensor v = *x;
  v.ndim = y->ndim;
  for (int i = y->ndim - 1, k = x->ndim - 1; i >= 0; i--, k--) {
    v.shape[i] = y->shape[i];
    v.stride[i] = k >= 0 && x->shape[k] != 1 ? x->stride[k] : 0;
  }
  return v;
}

/* dtype: what the loop will read. */
static int operand_open(lun_call *c, lun_tensor *x, const lun_tensor *y, operand *o) {
  *o = (operand){.t = x, .step = 1};
  if (lun_numel(x) == 1 && lun_numel(y) != 1) {
    o->step = 0;
    return LUN_OK;
  }
  if (same_order(x, y)) return LUN_OK;
  bool image = !lun_is_dense(y);
  LUN_TRY(image ? lun_empty_image(c->ctx, x->dtype, LUN_CPU, y->shape, &o->made)
                : lun_empty(c->ctx, x->dtype, LUN_CPU, y->ndim, y->shape, &o->made));
  lun_tensor view = stretched(x, y);
  o->t = o->made;
  return lun_copy(o->made, &view);
}

/* ---- one argument ---- */

static int unary_shape(lun_call *c) {
  LUN_TRY(lun_need_float(c, 0));
  return lun_out_like(c, 0, c->arg[0].t);
}

static void widen(const uint16_t *s, float *d, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) d[i] = lun_bf16_float(s[i]);
}

static void round_down(const float *s, uint16_t *d, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) d[i] = lun_float_bf16(s[i]);
}

static int no_f16(lun_call *c) {
  return lun_bad(c, LUN_EUNSUPPORTED, "f16 is a storage dtype on the CPU; convert with :to(\"f32\") first");
}

static int unary(lun_call *c, unary_f32 *f, unary_f64 *d) {
  lun_tensor *y = c->out[0];
  int64_t n = lun_numel(y), blocks = (n + BLOCK - 1) / BLOCK;
  operand x;
  if (y->dtype == LUN_F16) return no_f16(c);
  int st = operand_open(c, c->arg[0].t, y, &x);
  if (!st) {
#pragma omp parallel for num_threads(c->threads) schedule(static) if (blocks > 8)
    for (int64_t b = 0; b < blocks; b++) {
      int64_t at = b * BLOCK, k = n - at < BLOCK ? n - at : BLOCK;
      if (y->dtype == LUN_F32)
        f(lun_f32(x.t) + at * x.step, lun_f32(y) + at, k);
      else if (y->dtype == LUN_F64)
        d(lun_f64(x.t) + at * x.step, lun_f64(y) + at, k);
      else {
        float buf[BLOCK];
        widen(lun_bf16(x.t) + at * x.step, buf, k);
        f(buf, buf, k);
        round_down(buf, lun_bf16(y) + at, k);
      }
    }
  }
  lun_release(x.made);
  return st;
}

/* ---- two arguments ---- */

static int broadcast(lun_call *c, int64_t *shape, int *ndim) {
  const lun_tensor *a = c->arg[0].t, *b = c->arg[1].t;
  int nd = a->ndim > b->ndim ? a->ndim : b->ndim;
  for (int i = 1; i <= nd; i++) {
    int64_t x = i <= a->ndim ? a->shape[a->ndim - i] : 1, y = i <= b->ndim ? b->shape[b->ndim - i] : 1;
    if (x != y && x != 1 && y != 1) {
      char s[128], t[128];
      return lun_bad(c, LUN_ESHAPE,
                     "%s %s and %s %s do not broadcast: counted from the last axis, sizes must agree or be 1",
                     lun_arg_name(c, 0), lun_shape_text(a->ndim, a->shape, s, sizeof s), lun_arg_name(c, 1),
                     lun_shape_text(b->ndim, b->shape, t, sizeof t));
    }
    shape[nd - i] = x == 1 ? y : x;
  }
  *ndim = nd;
  return LUN_OK;
}

static int broadcast_out(lun_call *c, lun_dtype d) {
  int64_t shape[LUN_MAX_DIMS];
  int nd = 0;
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(broadcast(c, shape, &nd));
  for (int k = 0; k < 2; k++) {
    lun_tensor like = *c->arg[k].t;
    bool whole = like.ndim == nd && !memcmp(like.shape, shape, (size_t)nd * sizeof *shape);
    if (whole && !lun_is_dense(&like) && lun_is_dense_image(&like)) {
      like.dtype = d;
      return lun_out_like(c, 0, &like);
    }
  }
  return lun_out(c, 0, d, nd, shape);
}

static int binary_shape(lun_call *c) {
  LUN_TRY(lun_need_float(c, 0));
  return broadcast_out(c, c->arg[0].t->dtype);
}

static int binary(lun_call *c, binary_f32 *f, binary_f64 *d) {
  lun_tensor *y = c->out[0];
  int64_t n = lun_numel(y), blocks = (n + BLOCK - 1) / BLOCK;
  operand a, b = {0};
  if (y->dtype == LUN_F16) return no_f16(c);
  int st = operand_open(c, c->arg[0].t, y, &a);
  if (!st) st = operand_open(c, c->arg[1].t, y, &b);
  if (!st) {
#pragma omp parallel for num_threads(c->threads) schedule(static) if (blocks > 8)
    for (int64_t i = 0; i < blocks; i++) {
      int64_t at = i * BLOCK, k = n - at < BLOCK ? n - at : BLOCK;
      if (y->dtype == LUN_F32)
        f(lun_f32(a.t) + at * a.step, a.step, lun_f32(b.t) + at * b.step, b.step, lun_f32(y) + at, k);
      else if (y->dtype == LUN_F64)
        d(lun_f64(a.t) + at * a.step, a.step, lun_f64(b.t) + at * b.step, b.step, lun_f64(y) + at, k);
      else {
        float p[BLOCK], q[BLOCK];
        widen(lun_bf16(a.t) + at * a.step, p, a.step ? k : 1);
        widen(lun_bf16(b.t) + at * b.step, q, b.step ? k : 1);
        f(p, a.step, q, b.step, p, k);
        round_down(p, lun_bf16(y) + at, k);
      }
    }
  }
  lun_release(a.made);
  lun_release(b.made);
  return st;
}

/* ---- rows of one argument ---- */

/* NAME_grad takes the gradient and what NAME kept, x or y, both of one shape. */
static int unary_grad_shape(lun_call *c) {
  LUN_TRY(lun_need_float(c, 0));
  LUN_TRY(lun_need_same_dtype(c, 1, 0));
  LUN_TRY(lun_need_same_shape(c, 1, 0));
  return lun_out_like(c, 0, c->arg[1].t);
}

typedef void grad_f32(const float *, const float *, float *, int64_t);
typedef void grad_f64(const double *, const double *, double *, int64_t);

static int unary_grad(lun_call *c, grad_f32 *f, grad_f64 *d) {
  lun_tensor *y = c->out[0];
  int64_t n = lun_numel(y), blocks = (n + BLOCK - 1) / BLOCK;
  operand g, v = {0};
  if (y->dtype == LUN_F16) return no_f16(c);
  int st = operand_open(c, c->arg[0].t, y, &g);
  if (!st) st = operand_open(c, c->arg[1].t, y, &v);
  if (!st) {
#pragma omp parallel for num_threads(c->threads) schedule(static) if (blocks > 8)
    for (int64_t i = 0; i < blocks; i++) {
      int64_t at = i * BLOCK, k = n - at < BLOCK ? n - at : BLOCK;
      if (y->dtype == LUN_F32)
        f(lun_f32(g.t) + at, lun_f32(v.t) + at, lun_f32(y) + at, k);
      else if (y->dtype == LUN_F64)
        d(lun_f64(g.t) + at, lun_f64(v.t) + at, lun_f64(y) + at, k);
      else {
        float p[BLOCK], q[BLOCK];
        widen(lun_bf16(g.t) + at, p, k);
        widen(lun_bf16(v.t) + at, q, k);
        f(p, q, p, k);
        round_down(p, lun_bf16(y) + at, k);
      }
    }
  }
  lun_release(g.made);
  lun_release(v.made);
  return st;
}

#define ARG_x c->arg[0].t
#define ARG_y c->out[0]
#define SAMPLES_OF(gen)                                                                                                \
  { "x=" #gen "[3,4]", "x=" #gen "[2,3,2,2]", "x=" #gen "[]", "x=" #gen "[0,2]", NULL }
#define POINTWISE(opname, forward, gradient, kept, text, gen)                                                          \
  static int opname##_cpu(lun_call *c) { return unary(c, opname##_f32, opname##_f64); }                                \
  static int opname##_grad_cpu(lun_call *c) { return unary_grad(c, opname##_grad_f32, opname##_grad_f64); }            \
  static int opname##_backward(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {                               \
    return lun_do(c->ctx, #opname "_grad", din, "tt", dout[0], ARG_##kept);                                            \
  }                                                                                                                    \
  static const char *const opname##_samples[] = SAMPLES_OF(gen);                                                       \
  static const char *const opname##_grad_samples[] = {"dy=normal[3,4] " #kept "=" #gen "[3,4]", NULL};                 \
  const lun_op LUN_ROW(opname) = {.name = #opname,                                                                     \
                                  .args = "x:any -> y",                                                                \
                                  .doc = text,                                                                         \
                                  .shape = unary_shape,                                                                \
                                  .cpu = opname##_cpu,                                                                 \
                                  .grad = opname##_backward,                                                           \
                                  .keep = #kept,                                                                       \
                                  .samples = opname##_samples,                                                         \
                                  .method = true};                                                                     \
  const lun_op LUN_ROW(opname##_grad) = {.name = #opname "_grad",                                                      \
                                         .args = "dy:any " #kept ":any -> dx",                                         \
                                         .doc = "The gradient of " #opname " from dy and the " #kept " it kept.",      \
                                         .shape = unary_grad_shape,                                                    \
                                         .cpu = opname##_grad_cpu,                                                     \
                                         .no_grad = "a gradient; second derivatives are not provided",                 \
                                         .samples = opname##_grad_samples};
#include "pointwise.def"
#undef POINTWISE

/* ---- rows of two arguments ---- */

/* g summed over the axes along which `like` was stretched. */
static int sum_to(lun_context *ctx, lun_tensor *g, const lun_tensor *like, lun_tensor **out) {
  return lun_do(ctx, "sum_to", out, "tn", g, (int64_t)like->ndim, like->shape);
}

/* *out = sum_to(op(a, b), like) */
static int two_then_sum(lun_context *ctx, const char *op, lun_tensor *a, lun_tensor *b, const lun_tensor *like,
                        lun_tensor **out) {
  lun_tensor *t = NULL;
  LUN_TRY(lun_do(ctx, op, &t, "tt", a, b));
  int st = sum_to(ctx, t, like, out);
  lun_release(t);
  return st;
}

static int add_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  for (int i = 0; i < 2; i++)
    if (c->needs[i]) LUN_TRY(sum_to(c->ctx, dout[0], c->arg[i].t, &din[i]));
  return LUN_OK;
}

static int sub_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  if (c->needs[0]) LUN_TRY(sum_to(c->ctx, dout[0], c->arg[0].t, &din[0]));
  if (!c->needs[1]) return LUN_OK;
  lun_tensor *n = NULL;
  LUN_TRY(lun_do(c->ctx, "neg", &n, "t", dout[0]));
  int st = sum_to(c->ctx, n, c->arg[1].t, &din[1]);
  lun_release(n);
  return st;
}

static int mul_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  for (int i = 0; i < 2; i++)
    if (c->needs[i]) LUN_TRY(two_then_sum(c->ctx, "mul", dout[0], c->arg[1 - i].t, c->arg[i].t, &din[i]));
  return LUN_OK;
}

/* y = a/b: da = g/b, db = -(g/b) y */
static int div_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  lun_tensor *q = NULL, *n = NULL;
  LUN_TRY(lun_do(c->ctx, "div", &q, "tt", dout[0], c->arg[1].t));
  int st = c->needs[0] ? sum_to(c->ctx, q, c->arg[0].t, &din[0]) : LUN_OK;
  if (!st && c->needs[1]) st = lun_do(c->ctx, "neg", &n, "t", q);
  if (!st && c->needs[1]) st = two_then_sum(c->ctx, "mul", n, c->out[0], c->arg[1].t, &din[1]);
  lun_release(q);
  lun_release(n);
  return st;
}

/* y = a^b: da = g b a^(b-1), db = g y ln a */
static int pow_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  lun_tensor *a = c->arg[0].t, *b = c->arg[1].t, *one = NULL, *e = NULL, *p = NULL, *q = NULL, *l = NULL, *m = NULL;
  int st = LUN_OK;
  if (c->needs[0]) {
    st = lun_do(c->ctx, "full_like", &one, "tf", b, 1.0);
    if (!st) st = lun_do(c->ctx, "sub", &e, "tt", b, one);
    if (!st) st = lun_do(c->ctx, "pow", &p, "tt", a, e);
    if (!st) st = lun_do(c->ctx, "mul", &q, "tt", p, b);
    if (!st) st = two_then_sum(c->ctx, "mul", dout[0], q, a, &din[0]);
  }
  if (!st && c->needs[1]) {
    st = lun_do(c->ctx, "log", &l, "t", a);
    if (!st) st = lun_do(c->ctx, "mul", &m, "tt", l, c->out[0]);
    if (!st) st = two_then_sum(c->ctx, "mul", dout[0], m, b, &din[1]);
  }
  lun_tensor *all[] = {one, e, p, q, l, m};
  for (int i = 0; i < 6; i++) lun_release(all[i]);
  return st;
}

/* The gradient goes to the argument that was chosen; to b where they are equal. */
static int choose_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din, const char *op, int first) {
  lun_tensor *mask = NULL, *m = NULL, *zero = NULL;
  int st = lun_do(c->ctx, op, &mask, "tt", c->arg[first].t, c->arg[1 - first].t); /* true where arg[1] is taken */
  if (!st) st = lun_do(c->ctx, "full_like", &zero, "tf", dout[0], 0.0);
  for (int i = 0; i < 2 && !st; i++) {
    if (!c->needs[i]) continue;
    st = i ? lun_do(c->ctx, "where", &m, "ttt", mask, dout[0], zero)
           : lun_do(c->ctx, "where", &m, "ttt", mask, zero, dout[0]);
    if (!st) st = sum_to(c->ctx, m, c->arg[i].t, &din[i]);
    lun_release(m);
    m = NULL;
  }
  lun_release(mask);
  lun_release(zero);
  return st;
}
static int maximum_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return choose_grad(c, dout, din, "le", 0);
}
static int minimum_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  return choose_grad(c, dout, din, "le", 1);
}

#define BINARY(opname, kept, text, gen_a, gen_b, as_method)                                                            \
  static int opname##_cpu(lun_call *c) { return binary(c, opname##_f32, opname##_f64); }                               \
  static const char *const opname##_samples[] = {                                                                      \
      "a=" #gen_a "[3,4] b=" #gen_b "[3,4]", "a=" #gen_a "[2,3,2,2] b=" #gen_b "[3,1,1]",                              \
      "a=" #gen_a "[] b=" #gen_b "[2]", "a=" #gen_a "[0,2] b=" #gen_b "[2]", NULL};                                    \
  const lun_op LUN_ROW(opname) = {.name = #opname,                                                                     \
                                  .args = "a:any b:any -> y",                                                          \
                                  .doc = text " Shapes broadcast; dtypes must agree.",                                 \
                                  .shape = binary_shape,                                                               \
                                  .cpu = opname##_cpu,                                                                 \
                                  .grad = opname##_grad,                                                               \
                                  .keep = kept,                                                                        \
                                  .samples = opname##_samples,                                                         \
                                  .method = as_method};
BINARY(add, NULL, "a + b, element by element.", normal, normal, false)
BINARY(sub, NULL, "a - b, element by element.", normal, normal, false)
BINARY(mul, "a b", "a times b, element by element.", normal, normal, false)
BINARY(div, "b y", "a / b, element by element.", normal, positive, false)
BINARY(pow, "a b y", "a to the power of b, element by element; NaN for a negative a and a fractional b.", positive,
       normal, false)
BINARY(maximum, "a b", "The larger of a and b, element by element; where equal the gradient goes to b.", spread, normal,
       true)
BINARY(minimum, "a b", "The smaller of a and b, element by element; where equal the gradient goes to b.", spread,
       normal, true)

/* ---- comparisons ---- */

static int compare_shape(lun_call *c) {
  lun_dtype d = c->arg[0].t->dtype;
  if (d == LUN_F16) return no_f16(c);
  return broadcast_out(c, LUN_BOOL);
}

/* Whole numbers are compared as f64, which is exact for positions, bytes and anything below 2^53. */
static int as_dtype(lun_call *c, const operand *o, lun_dtype want, lun_tensor **made) {
  return o->t->dtype == want ? LUN_OK : lun_do(c->ctx, "cast", made, "td", (lun_tensor *)o->t, (int)want);
}

static int compare(lun_call *c, test_f32 *f, test_f64 *d) {
  lun_tensor *y = c->out[0], *wide_a = NULL, *wide_b = NULL;
  lun_dtype in = c->arg[0].t->dtype, work = in == LUN_F32 || in == LUN_BF16 ? LUN_F32 : LUN_F64;
  int64_t n = lun_numel(y);
  operand a, b = {0};
  int st = operand_open(c, c->arg[0].t, y, &a);
  if (!st) st = operand_open(c, c->arg[1].t, y, &b);
  if (!st) st = as_dtype(c, &a, work, &wide_a);
  if (!st) st = as_dtype(c, &b, work, &wide_b);
  if (!st) {
    const lun_tensor *p = wide_a ? wide_a : a.t, *q = wide_b ? wide_b : b.t;
    if (work == LUN_F32)
      f(lun_f32(p), a.step, lun_f32(q), b.step, lun_u8(y), n);
    else
      d(lun_f64(p), a.step, lun_f64(q), b.step, lun_u8(y), n);
  }
  lun_tensor *all[] = {a.made, b.made, wide_a, wide_b};
  for (int i = 0; i < 4; i++) lun_release(all[i]);
  return st;
}

#define COMPARE(opname, text)                                                                                          \
  static int opname##_cpu(lun_call *c) { return compare(c, opname##_f32, opname##_f64); }                              \
  static const char *const opname##_samples[] = {"a=normal[3,4] b=normal[4]", "a=pos5[6]@i64 b=pos5[6]@i64",           \
                                                 "a=normal[0] b=normal[0]", NULL};                                     \
  const lun_op LUN_ROW(opname) = {.name = #opname,                                                                     \
                                  .args = "a:any b:any -> y",                                                          \
                                  .doc = text " The result is bool. Shapes broadcast; dtypes must agree.",             \
                                  .shape = compare_shape,                                                              \
                                  .cpu = opname##_cpu,                                                                 \
                                  .no_grad = "the result is not a real number",                                        \
                                  .samples = opname##_samples,                                                         \
                                  .method = true};
COMPARE(eq, "Where a equals b.")
COMPARE(lt, "Where a is less than b.")
COMPARE(le, "Where a is at most b.")

/* ---- where ---- */

static int where_shape(lun_call *c) {
  LUN_TRY(lun_need_dtype(c, 0, LUN_BOOL));
  LUN_TRY(lun_need_same_dtype(c, 2, 1));
  LUN_TRY(lun_need_same_shape(c, 2, 1));
  LUN_TRY(lun_need_shape(c, 0, c->arg[1].t->ndim, c->arg[1].t->shape, "like a"));
  return lun_out(c, 0, c->arg[1].t->dtype, c->arg[1].t->ndim, c->arg[1].t->shape);
}

static int where_cpu(lun_call *c) {
  const uint8_t *m = lun_u8(c->arg[0].t);
  lun_tensor *y = c->out[0];
  int64_t n = lun_numel(y), size = lun_dtype_size(y->dtype);
  const char *a = lun_data(c->arg[1].t), *b = lun_data(c->arg[2].t);
  char *d = lun_data(y);
  for (int64_t i = 0; i < n; i++) memcpy(d + i * size, (m[i] ? a : b) + i * size, (size_t)size);
  return LUN_OK;
}

static int where_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  lun_tensor *zero = NULL;
  LUN_TRY(lun_do(c->ctx, "full_like", &zero, "tf", dout[0], 0.0));
  int st = c->needs[1] ? lun_do(c->ctx, "where", &din[1], "ttt", c->arg[0].t, dout[0], zero) : LUN_OK;
  if (!st && c->needs[2]) st = lun_do(c->ctx, "where", &din[2], "ttt", c->arg[0].t, zero, dout[0]);
  lun_release(zero);
  return st;
}

static const char *const where_samples[] = {"mask=flag[3,4] a=normal[3,4] b=normal[3,4]",
                                            "mask=flag[0] a=normal[0] b=normal[0]", NULL};
const lun_op LUN_ROW(where) = {
    .name = "where",
    .args = "mask:constant a:tensor b:tensor -> y",
    .doc = "a where the bool mask is true, else b; all three have one shape.",
    .shape = where_shape,
    .cpu = where_cpu,
    .grad = where_grad,
    .keep = "mask",
    .samples = where_samples,
};
