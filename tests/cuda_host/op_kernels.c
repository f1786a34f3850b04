/* op_kernels.c: every op with a kernel runs the op table's checks with it in the CPU's place. */
#include "suites.h"

#include "cuda_host_state.h"
#include "kernels.h"
#include "opcheck.h"
#include "harness.h"
#include "sample.h"

#include <stdlib.h>
#include <string.h>

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

/* Of the table's checks those that say something about a kernel; where accesses are watched, those that run it differently. */
static const opcheck kernel_checks[] = {{"kernels agree with the reference", opcheck_engine},
                                        {"kernels agree with the reference in f64", opcheck_engine_f64},
                                        {"layouts do not change results", opcheck_layouts},
                                        {"empty and one-element shapes work", opcheck_edge_shapes},
#ifndef LUN_CUDA_WATCH
                                        {"samples run", opcheck_samples_run},
                                        {"gradients match finite differences", opcheck_gradient},
                                        {"kernels stay inside their buffers", opcheck_buffers},
                                        {"f32 agrees with f64", opcheck_precision},
#endif
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

/* How often a check runs: once more with threads in descending order and tensors aligned to packs of elements, where results
** are compared. */
static int times(const opcheck *check) {
  bool compares = check->run == opcheck_engine || check->run == opcheck_bf16 || check->run == opcheck_layouts;
#ifdef LUN_CUDA_WATCH /* layouts run what the engine's check does, without packs */
  compares = check->run != opcheck_layouts && compares;
#endif
  return compares ? 2 : 1;
}

/* _i counts the kernels for one check and time after those for another. */
START_TEST(kernel_and_check) {
  lun_cuda_host.reversed = _i / NKERNELS % 2;
  sample_guard = _i / NKERNELS % 2 ? SAMPLE_ALIGNED : SAMPLE_UNALIGNED;
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

Suite *suite_kernels(char **ops) {
  Suite *s = suite_create("kernels");
  only = ops;
  for (int i = 0; i < NCHECKS; i++) {
    TCase *t = tcase_create(kernel_checks[i].claim);
    tcase_set_timeout(t, 120);
    for (int j = i * 2 * NKERNELS; j < (i * 2 + times(&kernel_checks[i])) * NKERNELS; j++)
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
