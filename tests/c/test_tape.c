/* test_tape.c: the backward pass over graphs of every form, and what stays in memory. */
#include "harness.h"
#include "suites.h"

#include <math.h>
#include <string.h>

static lun_context *c;
static lun_memory start;

/* A cheap op whose output is recomputed instead of kept: y = 2 x. */
static int recomputed; /* how often */
static int double_shape(lun_call *k) { return lun_out_like(k, 0, k->arg[0].t); }
static int double_into(const lun_tensor *x, lun_tensor *y) {
  for (int64_t i = 0; i < lun_numel(x); i++) lun_f64(y)[i] = 2 * lun_f64(x)[i];
  return LUN_OK;
}
static int double_cpu(lun_call *k) { return double_into(k->arg[0].t, k->out[0]); }
static int double_grad(lun_call *k, lun_tensor *const *dout, lun_tensor **din) {
  return lun_do(k->ctx, "add", din, "tt", dout[0], dout[0]);
}
static int double_again(lun_call *k, lun_tensor **out) {
  const lun_tensor *x = k->arg[0].t;
  recomputed++;
  LUN_TRY(lun_empty(k->ctx, x->dtype, x->device, x->ndim, x->shape, out));
  return double_into(x, *out);
}
static const lun_op lazy_double = {.name = "lazy_double",
                                   .args = "x:tensor -> y",
                                   .doc = "Test op: twice x, recomputed in the backward pass.",
                                   .shape = double_shape,
                                   .cpu = double_cpu,
                                   .grad = double_grad,
                                   .keep = "x",
                                   .recompute = double_again};
static const lun_op *const extra[] = {&lazy_double, NULL};

static void setup(void) {
  c = harness_open(NULL, extra);
  ck_assert_ptr_nonnull(c);
  lun_memory_read(c, LUN_CPU, &start);
}

static void teardown(void) {
  lun_memory m;
  lun_memory_read(c, LUN_CPU, &m);
  ck_assert_int_eq(m.live_bytes, 0);
  ck_assert_int_eq(m.live_blocks, 0);
  ck_assert_int_eq(m.core_blocks, start.core_blocks);
  ck_assert_int_eq(m.core_bytes, start.core_bytes);
  harness_close(c);
}

#define OK(expr) ck_assert_msg((expr) == LUN_OK, "%s", lun_message(c))

static lun_tensor *number(double v, bool wants) {
  lun_tensor *t;
  OK(lun_empty(c, LUN_F64, LUN_CPU, 1, (int64_t[]){1}, &t));
  OK(lun_set(t, (int64_t[]){0}, v));
  OK(lun_set_requires_grad(t, wants));
  return t;
}

static lun_tensor *op2(const char *name, lun_tensor *a, lun_tensor *b) {
  lun_tensor *y;
  OK(lun_do(c, name, &y, b ? "tt" : "t", a, b));
  return y;
}

static double grad_of(lun_tensor *t) {
  double v = NAN;
  if (lun_grad(t)) OK(lun_get(lun_grad(t), (int64_t[]){0}, &v));
  return v;
}

START_TEST(one_input_used_twice) {
  lun_tensor *x = number(3, true), *y = op2("mul", x, x);
  OK(lun_backward(y, NULL, false));
  ck_assert_double_eq(grad_of(x), 6);
  lun_release(y);
  lun_release(x);
}
END_TEST

/* x -> a -> b1, b2 -> c: the gradient of a must be complete before it is passed on. */
START_TEST(diamond_passes_each_node_once) {
  lun_tensor *x = number(2, true), *a = op2("mul", x, x), *b1 = op2("mul", a, x), *b2 = op2("add", a, a);
  lun_tensor *y = op2("mul", b1, b2); /* x^3 * 2 x^2 = 2 x^5 */
  lun_release(a);
  lun_release(b1);
  lun_release(b2);
  OK(lun_backward(y, NULL, false));
  ck_assert_double_eq(grad_of(x), 10 * 16);
  lun_release(y);
  lun_release(x);
}
END_TEST

