/* convolutions.c: device/dnn.c on the real cuDNN, which is told of an H100 and cannot run on it (cudnn_host.cpp). */
#include "dnn.h"
#include "numbers.h"
#include "stand_ins.h"

#include <cudnn_graph.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN = 919 }; /* the version of cuDNN whose choices are known; others may choose otherwise */
#define NOTE(name) (1u << CUDNN_NUMERICAL_NOTE_##name)

static lun_library_host_state *host;
static int version;

static void open_all(void) {
  stand_ins_open();
  host = stand_ins_library("libcudnn.so.9");
  memset(host, 0, sizeof *host);
}

static void close_all(void) {
  host->fail_call = 0;
  stand_ins_close();
  ck_assert_int_eq(host->objects, 0);
}

enum { FORWARD, DX, DW };

static lun_cuda_conv geometry(int64_t n, int64_t c, int64_t h, int64_t k, int64_t r, int64_t stride, int64_t padding,
                              lun_dtype d) {
  int64_t out = (h + 2 * padding - r) / stride + 1;
  return (lun_cuda_conv){n, c, h, h, k, out, out, r, r, stride, padding, d};
}

static int run(int which, const lun_cuda_conv *v, lun_dtype dw, void *x, void *weight, void *y) {
  return which == FORWARD ? lun_cuda_dnn_forward(&call, v, x, weight, y)
         : which == DX    ? lun_cuda_dnn_dx(&call, v, y, weight, x)
                          : lun_cuda_dnn_dw(&call, v, x, y, dw, weight);
}

/* ---- results ---- */

static void *numbers(lun_dtype d, int64_t n) {
  void *p = aligned_alloc(16, (size_t)((n * number_size(d) + 15) / 16 * 16));
  for (int64_t i = 0; i < n; i++) number_put(p, d, i, number_sample(i));
  return p;
}

/* What dnn.h says, channels last, added to sums. */
static void reference(int which, const lun_cuda_conv *v, const void *x, const void *weight, const void *y,
                      double *sums) {
  for (int64_t n = 0; n < v->n; n++)
    for (int64_t p = 0; p < v->p; p++)
      for (int64_t q = 0; q < v->q; q++)
        for (int64_t r = 0; r < v->r; r++)
          for (int64_t s = 0; s < v->s; s++) {
            int64_t h = p * v->stride + r - v->padding, w = q * v->stride + s - v->padding;
            if (h < 0 || h >= v->h || w < 0 || w >= v->w) continue;
            for (int64_t k = 0; k < v->k; k++)
              for (int64_t c = 0; c < v->c; c++) {
                int64_t in = ((n * v->h + h) * v->w + w) * v->c + c, by = ((k * v->r + r) * v->s + s) * v->c + c,
                        out = ((n * v->p + p) * v->q + q) * v->k + k;
                if (which == FORWARD) sums[out] += number_get(x, v->dtype, in) * number_get(weight, v->dtype, by);
                if (which == DX) sums[in] += number_get(y, v->dtype, out) * number_get(weight, v->dtype, by);
                if (which == DW) sums[by] += number_get(x, v->dtype, in) * number_get(y, v->dtype, out);
              }
          }
}

static const int64_t small[][7] = {{2, 8, 6, 16, 3, 1, 1}, {1, 16, 7, 8, 3, 2, 1}, {3, 8, 5, 8, 1, 1, 0},
                                   {2, 8, 6, 24, 1, 2, 0}, {1, 3, 9, 8, 7, 2, 3},  {2, 3, 8, 8, 3, 1, 1},
                                   {1, 8, 4, 8, 2, 1, 0},  {1, 5, 5, 7, 3, 1, 0}};
enum { NSMALL = sizeof small / sizeof *small };

static void check_results(const lun_cuda_conv *v, int which) {
  lun_dtype d = v->dtype;
  int64_t n[] = {v->n * v->h * v->w * v->c, v->k * v->r * v->s * v->c, v->n * v->p * v->q * v->k};
  int to = which == FORWARD ? 2 : which - 1;
  void *t[3];
  for (int i = 0; i < 3; i++) t[i] = numbers(d, n[i]);
  double *want = calloc((size_t)n[to], sizeof *want);
  reference(which, v, t[0], t[1], t[2], want);
  int st = run(which, v, d, t[0], t[1], t[2]);
  ck_assert_msg(st == LUN_OK, "%s", lun_message(call.ctx));
  for (int64_t i = 0; i < n[to]; i++)
    if (!(fabs(number_get(t[to], d, i) - want[i]) <= (d == LUN_F32 ? 1e-6 : 4e-3) * (1 + fabs(want[i]))))
      ck_abort_msg("%d: %g, not %g", (int)i, number_get(t[to], d, i), want[i]);
  for (int i = 0; i < 3; i++) free(t[i]);
  free(want);
}

