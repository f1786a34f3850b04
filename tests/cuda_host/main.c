/* main.c: the CUDA kernels on the host. Every op with a kernel runs the op table's checks with it in the CPU's place,
** threads in ascending and in descending order; and the emulation itself is tested on kernels with planted mistakes.
**   lunette_cuda_host_tests [SUITE [OP...]]       emulation, copies, graphs, sends or kernels; all without; only these ops' kernels
** Built with AddressSanitizer and UndefinedBehaviorSanitizer always: they are what sees a kernel leave its memory.
*/
#include "copies.h"
#include "cuda_host_state.h"
#include "graphs.h"
#include "kernels.h"
#include "opcheck.h"
#include "harness.h"
#include "sample.h"
#include "sends.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the emulation ---- */

static lun_context *c;
static lun_call call;

static void open_context(void) {
  c = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(c);
  call = (lun_call){.ctx = c, .op = lun_op_find(c, "add"), .threads = 1};
}

static void close_context(void) {
  lun_cuda_host.reversed = false;
  harness_close(c);
}

static void reversed_pair(bool with_barrier, float forward[64], float backward[64]) {
  float x[64];
  for (int i = 0; i < 64; i++) x[i] = (float)i;
  for (int order = 0; order < 2; order++) {
    lun_cuda_host.reversed = order;
    ck_assert_int_eq(planted_reverse(&call, x, order ? backward : forward, 64, with_barrier), LUN_OK);
  }
}

START_TEST(a_barrier_orders_shared_memory) {
  float f[64], b[64];
  reversed_pair(true, f, b);
  for (int i = 0; i < 64; i++) ck_assert_float_eq(f[i], (float)(63 - i));
  ck_assert_mem_eq(f, b, sizeof f);
}
END_TEST

START_TEST(a_missing_barrier_shows) {
  float f[64], b[64];
  int unread = 0;
  reversed_pair(false, f, b);
  for (int i = 0; i < 64; i++) unread += f[i] != f[i]; /* NaN: read before it was written */
  ck_assert_int_gt(unread, 0);
  ck_assert_int_ne(memcmp(f, b, sizeof f), 0);
}
END_TEST

START_TEST(shuffles_and_atomics_add_up) {
  float x[150], shuffled[3], atomic[3];
  for (int i = 0; i < 150; i++) x[i] = (float)(i % 7);
  for (int order = 0; order < 2; order++) {
    lun_cuda_host.reversed = order;
    memset(atomic, 0, sizeof atomic);
    ck_assert_int_eq(planted_sums(&call, x, 150, shuffled, atomic), LUN_OK);
    for (int b = 0; b < 3; b++) {
      float want = 0;
      for (int i = 64 * b; i < 64 * b + 64 && i < 150; i++) want += x[i];
      ck_assert_float_eq(shuffled[b], want);
      ck_assert_float_eq(atomic[b], want);
    }
  }
}
END_TEST

START_TEST(votes_are_counted) {
  float x[40];
  unsigned bits[2], want[2] = {0};
  for (int i = 0; i < 40; i++) {
    x[i] = i % 3 == 1 ? 1.0f : -1.0f;
    if (i % 3 == 1) want[i / 32] |= 1u << i % 32;
  }
  ck_assert_int_eq(planted_vote(&call, x, 40, bits), LUN_OK);
  ck_assert_mem_eq(bits, want, sizeof bits);
}
END_TEST

START_TEST(a_barrier_that_some_never_reach_is_an_error) {
  ck_assert_int_eq(planted_half_barrier(&call, 64), LUN_EDEVICE);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "half_barrier"));
  ck_assert_ptr_nonnull(strstr(lun_message(c), "ended while others wait at a barrier"));
}
END_TEST

START_TEST(a_shuffle_that_some_never_reach_is_an_error) {
  float x[32] = {0};
  ck_assert_int_eq(planted_half_shuffle(&call, x, 32), LUN_EDEVICE);
  ck_assert_ptr_nonnull(strstr(lun_message(c), "lanes of its warp that do not come"));
}
END_TEST

/* The next two end the process; the suite expects it (AddressSanitizer's exit code is 1). */
START_TEST(a_write_behind_a_tensor_is_caught) {
  float *x = malloc(8 * sizeof *x);
  planted_write(&call, x, 7);
  planted_write(&call, x, 8);
  free(x);
}
END_TEST

