/* test_memory.c: the failure walk. The Nth allocation fails for N = 0, 1, 2, ... until the work gets through; after
** every failure the status is LUN_EMEM and every counter is back where it was.
*/
#include "opcheck.h"
#include "ops/table.h"
#include "suites.h"

#include <string.h>

static lun_context *c;

static void setup(void) {
  c = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(c);
  lun_set_threads(c, 1);
}
static void teardown(void) { harness_close(c); }

typedef int (*work_fn)(void *data);

static void walk(work_fn work, void *data, bool allocates, const char *what) {
  lun_memory before, after;
  int st = work(data); /* once without failures: engines fill their caches */
  ck_assert_msg(st == LUN_OK, "%s: %s", what, lun_message(c));
  lun_memory_read(c, LUN_CPU, &before);
  for (int64_t n = 0;; n++) {
    ck_assert_msg(n < 20000, "%s: still failing after %lld allocations", what, (long long)n);
    lun_fail_allocation(c, n);
    st = work(data);
    lun_fail_allocation(c, -1);
    lun_memory_read(c, LUN_CPU, &after);
    ck_assert_msg(st == LUN_OK || st == LUN_EMEM, "%s: allocation %lld failed with status %d: %s", what, (long long)n,
                  st, lun_message(c));
    ck_assert_msg(after.live_bytes == before.live_bytes && after.live_blocks == before.live_blocks,
                  "%s: allocation %lld failed and left %lld bytes in %lld storages", what, (long long)n,
                  (long long)(after.live_bytes - before.live_bytes),
                  (long long)(after.live_blocks - before.live_blocks));
    ck_assert_msg(after.core_bytes == before.core_bytes && after.core_blocks == before.core_blocks,
                  "%s: allocation %lld failed and left %lld core objects", what, (long long)n,
                  (long long)(after.core_blocks - before.core_blocks));
    ck_assert_msg(lun_grad_enabled(c), "%s: allocation %lld failed and left gradients off", what, (long long)n);
    if (!st) {
      ck_assert_msg(n > 0 || !allocates, "%s: allocates nothing, so nothing was walked", what);
      return;
    }
  }
}

/* ---- every op: forward, and backward where there is a gradient ---- */

typedef struct {
  const lun_op *op;
  sample s;
} op_work;

static int run_op(void *data) {
  op_work *w = data;
  lun_tensor *outs[LUN_MAX_OUTS] = {NULL}, *y = NULL;
  sample_restore(&w->s);
  int st = lun_run(c, w->op, w->s.arg, outs);
  bool tracked = !st && w->s.sig->nouts && outs[0] && lun_requires_grad(outs[0]);
  if (tracked) st = lun_do(c, "project", &y, "t", outs[0]);
  if (y) st = lun_backward(y, NULL, false);
  lun_release(y);
  for (int k = 0; k < LUN_MAX_OUTS; k++) lun_release(outs[k]);
  for (int i = 0; i < w->s.sig->nargs; i++)
    if (sample_differentiable(&w->s, i)) lun_set_grad(w->s.arg[i].t, NULL);
  return st;
}

START_TEST(every_op_survives_failing_allocations) {
  op_work w = {.op = lun_op_at(c, _i)};
  sample_options o = {.real = LUN_F32, .layout = LAYOUT_GAPS}; /* copies to dense inputs must be freed as well */
  ck_assert_msg(!sample_make(c, w.op, w.op->samples[0], &o, &w.s), "%s: %s", w.op->name, w.s.error);
  for (int i = 0; i < w.s.sig->nargs; i++)
    if (sample_differentiable(&w.s, i)) lun_set_requires_grad(w.s.arg[i].t, true);
  walk(run_op, &w, w.s.sig->nouts > 0, w.op->name);
  sample_free(&w.s);
}
END_TEST

/* ---- a training step ---- */

/* y = lun_op(...); every intermediate is released when it has been used. */
static lun_tensor *done(int st, lun_tensor *y) { return st ? NULL : y; }
static lun_tensor *mul_add(lun_tensor *x, lun_tensor *w, lun_tensor *b) {
  lun_tensor *p = NULL, *y = NULL;
  int st = lun_do(c, "mul", &p, "tt", x, w);
  if (!st) st = lun_do(c, "add", &y, "tt", p, b);
  lun_release(p);
  return done(st, y);
}

static int pointwise_step(void *data) {
  lun_tensor **w = data, *h = lun_retain(w[0]), *y = NULL, *again = NULL;
  int st = LUN_OK;
  for (int layer = 0; layer < 4 && h; layer++) {
    lun_tensor *next = mul_add(h, w[1], w[2]);
    lun_release(h);
    h = next;
  }
  if (!h) return lun_message_code(c);
  st = lun_do(c, "project", &y, "t", h);
  if (!st) st = lun_backward(y, NULL, true);
  if (!st) st = lun_backward(y, NULL, false);
  if (!st) st = lun_do(c, "clone", &again, "t", lun_grad(w[1]));
  lun_release(again);
  lun_release(y);
  lun_release(h);
  for (int i = 1; i < 3; i++) lun_set_grad(w[i], NULL);
  return st;
}