static int way_of(int i) { return i % 3; }
static lun_dtype dtype_of(int i) { return i / 3 ? LUN_BF16 : LUN_F32; }

/* _i: direction and dtype. */
START_TEST(results_are_those_of_the_convolution) {
  for (int i = 0; i < NSMALL; i++) {
    const int64_t *a = small[i];
    lun_cuda_conv v = geometry(a[0], a[1], a[2], a[3], a[4], a[5], a[6], dtype_of(_i));
    check_results(&v, way_of(_i));
  }
  ck_assert_int_eq(host->runs, NSMALL);
}
END_TEST

/* ---- plans for an H100: nothing is run, so that the sizes can be those of the field ---- */

static char *nowhere; /* aligned; never read */

static int planned(int which, const lun_cuda_conv *v, lun_dtype dw) {
  host->dry = true;
  return run(which, v, dw, nowhere, nowhere, nowhere);
}

/* batch, channels, size, outputs, kernel, stride, padding: ResNet-18 and 50 with either stem, Conv-4 */
static const int64_t field[][7] = {
    {512, 3, 32, 64, 3, 1, 1},     {512, 64, 32, 64, 3, 1, 1},     {512, 64, 32, 128, 3, 2, 1},
    {512, 64, 32, 128, 1, 2, 0},   {512, 128, 16, 128, 3, 1, 1},   {512, 128, 16, 256, 3, 2, 1},
    {512, 128, 16, 256, 1, 2, 0},  {512, 256, 8, 256, 3, 1, 1},    {512, 256, 8, 512, 3, 2, 1},
    {512, 256, 8, 512, 1, 2, 0},   {512, 512, 4, 512, 3, 1, 1},    {256, 3, 224, 64, 7, 2, 3},
    {256, 64, 56, 64, 1, 1, 0},    {256, 64, 56, 64, 3, 1, 1},     {256, 64, 56, 256, 1, 1, 0},
    {256, 256, 56, 128, 1, 1, 0},  {256, 128, 56, 128, 3, 2, 1},   {256, 256, 56, 512, 1, 2, 0},
    {256, 512, 28, 1024, 1, 2, 0}, {256, 1024, 14, 2048, 1, 2, 0}, {256, 512, 14, 512, 3, 2, 1},
    {256, 2048, 7, 512, 1, 1, 0},  {128, 3, 32, 32, 3, 1, 1},      {128, 32, 16, 64, 3, 1, 1},
    {16, 32, 16, 32, 3, 1, 1},     {64, 3, 16, 32, 3, 1, 1},       {512, 3, 96, 64, 7, 2, 3}};
enum { NFIELD = sizeof field / sizeof *field };

/* Each has a plan that repeats bit for bit and rounds nothing; in bf16 it is the one that cuDNN proposes first. */
static void check_plan(const lun_cuda_conv *v, int which) {
  char text[256];
  int st = planned(which, v, v->dtype);
  lun_cuda_dnn_describe(call.ctx, text, sizeof text);
  ck_assert_msg(st == LUN_OK, "%d %s: %s; %s", which, lun_dtype_name(v->dtype), lun_message(call.ctx), text);
  if (getenv("LUNETTE_SHOW_PLANS")) /* for people */
    printf("%s %s n %d c %d h %d k %d r %d stride %d: engine %d, place %d, notes %x\n",
           which == FORWARD ? "forward"
           : which == DX    ? "dx"
                            : "dw",
           lun_dtype_name(v->dtype), (int)v->n, (int)v->c, (int)v->h, (int)v->k, (int)v->r, (int)v->stride,
           (int)host->engine, host->place, host->notes);
  ck_assert_uint_eq(host->notes & (NOTE(NONDETERMINISTIC) | NOTE(DOWN_CONVERT_INPUTS) |
                                   NOTE(REDUCED_PRECISION_REDUCTION) | NOTE(FFT) | NOTE(WINOGRAD_TILE_13x13)),
                    0);
  if (v->dtype == LUN_F32) ck_assert_uint_eq(host->notes & NOTE(TENSOR_CORE), 0);
  if (v->dtype == LUN_BF16 && version == SEEN) ck_assert_int_eq(host->place, 0);
  ck_assert_int_le(host->workspace, LUN_CUDA_DNN_WORKSPACE);
}