START_TEST(a_write_behind_shared_memory_is_caught) {
  float x;
  planted_shared_write(&call, &x, 8, 7);
  planted_shared_write(&call, &x, 8, 8);
}
END_TEST

static Suite *suite_emulation(void) {
  Suite *s = suite_create("emulation");
  TCase *t = tcase_create("emulation");
  tcase_add_checked_fixture(t, open_context, close_context);
  tcase_add_test(t, a_barrier_orders_shared_memory);
  tcase_add_test(t, a_missing_barrier_shows);
  tcase_add_test(t, shuffles_and_atomics_add_up);
  tcase_add_test(t, votes_are_counted);
  tcase_add_test(t, a_barrier_that_some_never_reach_is_an_error);
  tcase_add_test(t, a_shuffle_that_some_never_reach_is_an_error);
  tcase_add_exit_test(t, a_write_behind_a_tensor_is_caught, 1);
  tcase_add_exit_test(t, a_write_behind_shared_memory_is_caught, 1);
  suite_add_tcase(s, t);
  return s;
}

/* ---- the kernels ---- */

static bool passed_on; /* a kernel answered LUN_EUNSUPPORTED, and the CPU's ran in its place */

typedef struct {
  int arg, at; /* arg: from 1; 0: nothing */
  double value;
} spoiled;
static spoiled spoil; /* what the kernels find in an argument that the shape function has seen to be right */

/* Puts the value of `spoil` into the argument and returns what was there. */
static double exchanged(lun_call *call_, double value) {
  const lun_tensor *t = call_->arg[spoil.arg - 1].t;
  if (t->dtype == LUN_I64) {
    int64_t *p = (int64_t *)t->storage->data + t->offset + spoil.at, was = *p;
    *p = (int64_t)value;
    return (double)was;
  }
  float *p = (float *)t->storage->data + t->offset + spoil.at, was = *p;
  *p = (float)value;
  return (double)was;
}

#define KERNEL(op)                                                                                                     \
  static int watched_##op(lun_call *call_) {                                                                           \
    double was = spoil.arg ? exchanged(call_, spoil.value) : 0;                                                        \
    int st = lun_cuda_##op(call_);                                                                                     \
    if (spoil.arg) exchanged(call_, was);                                                                              \
    if (st == LUN_EUNSUPPORTED) passed_on = true;                                                                      \
    return st;                                                                                                         \
  }
#include "kernels.def"
#undef KERNEL
static const lun_kernel kernels[] = {
#define KERNEL(op) {#op, watched_##op},
#include "kernels.def"
#undef KERNEL
    {NULL, NULL}};
enum { NKERNELS = sizeof kernels / sizeof *kernels - 1 };

/* Of the table's checks those that say something about a kernel. */
static const opcheck kernel_checks[] = {{"samples run", opcheck_samples_run},
                                        {"kernels agree with the reference", opcheck_engine},
                                        {"kernels agree with the reference in f64", opcheck_engine_f64},
                                        {"gradients match finite differences", opcheck_gradient},
                                        {"layouts do not change results", opcheck_layouts},
                                        {"kernels stay inside their buffers", opcheck_buffers},
                                        {"empty and one-element shapes work", opcheck_edge_shapes},
                                        {"f32 agrees with f64", opcheck_precision},
                                        {"bf16 agrees with f32", opcheck_bf16}};
enum { NCHECKS = sizeof kernel_checks / sizeof *kernel_checks };

/* Ops whose kernels have nothing to do where the shape function has made a view of the argument. */
static const char *const views[] = {
#define KERNEL(op)
#define VIEW(op) #op,
#include "kernels.def"
#undef VIEW
#undef KERNEL
    NULL};

static bool is_view(const char *op) {
  for (int i = 0; views[i]; i++)
    if (!strcmp(views[i], op)) return true;
  return false;
}

static char **only; /* ops to check, ended by NULL; NULL: all */

static bool wanted(const char *op) {
  if (!only) return true;
  for (char **o = only; *o; o++)
    if (!strcmp(*o, op)) return true;
  return false;
}