START_TEST(gradients_add_up_over_backward_passes) {
  lun_tensor *x = number(2, true);
  for (int i = 1; i <= 3; i++) {
    lun_tensor *y = op2("mul", x, x);
    OK(lun_backward(y, NULL, false));
    lun_release(y);
    ck_assert_double_eq(grad_of(x), 4 * i);
  }
  OK(lun_set_grad(x, NULL));
  ck_assert_ptr_null(lun_grad(x));
  lun_release(x);
}
END_TEST

START_TEST(graph_is_released_unless_kept) {
  lun_tensor *x = number(2, true), *a = op2("mul", x, x), *y = op2("mul", a, x);
  OK(lun_backward(y, NULL, true));
  OK(lun_backward(y, NULL, false));
  ck_assert_double_eq(grad_of(x), 24);
  ck_assert_int_eq(lun_backward(y, NULL, false), LUN_EARG);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "keep_graph"));
  ck_assert_double_eq(grad_of(x), 24);
  lun_tensor *again = op2("mul", a, x); /* a's part of the graph is gone, and said to be */
  ck_assert_int_eq(lun_backward(again, NULL, false), LUN_EARG);
  lun_release(again);
  lun_release(a);
  lun_release(y);
  lun_release(x);
}
END_TEST

START_TEST(seed_must_fit) {
  lun_tensor *x, *y, *seed;
  OK(lun_empty(c, LUN_F64, LUN_CPU, 1, (int64_t[]){3}, &x));
  for (int64_t i = 0; i < 3; i++) OK(lun_set(x, &i, 1));
  OK(lun_set_requires_grad(x, true));
  y = op2("add", x, x);
  ck_assert_int_eq(lun_backward(y, NULL, false), LUN_ESHAPE);
  OK(lun_empty(c, LUN_F64, LUN_CPU, 1, (int64_t[]){2}, &seed));
  ck_assert_int_eq(lun_backward(y, seed, false), LUN_ESHAPE);
  lun_release(seed);
  OK(lun_empty(c, LUN_F64, LUN_CPU, 1, (int64_t[]){3}, &seed));
  for (int64_t i = 0; i < 3; i++) OK(lun_set(seed, &i, (double)i));
  OK(lun_backward(y, seed, false));
  double v;
  OK(lun_get(lun_grad(x), (int64_t[]){2}, &v));
  ck_assert_double_eq(v, 4);
  lun_release(seed);
  lun_release(y);
  lun_release(x);
}
END_TEST

/* A gradient is its owner's to change in place; the seed is the caller's. */
START_TEST(gradients_do_not_share_memory) {
  lun_tensor *x = number(2, true), *z = number(5, true), *y = op2("add", x, z), *seed = number(1, false);
  OK(lun_backward(y, seed, false));
  ck_assert_ptr_ne(lun_data(lun_grad(x)), lun_data(lun_grad(z)));
  ck_assert_ptr_ne(lun_data(lun_grad(x)), lun_data(seed));
  OK(lun_backward(x, seed, false)); /* straight at a leaf */
  ck_assert_ptr_ne(lun_data(lun_grad(x)), lun_data(seed));
  ck_assert_double_eq(grad_of(x), 2);
  lun_release(y);
  lun_release(x);
  OK(lun_set_grad(z, NULL));
  OK(lun_backward(z, seed, false));
  ck_assert_ptr_ne(lun_data(lun_grad(z)), lun_data(seed));
  lun_release(z);
  lun_release(seed);
}
END_TEST

START_TEST(nothing_is_recorded_when_gradients_are_off) {
  lun_tensor *x = number(2, true);
  ck_assert(lun_enable_grad(c, false));
  lun_tensor *y = op2("mul", x, x);
  ck_assert(!lun_requires_grad(y));
  ck_assert_int_eq(lun_backward(y, NULL, false), LUN_EARG);
  ck_assert(!lun_enable_grad(c, true));
  lun_release(y);
  lun_release(x);
}
END_TEST

START_TEST(only_floating_leaves_take_gradients) {
  lun_tensor *i, *x = number(2, true), *y = op2("mul", x, x);
  OK(lun_empty(c, LUN_I64, LUN_CPU, 1, (int64_t[]){1}, &i));
  ck_assert_int_eq(lun_set_requires_grad(i, true), LUN_EDTYPE);
  ck_assert_int_eq(lun_set_requires_grad(y, false), LUN_EARG);
  lun_release(i);
  lun_release(y);
  lun_release(x);
}
END_TEST

