/* test_engine.c: the engine's kernels (oneDNN, im2col + OpenBLAS) against the reference kernels of the same ops. */
#include "lunette.h"
#include "cpu/engine.h"
#include "core/half.h"
#include "core/op.h"
#include "core/rng.h"
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lun_context *reference, *engine[2]; /* engine: oneDNN (or the best there is), OpenBLAS */
static const char *const engine_name[] = {"onednn", "openblas"};

static lun_context *open_level(const char *level) {
  lun_context *c;
  char text[2048];
  setenv("LUNETTE_ENGINE", level, 1);
  ck_assert_int_eq(lun_open(&c), LUN_OK);
  lun_cpu_describe(c, text, sizeof text); /* the engine reads the environment on first use */
  unsetenv("LUNETTE_ENGINE");
  return c;
}

static void setup(void) {
  reference = open_level("reference");
  for (int i = 0; i < 2; i++) engine[i] = open_level(engine_name[i]);
}

static void teardown(void) {
  lun_close(reference);
  for (int i = 0; i < 2; i++) lun_close(engine[i]);
}

/* Uniform in -1..1, the same for the same stream. */
static double draw(uint64_t stream, int64_t i) {
  uint64_t x = (stream * 0x9E3779B97F4A7C15u) ^ ((uint64_t)i + 1) * 0xD1B54A32D192ED03u;
  x ^= x >> 31, x *= 0xBF58476D1CE4E5B9u, x ^= x >> 27, x *= 0x94D049BB133111EBu, x ^= x >> 31;
  return (double)(x >> 11) / 4503599627370496.0 - 1;
}

static void put(void *p, lun_dtype d, int64_t i, double v) {
  if (d == LUN_F64)
    ((double *)p)[i] = v;
  else if (d == LUN_BF16)
    ((uint16_t *)p)[i] = lun_float_bf16((float)v);
  else
    ((float *)p)[i] = (float)v;
}

static double at(const void *p, lun_dtype d, int64_t i) {
  return d == LUN_F64    ? ((const double *)p)[i]
         : d == LUN_BF16 ? lun_bf16_float(((const uint16_t *)p)[i])
                         : ((const float *)p)[i];
}

static lun_tensor *make(lun_context *c, lun_dtype d, bool image, int ndim, const int64_t *shape, uint64_t stream) {
  lun_tensor *t;
  ck_assert_int_eq(image ? lun_empty_image(c, d, LUN_CPU, shape, &t) : lun_empty(c, d, LUN_CPU, ndim, shape, &t), 0);
  for (int64_t i = 0; i < lun_count(t); i++) put(lun_data(t), d, i, draw(stream, i));
  return t;
}

/* Largest difference relative to the largest element. */
static double distance(const lun_tensor *a, const lun_tensor *b) {
  double worst = 0, scale = 1e-30;
  ck_assert_int_eq(lun_count(a), lun_count(b));
  ck_assert_int_eq(lun_dtype_of(a), lun_dtype_of(b));
  for (int64_t i = 0; i < lun_count(a); i++) {
    double x = at(lun_data(a), lun_dtype_of(a), i), y = at(lun_data(b), lun_dtype_of(b), i);
    worst = fmax(worst, fabs(x - y));
    scale = fmax(scale, fabs(y));
    if (isnan(x) != isnan(y)) return INFINITY;
  }
  return worst / scale;
}

typedef struct {
  int64_t n, c, h, w, k, kh, kw, stride, pad;
} shape;

static const shape shapes[] = {
    {2, 16, 8, 8, 32, 3, 3, 1, 1},
    {3, 3, 32, 32, 64, 3, 3, 1, 1},
    {2, 64, 8, 8, 128, 3, 3, 2, 1},
    {2, 64, 8, 8, 128, 1, 1, 2, 0},
    {5, 32, 4, 4, 48, 1, 1, 1, 0},
    {2, 3, 30, 31, 16, 7, 7, 2, 3},
    {1, 1, 1, 1, 1, 1, 1, 1, 0},
    {1, 5, 1, 1, 7, 3, 3, 1, 1},
    {7, 13, 9, 5, 11, 3, 1, 1, 1},
    {2, 17, 7, 7, 19, 5, 3, 3, 2},
    {2, 256, 4, 4, 256, 3, 3, 1, 1},
    {19, 1, 128, 128, 16, 3, 3, 1, 1},
    {16, 64, 4, 4, 72, 3, 3, 1, 1},
    {17, 64, 5, 3, 64, 3, 2, 1, 2},
    {2, 8, 5, 5, 8, 3, 3, 1, 0},
    {1, 16, 6, 6, 16, 2, 2, 2, 0},
    {70, 32, 7, 7, 48, 3, 3, 1, 1},
    {9, 48, 11, 12, 32, 3, 3, 1, 1},
    {2, 64, 32, 30, 32, 3, 3, 1, 1},
    {20, 64, 8, 7, 80, 3, 3, 1, 1},
    {11, 80, 12, 13, 64, 3, 3, 1, 1},
    {5, 96, 18, 17, 64, 3, 3, 2, 1},
    /* oneDNN 2.6 wrote beyond its scratch memory here, which the heap notices when that is freed */
    {64, 3, 16, 16, 4, 1, 1, 2, 0},
    {64, 1, 16, 16, 8, 1, 1, 2, 0},
    {64, 4, 16, 16, 20, 1, 1, 2, 0}};