static const struct {
  const char *op, *text;
} more[] = {
#define SAMPLE(op, text) {#op, text},
#define WRONG(op, text, arg, at, value, nans)
#include "samples.def"
#undef WRONG
#undef SAMPLE
};
enum { NMORE = sizeof more / sizeof *more };

/* The check with the samples of the row; where results and memory are looked at, with those of samples.def too. They are
** there to reach every branch of a kernel, and too large for the rest. A gradient is made of ops whose kernels are looked
** at one by one: the first sample shows that they fit together. */
static void run_check(const opcheck *check, lun_context *with, const lun_op *op, report *r) {
  const char *samples[NMORE + 1];
  lun_op other = *op;
  int n = 0;
  other.samples = samples;
  if (check->run == opcheck_gradient) {
    if (op->samples) samples[n++] = op->samples[0];
    samples[n] = NULL;
    check->run(with, &other, r);
    return;
  }
  check->run(with, op, r);
  for (int i = 0; i < NMORE; i++)
    if (!strcmp(more[i].op, op->name)) samples[n++] = more[i].text;
  samples[n] = NULL;
  if (n && (check->run == opcheck_engine || check->run == opcheck_engine_f64 || check->run == opcheck_buffers ||
            check->run == opcheck_layouts))
    check->run(with, &other, r);
}

static void kernel_passes(const lun_kernel *k, const opcheck *check) {
  report r = {0};
  long before = lun_cuda_host.launches;
  lun_context *with = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(with);
  const lun_op *op = lun_op_find(with, k->name);
  ck_assert_msg(op, "kernels.def: no op is named %s", k->name);
  luni_register_kernels(with, LUN_CPU, kernels);
  run_check(check, with, op, &r);
  harness_close(with);
  if (r.count) ck_abort_msg("%s: %d findings\n%s", check->claim, r.count, r.text);
  bool nothing = check->run == opcheck_gradient
                     ? !lun_op_has_grad(op)
                     : check->run == opcheck_bf16 || check->run == opcheck_engine_f64; /* not all take it */
  bool idle = nothing || is_view(k->name);
  ck_assert_msg(idle || lun_cuda_host.launches > before, "%s: the kernel was never launched", k->name);
  ck_assert_msg(!passed_on, "%s: answered LUN_EUNSUPPORTED to a sample", k->name);
}

/* Which orders of threads a check runs in: what depends on the order shows where results are compared with the CPU's. */
static int orders(const opcheck *check) { return check->run == opcheck_engine ? 2 : 1; }

/* _i counts the kernels for one check and order after those for another. */
START_TEST(kernel_and_check) {
  lun_cuda_host.reversed = _i / NKERNELS % 2;
  kernel_passes(&kernels[_i % NKERNELS], &kernel_checks[_i / NKERNELS / 2]);
}
END_TEST

/* The same where cuDNN, or what stands in for it, has the convolution. */
START_TEST(kernel_and_check_with_dnn) {
  lun_cuda_host.dnn = true;
  kernel_passes(&kernels[_i % NKERNELS], &kernel_checks[_i / NKERNELS]);
}
END_TEST

/* ---- what the host refuses and a kernel cannot: positions and labels out of range, scores that are NaN ---- */

static const struct {
  const char *op, *text;
  int arg, at;
  double value;
  int nans;
} wrong[] = {
#define SAMPLE(op, text)
#define WRONG(op, text, arg, at, value, nans) {#op, text, arg, at, value, nans},
#include "samples.def"
#undef WRONG
#undef SAMPLE
};
enum { NWRONG = sizeof wrong / sizeof *wrong };

static int nans_of(const values *v) {
  int n = 0;
  for (int i = 0; i < v->n; i++)
    for (int64_t j = 0; j < v->v[i].n; j++) n += v->v[i].v[j] != v->v[i].v[j];
  return n;
}