static lun_tensor *chain(lun_tensor *x, int n) {
  lun_tensor *y = lun_retain(x);
  for (int i = 0; i < n; i++) {
    lun_tensor *next = op2("add", y, x);
    lun_release(y);
    y = next;
  }
  return y;
}

START_TEST(long_chains_are_freed_without_recursion) {
  lun_tensor *x = number(1, true), *y = chain(x, 100000);
  lun_release(y); /* never used backward */
  y = chain(x, 100000);
  OK(lun_backward(y, NULL, false));
  ck_assert_double_eq(grad_of(x), 100001);
  lun_release(y);
  lun_release(x);
}
END_TEST

START_TEST(lazy_outputs_are_made_again_and_not_kept) {
  lun_tensor *x = number(3, true), *d = op2("lazy_double", x, NULL), *y = op2("mul", d, d); /* 4 x^2 */
  lun_memory m;
  recomputed = 0;
  lun_release(d);
  lun_memory_read(c, LUN_CPU, &m);
  ck_assert_int_eq(m.live_blocks, 2); /* x and y: d is gone */
  OK(lun_backward(y, NULL, true));
  ck_assert_double_eq(grad_of(x), 24);
  ck_assert_int_ge(recomputed, 1);
  OK(lun_backward(y, NULL, false));
  ck_assert_double_eq(grad_of(x), 48);
  lun_release(y);
  lun_release(x);
}
END_TEST

START_TEST(lazy_outputs_of_lazy_outputs) {
  lun_tensor *x = number(3, true), *d = op2("lazy_double", x, NULL), *e = op2("lazy_double", d, NULL);
  lun_tensor *y = op2("mul", e, d), *z = op2("mul", y, e); /* 4x * 2x * 4x = 32 x^3 */
  lun_release(d);
  lun_release(e);
  lun_release(y);
  OK(lun_backward(z, NULL, false));
  ck_assert_double_eq(grad_of(x), 96 * 9);
  lun_release(z);
  lun_release(x);
}
END_TEST

/* The op that made a lazy input goes first in one graph, while another graph still needs it. */
START_TEST(lazy_input_of_a_freed_graph_is_an_error) {
  lun_tensor *x = number(3, true), *d = op2("lazy_double", x, NULL), *y = op2("mul", d, d), *w = op2("mul", d, d);
  OK(lun_backward(y, NULL, false));
  ck_assert_int_eq(lun_backward(w, NULL, false), LUN_EARG);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "keep_graph"));
  lun_release(d);
  lun_release(y);
  lun_release(w);
  lun_release(x);
}
END_TEST

START_TEST(interrupted_backward_leaves_nothing_behind) {
  lun_tensor *x = number(1, true), *y = chain(x, 10);
  lun_interrupt(c);
  ck_assert_int_eq(lun_backward(y, NULL, true), LUN_EINTR);
  lun_clear_interrupt(c);
  ck_assert(lun_grad_enabled(c));
  OK(lun_set_grad(x, NULL));
  OK(lun_backward(y, NULL, false)); /* no half-summed gradient from the first attempt */
  ck_assert_double_eq(grad_of(x), 11);
  lun_release(y);
  lun_release(x);
}
END_TEST

Suite *suite_tape(void) {
  Suite *s = suite_create("tape");
  TCase *t = tcase_create("tape");
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 120);
  tcase_add_test(t, one_input_used_twice);
  tcase_add_test(t, diamond_passes_each_node_once);
  tcase_add_test(t, gradients_add_up_over_backward_passes);
  tcase_add_test(t, graph_is_released_unless_kept);
  tcase_add_test(t, seed_must_fit);
  tcase_add_test(t, gradients_do_not_share_memory);
  tcase_add_test(t, nothing_is_recorded_when_gradients_are_off);
  tcase_add_test(t, only_floating_leaves_take_gradients);
  tcase_add_test(t, long_chains_are_freed_without_recursion);
  tcase_add_test(t, lazy_outputs_are_made_again_and_not_kept);
  tcase_add_test(t, lazy_outputs_of_lazy_outputs);
  tcase_add_test(t, lazy_input_of_a_freed_graph_is_an_error);
  tcase_add_test(t, interrupted_backward_leaves_nothing_behind);
  suite_add_tcase(s, t);
  return s;
}