START_TEST(convolutions_of_the_field_have_plans) {
  for (int i = 0; i < NFIELD; i++) {
    const int64_t *a = field[i];
    lun_cuda_conv v = geometry(a[0], a[1], a[2], a[3], a[4], a[5], a[6], dtype_of(_i));
    check_plan(&v, way_of(_i));
    if (v.h <= 32 && v.n == 512 && version == SEEN) ck_assert_int_lt(host->place, LUN_LAST_RESORT);
  }
}
END_TEST

/* Its inputs alone are 6 GB: engines that copy them are passed over. */
START_TEST(memory_for_a_plan_is_bounded) {
  lun_cuda_conv v = geometry(2048, 256, 56, 256, 1, 1, 0, LUN_F32);
  for (int which = 0; which < 3; which++) check_plan(&v, which);
  /* 1.2 GB are not too much: what needs less is a last resort. */
  v = geometry(256, 256, 56, 128, 1, 1, 0, LUN_F32);
  check_plan(&v, DX);
  if (version != SEEN) return;
  ck_assert_int_lt(host->place, LUN_LAST_RESORT);
  ck_assert_int_gt(host->workspace, 1 << 30);
}
END_TEST

START_TEST(a_plan_is_made_once) {
  lun_cuda_conv v = geometry(2, 8, 6, 16, 3, 1, 1, LUN_F32), w = v;
  ck_assert_int_eq(planned(FORWARD, &v, LUN_F32), LUN_OK);
  int first = host->calls, objects = host->objects;
  ck_assert_int_eq(planned(FORWARD, &v, LUN_F32), LUN_OK);
  int again = host->calls - first;
  ck_assert_int_lt(again, 12);
  ck_assert_int_eq(host->objects, objects);
  w.n = 3;
  ck_assert_int_eq(planned(FORWARD, &w, LUN_F32), LUN_OK);
  ck_assert_int_gt(host->calls - first - again, 50);
  char text[256];
  lun_cuda_dnn_describe(call.ctx, text, sizeof text);
  ck_assert_ptr_nonnull(strstr(text, ", 2 plans, 0 refused"));
  ck_assert_int_eq(stand_ins_pauses, 3); /* the library, and each plan: no graph holds them */
}
END_TEST

/* What does not repeat is taken where cuDNN proposes it before what does; and never again once it is strict. */
START_TEST(fast_takes_what_does_not_repeat) {
  int other = 0;
  for (int i = 0; i < 3 * NFIELD; i++) {
    const int64_t *a = field[i / 3];
    lun_cuda_conv v = geometry(a[0], a[1], a[2], a[3], a[4], a[5], a[6], LUN_F32);
    lun_set_fast(call.ctx, false);
    ck_assert_int_eq(planned(i % 3, &v, LUN_F32), LUN_OK);
    int place = host->place;
    int64_t engine = host->engine;
    lun_set_fast(call.ctx, true);
    ck_assert_int_eq(planned(i % 3, &v, LUN_F32), LUN_OK);
    ck_assert_int_le(host->place, place);
    ck_assert_uint_eq(host->notes & NOTE(TENSOR_CORE), 0);
    bool repeats = !(host->notes & NOTE(NONDETERMINISTIC));
    ck_assert(repeats == (host->place == place));
    other += !repeats;
    lun_set_fast(call.ctx, false);
    ck_assert_int_eq(planned(i % 3, &v, LUN_F32), LUN_OK);
    ck_assert_int_eq(host->engine, engine);
  }
  if (version == SEEN) ck_assert_int_gt(other, 0);
}
END_TEST

/* ---- what cannot be ---- */

START_TEST(others_are_left_to_the_caller) {
  lun_cuda_conv v = geometry(2, 8, 6, 16, 3, 1, 1, LUN_F64);
  ck_assert_int_eq(planned(FORWARD, &v, LUN_F64), LUN_EUNSUPPORTED);
  v.dtype = LUN_F32;
  ck_assert_int_eq(run(FORWARD, &v, LUN_F32, nowhere + 4, nowhere, nowhere), LUN_EUNSUPPORTED);
  ck_assert_int_eq(host->calls, 0);
  if (version != SEEN) return;
  v.dtype = LUN_BF16; /* no engine sums the gradient of bf16 into f32 */
  ck_assert_int_eq(planned(DW, &v, LUN_F32), LUN_EUNSUPPORTED);
  char text[256];
  lun_cuda_dnn_describe(call.ctx, text, sizeof text);
  ck_assert_ptr_nonnull(strstr(text, "0 plans, 1 refused, the last: "));
  int calls = host->calls;
  ck_assert_int_eq(planned(DW, &v, LUN_F32), LUN_EUNSUPPORTED);
  ck_assert_int_eq(host->calls, calls); /* it is not asked for twice */
}
END_TEST

