/* test_core.c: status, tensors, views, copies, sizes, interrupts. */
#include "harness.h"
#include "suites.h"

#include <math.h>
#include <string.h>

static lun_context *c;
static lun_memory start;

static void setup(void) {
  c = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(c);
  lun_memory_read(c, LUN_CPU, &start);
}

static void assert_nothing_left(void) {
  lun_memory m;
  lun_memory_read(c, LUN_CPU, &m);
  ck_assert_int_eq(m.live_bytes, 0);
  ck_assert_int_eq(m.live_blocks, 0);
  ck_assert_int_eq(m.core_blocks, start.core_blocks);
  ck_assert_int_eq(m.core_bytes, start.core_bytes);
}

static void teardown(void) {
  assert_nothing_left();
  harness_close(c);
}

#define OK(expr) ck_assert_msg((expr) == LUN_OK, "%s", lun_message(c))

static lun_tensor *iota(lun_dtype d, int ndim, const int64_t *shape) {
  lun_tensor *t;
  OK(lun_empty(c, d, LUN_CPU, ndim, shape, &t));
  int64_t index[LUN_MAX_DIMS] = {0};
  for (int64_t i = 0; i < lun_count(t); i++) {
    OK(lun_set(t, index, (double)(i % 100)));
    for (int a = ndim - 1; a >= 0 && ++index[a] == shape[a]; a--) index[a] = 0;
  }
  return t;
}

START_TEST(message_holds_the_last_failure) {
  ck_assert_int_eq(lun_fail(c, LUN_EDATA, "row %d", 7), LUN_EDATA);
  ck_assert_str_eq(lun_message(c), "row 7");
  ck_assert_int_eq(lun_message_code(c), LUN_EDATA);
  char longer[3000];
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  lun_fail(c, LUN_EARG, "%s", longer);
  ck_assert_uint_lt(strlen(lun_message(c)), 1100);
}
END_TEST

START_TEST(releasing_null_does_nothing) { lun_release(NULL); }
END_TEST

START_TEST(references_keep_a_tensor) {
  lun_tensor *t = iota(LUN_F32, 2, (int64_t[]){2, 3});
  lun_retain(t);
  lun_release(t);
  double v;
  OK(lun_get(t, (int64_t[]){1, 2}, &v));
  ck_assert_double_eq(v, 5);
  lun_release(t);
}
END_TEST

START_TEST(views_keep_their_storage) {
  lun_tensor *t = iota(LUN_F32, 2, (int64_t[]){4, 6}), *row, *turned;
  lun_memory m;
  OK(lun_do(c, "narrow", &row, "tiii", t, (int64_t)0, (int64_t)2, (int64_t)3));
  OK(lun_do(c, "permute", &turned, "tn", row, (int64_t)2, (int64_t[]){2, 1}));
  lun_release(t);
  lun_release(row);
  lun_memory_read(c, LUN_CPU, &m);
  ck_assert_int_eq(m.live_blocks, 1);
  double v;
  OK(lun_get(turned, (int64_t[]){5, 1}, &v));
  ck_assert_double_eq(v, 2 * 6 + 5);
  OK(lun_set(turned, (int64_t[]){5, 1}, -1));
  OK(lun_get(turned, (int64_t[]){5, 1}, &v));
  ck_assert_double_eq(v, -1);
  ck_assert(!lun_is_dense(turned));
  lun_release(turned);
}
END_TEST

START_TEST(detached_shares_elements_and_has_no_tape) {
  lun_tensor *t = iota(LUN_F32, 1, (int64_t[]){3}), *y, *d;
  OK(lun_set_requires_grad(t, true));
  OK(lun_do(c, "mul", &y, "tt", t, t));
  OK(lun_detach(y, &d));
  ck_assert(lun_requires_grad(y) && !lun_requires_grad(d));
  ck_assert_ptr_eq(lun_data(y), lun_data(d));
  lun_release(t);
  lun_release(y);
  lun_release(d);
}
END_TEST