static const lun_dtype dtypes[] = {LUN_F32, LUN_F64, LUN_BF16};

/* f32: a sum of up to 4,608 products; bf16 results are rounded to 8 bits, and natively computed ones round x too. */
static double allowed(lun_dtype d) { return d == LUN_F64 ? 1e-12 : d == LUN_F32 ? 2e-5 : 1e-2; }

static void conv(lun_context *c, const shape *s, lun_dtype d, bool with_bias, lun_tensor **y, lun_tensor **dx,
                 lun_tensor **dw) {
  lun_dtype wd = d == LUN_F64 ? LUN_F64 : LUN_F32;
  lun_tensor *x = make(c, d, true, 4, (int64_t[]){s->n, s->c, s->h, s->w}, 1);
  lun_tensor *w = make(c, wd, false, 4, (int64_t[]){s->k, s->c, s->kh, s->kw}, 2);
  lun_tensor *b = with_bias ? make(c, wd, false, 1, &s->k, 3) : NULL;
  if (lun_do(c, "conv2d", y, "tttii", x, w, b, s->stride, s->pad)) ck_abort_msg("%s", lun_message(c));
  lun_tensor *dy = make(c, d, true, 4, lun_shape(*y), 4);
  if (lun_do(c, "conv2d_dx", dx, "ttiiii", dy, w, s->h, s->w, s->stride, s->pad)) ck_abort_msg("%s", lun_message(c));
  if (lun_do(c, "conv2d_dw", dw, "ttiiii", x, dy, s->kh, s->kw, s->stride, s->pad)) ck_abort_msg("%s", lun_message(c));
  lun_release(x), lun_release(w), lun_release(b), lun_release(dy);
}

static void compare_convolutions(int e, lun_dtype d) {
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const shape *s = &shapes[i];
    lun_tensor *want[3], *got[3];
    static const char *const what[] = {"conv2d", "conv2d_dx", "conv2d_dw"};
    conv(reference, s, d, i % 2, &want[0], &want[1], &want[2]);
    conv(engine[e], s, d, i % 2, &got[0], &got[1], &got[2]);
    for (int k = 0; k < 3; k++) {
      double far = distance(got[k], want[k]);
      ck_assert_msg(far <= allowed(d), "%s %s on %s, shape %zu: off by %g", what[k], lun_dtype_name(d), engine_name[e],
                    i + 1, far);
      lun_release(want[k]), lun_release(got[k]);
    }
  }
}

START_TEST(convolution_agrees_with_the_reference) { compare_convolutions(_i / 3, dtypes[_i % 3]); }
END_TEST

static void compare_bf16(const char *how) {
  setenv("LUNETTE_BF16", how, 1);
  lun_context *before = engine[0];
  engine[0] = open_level("onednn");
  unsetenv("LUNETTE_BF16");
  compare_convolutions(0, LUN_BF16);
  lun_close(engine[0]);
  engine[0] = before;
}

/* bf16 arithmetic itself, which elsewhere needs units of the CPU: oneDNN emulates it where there is AVX-512, and where
** it has no bf16 convolution at all the call falls through to im2col. */
START_TEST(native_bf16_agrees_with_the_reference) { compare_bf16("native"); }
END_TEST

START_TEST(bf16_around_f32_agrees_with_the_reference) { compare_bf16("convert"); }
END_TEST