START_TEST(wrong_numbers) {
  report r = {0};
  sample s;
  values v;
  sample_options o = {.real = LUN_F32};
  lun_context *with = harness_open(NULL, NULL);
  luni_register_kernels(with, LUN_CPU, kernels);
  ck_assert_int_eq(sample_make(with, lun_op_find(with, wrong[_i].op), wrong[_i].text, &o, &s), LUN_OK);
  spoil = (spoiled){wrong[_i].arg + 1, wrong[_i].at, wrong[_i].value};
  int st = harness_run(&s, wrong[_i].text, RUN_TABLE, 0xA5, &v, &r);
  if (wrong[_i].nans < 0)
    ck_assert_int_eq(st, LUN_ENAN);
  else {
    ck_assert_msg(st == LUN_OK, "%s [%s]: %s", wrong[_i].op, wrong[_i].text, lun_message(with));
    ck_assert_msg(nans_of(&v) == wrong[_i].nans, "%s [%s]: %d NaN, %d expected", wrong[_i].op, wrong[_i].text,
                  nans_of(&v), wrong[_i].nans);
  }
  ck_assert_msg(r.count == 0, "%s", r.text);
  harness_values_free(&v);
  sample_free(&s);
  harness_close(with);
}
END_TEST

/* A sum of all of dx is that of the rows of dy whose positions are right. */
START_TEST(index_add_leaves_wrong_positions_out) {
  report r = {0};
  sample s;
  values v;
  sample_options o = {.real = LUN_F64};
  const char *text =
      _i ? "dy=normal[70] axis=0 positions=pos5[70] size=5" : "dy=normal[20] axis=0 positions=pos5[20] size=5";
  lun_context *with = harness_open(NULL, NULL);
  luni_register_kernels(with, LUN_CPU, kernels);
  ck_assert_int_eq(sample_make(with, lun_op_find(with, "index_add"), text, &o, &s), LUN_OK);
  spoil = (spoiled){3, 11, 6};
  ck_assert_int_eq(harness_run(&s, text, RUN_TABLE, 0xA5, &v, &r), LUN_OK);
  double want[5] = {0};
  for (int64_t i = 0; i < lun_numel(s.tensor[1].t); i++) {
    double y, p;
    lun_get(s.tensor[0].t, &i, &y);
    lun_get(s.tensor[1].t, &i, &p);
    if (i != 11) want[(int)p - 1] += y;
  }
  for (int k = 0; k < 5; k++) ck_assert_double_eq_tol(v.v[0].v[k], want[k], 1e-12);
  harness_values_free(&v);
  sample_free(&s);
  harness_close(with);
}
END_TEST

static Suite *suite_kernels(void) {
  Suite *s = suite_create("kernels");
  for (int i = 0; i < NCHECKS; i++) {
    TCase *t = tcase_create(kernel_checks[i].claim);
    tcase_set_timeout(t, 120);
    for (int j = i * 2 * NKERNELS; j < (i * 2 + orders(&kernel_checks[i])) * NKERNELS; j++)
      if (wanted(kernels[j % NKERNELS].name)) tcase_add_loop_test(t, kernel_and_check, j, j + 1);
    for (int j = i * NKERNELS; j < (i + 1) * NKERNELS; j++) {
      const char *name = kernels[j % NKERNELS].name;
      if (wanted(name) && !strncmp(name, "conv2d", 6)) tcase_add_loop_test(t, kernel_and_check_with_dnn, j, j + 1);
    }
    suite_add_tcase(s, t);
  }
  TCase *t = tcase_create("wrong numbers");
  for (int i = 0; i < NWRONG; i++)
    if (wanted(wrong[i].op)) tcase_add_loop_test(t, wrong_numbers, i, i + 1);
  if (wanted("index_add")) tcase_add_loop_test(t, index_add_leaves_wrong_positions_out, 0, 2);
  suite_add_tcase(s, t);
  return s;
}

int main(int argc, char **argv) {
  SRunner *r = srunner_create(NULL);
  if (argc > 2) only = argv + 2;
  if (argc < 2 || !strcmp(argv[1], "emulation")) srunner_add_suite(r, suite_emulation());
  if (argc < 2 || !strcmp(argv[1], "copies")) srunner_add_suite(r, suite_copies());
  if (argc < 2 || !strcmp(argv[1], "graphs")) srunner_add_suite(r, suite_graphs());
  if (argc < 2 || !strcmp(argv[1], "sends")) srunner_add_suite(r, suite_sends());
  if (argc < 2 || !strcmp(argv[1], "kernels")) srunner_add_suite(r, suite_kernels());
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r), ran = srunner_ntests_run(r);
  srunner_free(r);
  printf("# %d passed, %d failed\n", ran - failed, failed);
  return failed || !ran;
}