START_TEST(absurd_sizes_are_refused) {
  lun_tensor *t;
  const int64_t big = (int64_t)1 << 40;
  ck_assert_int_eq(lun_empty(c, LUN_F32, LUN_CPU, 2, (int64_t[]){big, big}, &t), LUN_ESHAPE);
  ck_assert_ptr_null(t);
  ck_assert_int_eq(lun_empty(c, LUN_F32, LUN_CPU, 1, (int64_t[]){INT64_MAX / 2}, &t), LUN_ESHAPE);
  ck_assert_int_eq(lun_empty(c, LUN_F32, LUN_CPU, 1, (int64_t[]){-1}, &t), LUN_ESHAPE);
  ck_assert_int_eq(lun_empty(c, LUN_F32, LUN_CPU, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, &t), LUN_ESHAPE);
  ck_assert_int_eq(lun_empty(c, LUN_F32, LUN_CPU, -1, NULL, &t), LUN_ESHAPE);
  ck_assert_int_eq(lun_empty_image(c, LUN_F32, LUN_CPU, (int64_t[]){big, big, 1, 1}, &t), LUN_ESHAPE);
  ck_assert_int_eq(lun_empty(c, LUN_U8, LUN_CPU, 1, (int64_t[]){INT64_MAX}, &t), LUN_EMEM);
  int64_t product;
  ck_assert_int_eq(lun_mul(c, INT64_MAX, 2, &product), LUN_ESHAPE);
  OK(lun_mul(c, INT64_MAX / 2, 2, &product));
}
END_TEST

/* No element, so no size is too large: the strides may not overflow either. */
START_TEST(empty_tensors_of_any_size_exist) {
  lun_tensor *t;
  const int64_t big = (int64_t)1 << 40;
  OK(lun_empty(c, LUN_F32, LUN_CPU, 4, (int64_t[]){0, big, big, big}, &t));
  ck_assert_int_eq(lun_count(t), 0);
  ck_assert(lun_is_dense(t));
  lun_release(t);
  OK(lun_empty_image(c, LUN_F32, LUN_CPU, (int64_t[]){0, big, big, big}, &t));
  ck_assert(lun_is_dense_image(t));
  lun_release(t);
}
END_TEST

START_TEST(scalars_hold_one_element) {
  lun_tensor *t;
  double v;
  OK(lun_empty(c, LUN_F64, LUN_CPU, 0, NULL, &t));
  ck_assert_int_eq(lun_count(t), 1);
  OK(lun_set(t, NULL, 2.5));
  OK(lun_get(t, NULL, &v));
  ck_assert_double_eq(v, 2.5);
  lun_release(t);
}
END_TEST

START_TEST(index_outside_is_an_error_that_counts_from_one) {
  lun_tensor *t = iota(LUN_F32, 2, (int64_t[]){2, 3});
  double v;
  ck_assert_int_eq(lun_get(t, (int64_t[]){2, 0}, &v), LUN_EARG);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "index 3 is outside axis 1, which holds 1..2"));
  ck_assert_int_eq(lun_get(t, (int64_t[]){0, -1}, &v), LUN_EARG);
  ck_assert_int_eq(lun_set(t, (int64_t[]){0, 3}, 1), LUN_EARG);
  lun_release(t);
}
END_TEST

/* Every pair of dtypes, every pair of layouts. */
START_TEST(copies_convert_dtypes_and_layouts) {
  int64_t shape[] = {2, 3, 4, 5}, index[4];
  for (int sd = 0; sd < LUN_NDTYPES; sd++)
    for (int dd = 0; dd < LUN_NDTYPES; dd++)
      for (int layout = 0; layout < 4; layout++) {
        lun_tensor *src = iota((lun_dtype)sd, 4, shape), *image, *dst;
        OK(lun_empty_image(c, (lun_dtype)sd, LUN_CPU, shape, &image));
        OK(lun_copy(image, src));
        if (layout & 2)
          OK(lun_empty_image(c, (lun_dtype)dd, LUN_CPU, shape, &dst));
        else
          OK(lun_empty(c, (lun_dtype)dd, LUN_CPU, 4, shape, &dst));
        OK(lun_copy(dst, layout & 1 ? image : src));
        for (int64_t i = 0; i < lun_count(dst); i++) {
          double from, to;
          int64_t rest = i;
          for (int a = 3; a >= 0; a--) index[a] = rest % shape[a], rest /= shape[a];
          OK(lun_get(src, index, &from));
          OK(lun_get(dst, index, &to));
          ck_assert_double_eq(to, dd == LUN_BOOL ? from != 0 : from);
        }
        lun_release(src);
        lun_release(image);
        lun_release(dst);
      }
}
END_TEST