/* Memory as it is after other work: blocks of many sizes that hold NaN, given back. */
static void leave_nans_behind(void) {
  enum { BLOCKS = 60 };
  void *block[BLOCKS];
  for (int i = 0; i < BLOCKS; i++) {
    size_t size = (size_t)1024 << (i % 10);
    block[i] = malloc(size);
    ck_assert_ptr_nonnull(block[i]);
    memset(block[i], 0xff, size);
  }
  for (int i = 0; i < BLOCKS; i++) free(block[i]);
}

/* Where the kernel is larger than the image, some weights only ever meet padding: their gradients are 0. */
START_TEST(gradients_of_weights_that_meet_padding_alone_are_zero) {
  static const shape small[] = {{32, 16, 1, 1, 32, 3, 3, 2, 1},
                                {16, 4, 1, 1, 8, 3, 3, 2, 1},
                                {32, 8, 1, 1, 16, 3, 3, 1, 1},
                                {32, 16, 2, 2, 32, 3, 3, 2, 1}};
  for (int round = 0; round < 20; round++) {
    const shape *s = &small[round % 4];
    lun_dtype d = round % 2 ? LUN_F32 : LUN_BF16;
    if (round >= 10) d = d == LUN_F32 ? LUN_BF16 : LUN_F32;
    lun_tensor *want[3], *got[3];
    conv(reference, s, d, false, &want[0], &want[1], &want[2]);
    leave_nans_behind();
    conv(engine[_i], s, d, false, &got[0], &got[1], &got[2]);
    for (int k = 0; k < 3; k++) {
      ck_assert_double_le(distance(got[k], want[k]), allowed(d));
      lun_release(want[k]), lun_release(got[k]);
    }
  }
}
END_TEST

START_TEST(convolution_does_not_depend_on_the_engine_kept_state) {
  lun_tensor *a[3], *b[3];
  for (int e = 0; e < 2; e++) {
    conv(engine[e], &shapes[0], LUN_F32, true, &a[0], &a[1], &a[2]); /* compiled */
    conv(engine[e], &shapes[0], LUN_F32, true, &b[0], &b[1], &b[2]); /* found again */
    for (int k = 0; k < 3; k++) {
      ck_assert_int_eq(memcmp(lun_data(a[k]), lun_data(b[k]), (size_t)lun_storage_bytes(a[k])), 0);
      lun_release(a[k]), lun_release(b[k]);
    }
  }
}
END_TEST

START_TEST(products_agree_with_the_reference) {
  static const int64_t size[][3] = {{1, 1, 1}, {3, 5, 7}, {64, 64, 64}, {128, 10, 512}, {1, 33, 65}, {257, 128, 31}};
  for (size_t i = 0; i < sizeof size / sizeof *size; i++)
    for (int flags = 0; flags < 4; flags++)
      for (int di = 0; di < 2; di++)
        for (int batch = 0; batch < 2; batch++) {
          int64_t m = size[i][0], n = size[i][1], k = size[i][2], nb = 3;
          bool ta = flags & 1, tb = flags & 2;
          int64_t a[3] = {nb, ta ? k : m, ta ? m : k}, b[3] = {nb, tb ? n : k, tb ? k : n};
          lun_tensor *y[2];
          for (int e = 0; e < 2; e++) {
            lun_context *c = e ? engine[0] : reference;
            lun_tensor *x = make(c, dtypes[di], false, 2 + batch, a + 1 - batch, 1);
            lun_tensor *w = make(c, dtypes[di], false, 2 + batch, b + 1 - batch, 2);
            if (lun_do(c, "matmul", &y[e], "ttbb", x, w, (int)ta, (int)tb)) ck_abort_msg("%s", lun_message(c));
            lun_release(x), lun_release(w);
          }
          ck_assert_double_le(distance(y[1], y[0]), allowed(dtypes[di]));
          lun_release(y[0]), lun_release(y[1]);
        }
}
END_TEST