START_TEST(without_a_handle_there_is_none) {
  lun_cuda_conv v = geometry(2, 8, 6, 16, 3, 1, 1, LUN_F32);
  host->fail_call = 1;
  host->fail_status = CUDNN_STATUS_NOT_INITIALIZED;
  ck_assert_int_eq(planned(FORWARD, &v, LUN_F32), LUN_EUNSUPPORTED);
  ck_assert_int_eq(planned(FORWARD, &v, LUN_F32), LUN_EUNSUPPORTED);
  char text[256];
  lun_cuda_dnn_describe(call.ctx, text, sizeof text);
  ck_assert_ptr_nonnull(strstr(text, "cudnnCreate: CUDNN_STATUS_NOT_INITIALIZED"));
}
END_TEST

/* Each call fails in turn, in one of several ways. It ends with an error that names cuDNN, with memory that is short, or with
** another way for the caller; what was made is gone at the end (close_all), and asked again, it is as if nothing had been. */
START_TEST(every_call_fails_in_turn) {
  static const int ways[] = {CUDNN_STATUS_EXECUTION_FAILED, CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED,
                             CUDNN_STATUS_NOT_SUPPORTED};
  lun_cuda_conv v = geometry(1, 8, 5, 8, 3, 1, 1, LUN_BF16);
  int calls = 0, errors = 0;
  ck_assert_int_eq(planned(FORWARD, &v, LUN_BF16), LUN_OK);
  int64_t engine = host->engine;
  int place = host->place;
  for (int n = 1; !calls || n <= calls; n++) {
    stand_ins_close();
    ck_assert_int_eq(host->objects, 0);
    stand_ins_open();
    memset(host, 0, sizeof *host);
    host->fail_call = n;
    host->fail_status = ways[_i];
    int st = planned(FORWARD, &v, LUN_BF16);
    if (st && st != LUN_EUNSUPPORTED) {
      errors++;
      ck_assert_int_eq(st, strstr(lun_message(call.ctx), "out of memory") ? LUN_EMEM : LUN_EDEVICE);
      ck_assert_msg(strstr(lun_message(call.ctx), "cuDNN") || st == LUN_EMEM, "call %d: %s", n, lun_message(call.ctx));
      host->fail_call = 0;
      ck_assert_int_eq(planned(FORWARD, &v, LUN_BF16), LUN_OK);
    }
    /* An engine may fail, and the next be taken; short memory must not choose. */
    if (st != LUN_EUNSUPPORTED && (st || ways[_i] == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)) {
      ck_assert_int_eq(host->engine, engine);
      ck_assert_int_eq(host->place, place);
    }
    if (!calls && host->calls < n) calls = host->calls;
  }
  ck_assert_int_gt(errors, 20);
}
END_TEST

/* Once, before tests become processes: cuDNN's libraries take a second to load. */
static void open_suite(void) {
  nowhere = aligned_alloc(16, 64);
  open_all();
  for (int d = 0; d < 2; d++)
    for (int which = 0; which < 3; which++) {
      lun_cuda_conv v = geometry(1, 8, 5, 8, 3, 1, 1, d ? LUN_BF16 : LUN_F32);
      ck_assert_int_eq(planned(which, &v, v.dtype), LUN_OK);
    }
  char text[256];
  int major = 0, minor = 0;
  lun_cuda_dnn_describe(call.ctx, text, sizeof text);
  ck_assert_int_eq(sscanf(text, "%d.%d", &major, &minor), 2);
  version = major * 100 + minor;
  close_all();
}
static void close_suite(void) { free(nowhere); }

Suite *suite_convolutions(void) {
  Suite *s = suite_create("convolutions");
  TCase *t = tcase_create("convolutions");
  tcase_set_timeout(t, 120);
  tcase_add_unchecked_fixture(t, open_suite, close_suite);
  tcase_add_checked_fixture(t, open_all, close_all);
  tcase_add_loop_test(t, results_are_those_of_the_convolution, 0, 6);
  tcase_add_loop_test(t, convolutions_of_the_field_have_plans, 0, 6);
  tcase_add_test(t, memory_for_a_plan_is_bounded);
  tcase_add_test(t, a_plan_is_made_once);
  tcase_add_test(t, fast_takes_what_does_not_repeat);
  tcase_add_test(t, others_are_left_to_the_caller);
  tcase_add_test(t, without_a_handle_there_is_none);
  tcase_add_loop_test(t, every_call_fails_in_turn, 0, 3);
  suite_add_tcase(s, t);
  return s;
}