START_TEST(whole_numbers_saturate_and_nan_is_zero) {
  static const struct {
    lun_dtype d;
    double in, out;
  } cases[] = {
      {LUN_U8, -3, 0},
      {LUN_U8, 300, 255},
      {LUN_U8, 2.9, 2},
      {LUN_U8, NAN, 0},
      {LUN_I64, -2.9, -2},
      {LUN_I64, 1e300, 0x1p63},
      {LUN_I64, -1e300, -0x1p63},
      {LUN_I64, NAN, 0},
      {LUN_I64, -9.25e18, -0x1p63},
      {LUN_I64, 9.25e18, 0x1p63},
      {LUN_BOOL, 0.5, 1},
      {LUN_BOOL, 0, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    lun_tensor *t;
    double v;
    OK(lun_empty(c, cases[i].d, LUN_CPU, 0, NULL, &t));
    OK(lun_set(t, NULL, cases[i].in));
    OK(lun_get(t, NULL, &v));
    ck_assert_msg(v == cases[i].out, "%g as %s became %g", cases[i].in, lun_dtype_name(cases[i].d), v);
    lun_release(t);
  }
}
END_TEST

/* i64 to i64 must not pass through double. */
START_TEST(large_integers_are_copied_exactly) {
  lun_tensor *a, *b, *turned;
  OK(lun_empty(c, LUN_I64, LUN_CPU, 2, (int64_t[]){2, 2}, &a));
  OK(lun_empty(c, LUN_I64, LUN_CPU, 2, (int64_t[]){2, 2}, &b));
  for (int i = 0; i < 4; i++) lun_i64(a)[i] = INT64_MAX - i;
  OK(lun_do(c, "permute", &turned, "tn", a, (int64_t)2, (int64_t[]){2, 1}));
  OK(lun_copy(b, turned));
  ck_assert_int_eq(lun_i64(b)[1], INT64_MAX - 2);
  ck_assert_int_eq(lun_i64(b)[2], INT64_MAX - 1);
  lun_release(a);
  lun_release(b);
  lun_release(turned);
}
END_TEST

START_TEST(copy_refuses_another_shape) {
  lun_tensor *a = iota(LUN_F32, 1, (int64_t[]){3}), *b = iota(LUN_F32, 1, (int64_t[]){4});
  ck_assert_int_eq(lun_copy(a, b), LUN_ESHAPE);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "destination is (3), source is (4)"));
  lun_release(a);
  lun_release(b);
}
END_TEST

START_TEST(memory_is_counted_and_limited) {
  lun_tensor *a = iota(LUN_F32, 1, (int64_t[]){256}), *b;
  lun_memory m;
  lun_memory_read(c, LUN_CPU, &m);
  ck_assert_int_eq(m.live_bytes, 1024);
  ck_assert_int_eq(m.live_blocks, 1);
  lun_memory_limit(c, LUN_CPU, 2000);
  ck_assert_int_eq(lun_empty(c, LUN_F32, LUN_CPU, 1, (int64_t[]){256}, &b), LUN_EMEM);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "1024 bytes wanted, 1024 in use, limit 2000"));
  lun_memory_limit(c, LUN_CPU, 0);
  OK(lun_empty(c, LUN_F32, LUN_CPU, 1, (int64_t[]){256}, &b));
  lun_release(a);
  lun_release(b);
  lun_memory_read(c, LUN_CPU, &m);
  ck_assert_int_eq(m.peak_bytes, 2048);
  lun_memory_reset_peak(c, LUN_CPU);
  lun_memory_read(c, LUN_CPU, &m);
  ck_assert_int_eq(m.peak_bytes, 0);
}
END_TEST

START_TEST(interrupt_stops_the_next_op) {
  lun_tensor *a = iota(LUN_F32, 1, (int64_t[]){3}), *y;
  lun_interrupt(c);
  ck_assert_int_eq(lun_do(c, "clone", &y, "t", a), LUN_EINTR);
  lun_clear_interrupt(c);
  OK(lun_do(c, "clone", &y, "t", a));
  lun_release(a);
  lun_release(y);
}
END_TEST

START_TEST(unknown_ops_and_devices_are_named) {
  lun_device d;
  lun_tensor *y;
  ck_assert_ptr_null(lun_op_find(c, "no_such_op"));
  ck_assert_int_eq(lun_do(c, "no_such_op", &y, ""), LUN_EUNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "no_such_op"));
  ck_assert_int_eq(lun_device_parse(c, "tpu", &d), LUN_EDEVICE);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "tpu"));
  OK(lun_device_parse(c, "cpu", &d));
  ck_assert_int_eq(d, LUN_CPU);
}
END_TEST