START_TEST(linear_agrees_with_the_reference) {
  static const int64_t size[][3] = {{1, 1, 1}, {4, 5, 7}, {128, 512, 128}, {37, 10, 65}}; /* rows, in, out */
  for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
    int64_t n = size[i][0], k = size[i][1], out = size[i][2];
    lun_dtype d = dtypes[_i], wd = d == LUN_F64 ? LUN_F64 : LUN_F32;
    lun_tensor *y[2], *dx[2], *dw[2];
    for (int e = 0; e < 2; e++) {
      lun_context *c = e ? engine[0] : reference;
      lun_tensor *x = make(c, d, false, 2, (int64_t[]){n, k}, 1), *w = make(c, wd, false, 2, (int64_t[]){out, k}, 2);
      lun_tensor *b = make(c, wd, false, 1, &out, 3), *dy = make(c, d, false, 2, (int64_t[]){n, out}, 4);
      if (lun_do(c, "linear", &y[e], "ttt", x, w, b) || lun_do(c, "linear_dx", &dx[e], "tt", dy, w) ||
          lun_do(c, "linear_dw", &dw[e], "tt", x, dy))
        ck_abort_msg("%s", lun_message(c));
      lun_release(x), lun_release(w), lun_release(b), lun_release(dy);
    }
    ck_assert_double_le(distance(y[1], y[0]), allowed(d));
    ck_assert_double_le(distance(dx[1], dx[0]), allowed(d));
    ck_assert_double_le(distance(dw[1], dw[0]), allowed(d));
    for (int e = 0; e < 2; e++) lun_release(y[e]), lun_release(dx[e]), lun_release(dw[e]);
  }
}
END_TEST

/* Statistics of a channel whose mean is large beside its deviation, over many values. */
START_TEST(statistics_stay_accurate) {
  lun_context *c = engine[0];
  int64_t dims[4] = {64, 5, 125, 128};
  lun_tensor *x, *out[3];
  ck_assert_int_eq(lun_empty_image(c, LUN_F32, LUN_CPU, dims, &x), 0);
  float *p = lun_data(x);
  double mean[5] = {0}, m2[5] = {0};
  int64_t n = lun_count(x) / 5;
  ck_assert_int_gt(n, 1000000);
  for (int64_t i = 0; i < n; i++)
    for (int k = 0; k < 5; k++) p[i * 5 + k] = (float)(1000.0 + k + draw(9, i * 5 + k));
  for (int64_t i = 0; i < n; i++)
    for (int k = 0; k < 5; k++) mean[k] += (double)p[i * 5 + k] / (double)n;
  for (int64_t i = 0; i < n; i++)
    for (int k = 0; k < 5; k++) m2[k] += ((double)p[i * 5 + k] - mean[k]) * ((double)p[i * 5 + k] - mean[k]);
  if (lun_do(c, "batch_norm", out, "t", x)) ck_abort_msg("%s", lun_message(c));
  for (int k = 0; k < 5; k++) {
    ck_assert_double_eq_tol(((float *)lun_data(out[1]))[k] / mean[k], 1, 1e-7);
    ck_assert_double_eq_tol(((float *)lun_data(out[2]))[k] * sqrt(m2[k] / (double)n + 1e-5), 1, 1e-5);
  }
  for (int k = 0; k < 3; k++) lun_release(out[k]);
  lun_release(x);
}
END_TEST

START_TEST(batch_norm_does_not_depend_on_threads) {
  lun_context *c = engine[0];
  lun_tensor *out[2][3], *back[2][3];
  lun_tensor *x = make(c, LUN_F32, true, 4, (int64_t[]){37, 33, 13, 11}, 1);
  lun_tensor *dy = make(c, LUN_F32, true, 4, (int64_t[]){37, 33, 13, 11}, 2);
  for (int t = 0; t < 2; t++) {
    lun_set_threads(c, t ? 3 : 1);
    ck_assert_int_eq(lun_do(c, "batch_norm_relu", out[t], "t", x), 0);
    ck_assert_int_eq(lun_do(c, "batch_norm_relu_grad", back[t], "tttt", dy, x, out[t][1], out[t][2]), 0);
  }
  for (int k = 0; k < 3; k++) {
    ck_assert_int_eq(memcmp(lun_data(out[0][k]), lun_data(out[1][k]), (size_t)lun_storage_bytes(out[0][k])), 0);
    ck_assert_int_eq(memcmp(lun_data(back[0][k]), lun_data(back[1][k]), (size_t)lun_storage_bytes(back[0][k])), 0);
  }
  for (int t = 0; t < 2; t++)
    for (int k = 0; k < 3; k++) lun_release(out[t][k]), lun_release(back[t][k]);
  lun_release(x), lun_release(dy);
}
END_TEST