START_TEST(deep_graph_survives_failing_allocations) {
  lun_tensor *w[3];
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(lun_empty(c, LUN_F32, LUN_CPU, 2, (int64_t[]){3, 4}, &w[i]), LUN_OK);
    memset(w[i]->storage->data, 0, (size_t)w[i]->storage->bytes);
    if (i) lun_set_requires_grad(w[i], true);
  }
  walk(pointwise_step, w, true, "four layers, two backward passes");
  for (int i = 0; i < 3; i++) lun_release(w[i]);
}
END_TEST

/* conv2d, batch_norm_relu twice (the second recomputed from the first), global_avg_pool, linear, cross_entropy. */
enum { IMAGE, KERNEL1, GAMMA1, BETA1, KERNEL2, GAMMA2, BETA2, WEIGHT, LABELS, NETWORK };

static int block(lun_tensor *x, lun_tensor *kernel, lun_tensor *gamma, lun_tensor *beta, lun_tensor **y) {
  lun_tensor *h = NULL, *out[LUN_MAX_OUTS] = {NULL};
  int st = lun_do(c, "conv2d", &h, "tttii", x, kernel, NULL, (int64_t)1, (int64_t)1);
  if (!st) st = lun_do(c, "batch_norm_relu", out, "ttt", h, gamma, beta);
  lun_release(h);
  *y = out[0];
  for (int k = 1; k < LUN_MAX_OUTS; k++) lun_release(out[k]);
  return st;
}

static int network_step(void *data) {
  lun_tensor **w = data, *a = NULL, *b = NULL, *pooled = NULL, *logits = NULL, *out[LUN_MAX_OUTS] = {NULL};
  int st = block(w[IMAGE], w[KERNEL1], w[GAMMA1], w[BETA1], &a);
  if (!st) st = block(a, w[KERNEL2], w[GAMMA2], w[BETA2], &b);
  if (!st) st = lun_do(c, "global_avg_pool", &pooled, "t", b);
  if (!st) st = lun_do(c, "linear", &logits, "tt", pooled, w[WEIGHT]);
  if (!st) st = lun_do(c, "cross_entropy", out, "tt", logits, w[LABELS]);
  lun_tensor *temporary[] = {a, b, pooled, logits};
  for (int i = 0; i < 4; i++) lun_release(temporary[i]);
  if (!st) st = lun_backward(out[0], NULL, false);
  for (int k = 0; k < LUN_MAX_OUTS; k++) lun_release(out[k]);
  for (int i = KERNEL1; i < LABELS; i++) {
    if (!st) ck_assert_ptr_nonnull(lun_grad(w[i]));
    lun_set_grad(w[i], NULL);
  }
  return st;
}

START_TEST(network_step_survives_failing_allocations) {
  static const struct {
    int ndim;
    int64_t shape[4];
  } sizes[NETWORK] = {{4, {4, 3, 8, 8}}, {4, {5, 3, 3, 3}}, {1, {5}},    {1, {5}}, {4, {6, 5, 3, 3}},
                      {1, {6}},          {1, {6}},          {2, {7, 6}}, {1, {4}}};
  lun_tensor *w[NETWORK];
  for (int i = 0; i < NETWORK; i++) {
    ck_assert_int_eq(lun_empty(c, i == LABELS ? LUN_I64 : LUN_F32, LUN_CPU, sizes[i].ndim, sizes[i].shape, &w[i]),
                     LUN_OK);
    for (int64_t k = 0; k < lun_count(w[i]); k++)
      if (i == LABELS)
        lun_i64(w[i])[k] = 1 + k;
      else
        lun_f32(w[i])[k] = (float)harness_weight(i, k);
    if (i != IMAGE && i != LABELS) ck_assert_int_eq(lun_set_requires_grad(w[i], true), LUN_OK);
  }
  walk(network_step, w, true, "a training step of a small network");
  for (int i = 0; i < NETWORK; i++) lun_release(w[i]);
}
END_TEST

START_TEST(opening_a_context_twice_shares_nothing) {
  lun_context *other = harness_open(NULL, NULL);
  ck_assert_ptr_nonnull(other);
  lun_fail_allocation(other, 0);
  lun_tensor *t, *none;
  ck_assert_int_eq(lun_empty(other, LUN_F32, LUN_CPU, 1, (int64_t[]){4}, &none), LUN_EMEM);
  ck_assert_int_eq(lun_empty(c, LUN_F32, LUN_CPU, 1, (int64_t[]){4}, &t), LUN_OK);
  lun_release(t);
  harness_close(other);
}
END_TEST

Suite *suite_memory(void) {
  Suite *s = suite_create("memory");
  TCase *t = tcase_create("failure walk");
  int n = 0;
  while (lun_table_baseline[n]) n++;
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_set_timeout(t, 300);
  tcase_add_loop_test(t, every_op_survives_failing_allocations, 0, n);
  tcase_add_test(t, deep_graph_survives_failing_allocations);
  tcase_add_test(t, network_step_survives_failing_allocations);
  tcase_add_test(t, opening_a_context_twice_shares_nothing);
  suite_add_tcase(s, t);
  return s;
}