START_TEST(dtypes_parse_by_both_names) {
  static const char *const names[][2] = {{"f32", "float32"}, {"bf16", "bfloat16"}, {"f16", "float16"},
                                         {"f64", "float64"}, {"i64", "int64"},     {"u8", "uint8"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    lun_dtype a, b;
    ck_assert_int_eq(lun_dtype_parse(names[i][0], &a), LUN_OK);
    ck_assert_int_eq(lun_dtype_parse(names[i][1], &b), LUN_OK);
    ck_assert_int_eq(a, b);
    ck_assert_str_eq(lun_dtype_name(a), names[i][0]);
  }
  lun_dtype d;
  ck_assert_int_eq(lun_dtype_parse("f31", &d), LUN_EARG);
}
END_TEST

START_TEST(every_instruction_set_can_be_asked_for) {
  static const char *const sets[] = {"baseline", "avx2", "avx512"};
  int met = 0;
  for (int i = 0; i < 3; i++) {
    lun_context *other = harness_open(sets[i], NULL);
    ck_assert_ptr_nonnull(other);
    if (!strcmp(lun_isa(other), sets[i])) met++;
    ck_assert_int_eq(lun_op_count(other), lun_op_count(c));
    harness_close(other);
  }
  ck_assert_int_ge(met, 1);
}
END_TEST

START_TEST(nan_trace_finds_infinities_if_asked) {
  const lun_dtype dtypes[] = {LUN_F32, LUN_F64, LUN_BF16};
  for (int i = 0; i < 3; i++)
    for (int sign = -1; sign <= 1; sign += 2) {
      lun_tensor *a = iota(dtypes[i], 1, (int64_t[]){3}), *y;
      lun_trace_nan(c, true, true);
      OK(lun_do(c, "clone", &y, "t", a));
      lun_release(y);
      OK(lun_set(a, (int64_t[]){2}, sign * INFINITY));
      ck_assert_int_eq(lun_do(c, "clone", &y, "t", a), LUN_ENAN);
      ck_assert_ptr_nonnull(strstr(lun_message(c), "clone: output y (3) holds NaN or infinity,"));
      lun_trace_nan(c, true, false);
      OK(lun_do(c, "clone", &y, "t", a));
      lun_release(y);
      lun_trace_nan(c, false, false);
      lun_release(a);
    }
}
END_TEST

START_TEST(nan_trace_names_the_op_that_made_it) {
  lun_tensor *a = iota(LUN_F32, 1, (int64_t[]){3}), *y;
  OK(lun_set(a, (int64_t[]){1}, NAN));
  lun_trace_nan(c, true, false);
  ck_assert_int_eq(lun_do(c, "clone", &y, "t", a), LUN_ENAN);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "clone: output y (3) holds NaN,"));
  lun_trace_nan(c, false, false);
  lun_release(a);
}
END_TEST

Suite *suite_core(void) {
  Suite *s = suite_create("core");
  TCase *t = tcase_create("core");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 60);
  tcase_add_test(t, message_holds_the_last_failure);
  tcase_add_test(t, releasing_null_does_nothing);
  tcase_add_test(t, references_keep_a_tensor);
  tcase_add_test(t, views_keep_their_storage);
  tcase_add_test(t, detached_shares_elements_and_has_no_tape);
  tcase_add_test(t, absurd_sizes_are_refused);
  tcase_add_test(t, empty_tensors_of_any_size_exist);
  tcase_add_test(t, scalars_hold_one_element);
  tcase_add_test(t, index_outside_is_an_error_that_counts_from_one);
  tcase_add_test(t, copies_convert_dtypes_and_layouts);
  tcase_add_test(t, whole_numbers_saturate_and_nan_is_zero);
  tcase_add_test(t, large_integers_are_copied_exactly);
  tcase_add_test(t, copy_refuses_another_shape);
  tcase_add_test(t, memory_is_counted_and_limited);
  tcase_add_test(t, interrupt_stops_the_next_op);
  tcase_add_test(t, unknown_ops_and_devices_are_named);
  tcase_add_test(t, dtypes_parse_by_both_names);
  tcase_add_test(t, every_instruction_set_can_be_asked_for);
  tcase_add_test(t, nan_trace_names_the_op_that_made_it);
  tcase_add_test(t, nan_trace_finds_infinities_if_asked);
  suite_add_tcase(s, t);
  return s;
}