/* conv -> batch_norm_relu -> conv through the tape: the activation between is not kept, and what is made again gives
** the gradients that the kept one gives. */
static void two_layers(lun_context *c, bool recomputed, lun_tensor **w1, int64_t *held) {
  lun_memory m;
  lun_tensor *x = make(c, LUN_F32, true, 4, (int64_t[]){4, 8, 16, 16}, 1), *y, *n[3], *z, *s, *r = NULL;
  *w1 = make(c, LUN_F32, false, 4, (int64_t[]){16, 8, 3, 3}, 2);
  lun_tensor *w2 = make(c, LUN_F32, false, 4, (int64_t[]){16, 16, 3, 3}, 3);
  ck_assert_int_eq(lun_set_requires_grad(*w1, true), 0);
  ck_assert_int_eq(lun_set_requires_grad(w2, true), 0);
  ck_assert_int_eq(lun_do(c, "conv2d", &y, "tt-ii", x, *w1, (int64_t)1, (int64_t)1), 0);
  ck_assert_int_eq(lun_do(c, recomputed ? "batch_norm_relu" : "batch_norm", n, "t", y), 0);
  if (!recomputed) ck_assert_int_eq(lun_do(c, "relu", &r, "t", n[0]), 0);
  ck_assert_int_eq(lun_do(c, "conv2d", &z, "tt-ii", r ? r : n[0], w2, (int64_t)1, (int64_t)1), 0);
  ck_assert_int_eq(lun_do(c, "reshape", &s, "tn", z, (int64_t)1, (int64_t[]){lun_count(z)}), 0);
  for (int k = 0; k < 3; k++) lun_release(n[k]);
  lun_release(y), lun_release(z), lun_release(r);
  lun_memory_read(c, LUN_CPU, &m);
  *held = m.live_bytes;
  lun_tensor *seed = make(c, LUN_F32, false, 1, lun_shape(s), 5);
  if (lun_backward(s, seed, false)) ck_abort_msg("%s", lun_message(c));
  lun_release(seed), lun_release(s), lun_release(x), lun_release(w2);
}

START_TEST(a_recomputed_activation_is_not_kept) {
  if (!lun_op_find(engine[0], "relu")) return;
  lun_tensor *kept, *again;
  int64_t bytes_kept, bytes_again;
  two_layers(engine[0], false, &kept, &bytes_kept);
  two_layers(engine[1], true, &again, &bytes_again);
  ck_assert_int_le(bytes_again + 4 * 16 * 16 * 16 * 4, bytes_kept);
  ck_assert_double_le(distance(lun_grad(again), lun_grad(kept)), 2e-5);
  lun_release(kept), lun_release(again);
}
END_TEST

START_TEST(wrong_arguments_are_named) {
  lun_context *c = engine[0];
  lun_tensor *x = make(c, LUN_F32, true, 4, (int64_t[]){2, 3, 4, 4}, 1), *y[3];
  lun_tensor *w = make(c, LUN_F32, false, 4, (int64_t[]){5, 4, 3, 3}, 2);
  ck_assert_int_eq(lun_do(c, "conv2d", y, "tt", x, w), LUN_ESHAPE);
  ck_assert_str_eq(lun_message(c), "conv2d: weight (out,in,kh,kw) (5,4,3,3) takes 4 channels, x (2,3,4,4) has 3");
  ck_assert_int_eq(lun_do(c, "max_pool2d", y, "ti", x, (int64_t)5), LUN_ESHAPE);
  ck_assert_str_eq(lun_message(c), "max_pool2d: a window of 5 x 5 does not fit an image of 4 x 4 with padding 0");
  ck_assert_int_eq(lun_do(c, "batch_norm", y, "t----b", x, 0), LUN_EARG);
  ck_assert_str_eq(lun_message(c),
                   "batch_norm: training = false normalises by running_mean and running_var, which are missing");
  lun_release(x), lun_release(w);
}
END_TEST

Suite *suite_engine(void) {
  Suite *s = suite_create("engine");
  TCase *t = tcase_create("engine");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 300);
  tcase_add_loop_test(t, convolution_agrees_with_the_reference, 0, 6);
  tcase_add_test(t, native_bf16_agrees_with_the_reference);
  tcase_add_test(t, bf16_around_f32_agrees_with_the_reference);
  tcase_add_loop_test(t, gradients_of_weights_that_meet_padding_alone_are_zero, 0, 2);
  tcase_add_test(t, convolution_does_not_depend_on_the_engine_kept_state);
  tcase_add_test(t, products_agree_with_the_reference);
  tcase_add_loop_test(t, linear_agrees_with_the_reference, 0, 3);
  tcase_add_test(t, statistics_stay_accurate);
  tcase_add_test(t, batch_norm_does_not_depend_on_threads);
  tcase_add_test(t, a_recomputed_activation_is_not_kept);
  tcase_add_test(t, wrong_arguments_are_named);
  suite_add_tcase(s, t);
  return s;
}
