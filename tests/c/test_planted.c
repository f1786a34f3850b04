/* test_planted.c: rows with one planted error each. Every check must find the error made for it; a check that lets its
** own pass proves nothing about the real table.
*/
#include "opcheck.h"
#include "suites.h"

#include <string.h>

static const char *const one_sample[] = {"x=normal[3,4]", NULL};

static int like_x(lun_call *c) { return lun_out_like(c, 0, c->arg[0].t); }

/* y = scale * x + shift, for f32 and f64 */
static int scaled(lun_call *c, double scale, double shift) {
  const lun_tensor *x = c->arg[0].t;
  for (int64_t i = 0; i < lun_numel(x); i++)
    if (x->dtype == LUN_F64)
      lun_f64(c->out[0])[i] = scale * lun_f64(x)[i] + shift;
    else if (x->dtype == LUN_F32)
      lun_f32(c->out[0])[i] = (float)(scale * lun_f32(x)[i] + shift);
    else if (x->dtype == LUN_BF16)
      lun_bf16(c->out[0])[i] = lun_bf16(x)[i];
    else
      return lun_bad(c, LUN_EDTYPE, "x must be floating");
  return LUN_OK;
}
static int twice(lun_call *c) { return scaled(c, 2, 0); }

static int grad_three(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  LUN_TRY(lun_do(c->ctx, "clone", din, "t", dout[0]));
  lun_tensor *g = din[0];
  for (int64_t i = 0; i < lun_numel(g); i++) lun_f64(g)[i] *= 3;
  return LUN_OK;
}

static int writes_behind(lun_call *c) {
  int st = twice(c);
  memset((char *)c->out[0]->storage->data + c->out[0]->storage->bytes, 1, 1);
  return st;
}

static int writes_input(lun_call *c) {
  int st = twice(c);
  memset((char *)lun_data(c->arg[0].t), 0, 1);
  return st;
}

static int leaves_last_unwritten(lun_call *c) {
  lun_tensor x = *c->arg[0].t;
  x.shape[0]--;
  lun_tensor *was = c->arg[0].t;
  c->arg[0].t = &x;
  int st = twice(c);
  c->arg[0].t = was;
  return st;
}

static int counter; /* what no op may have: state between calls */
static int changes_every_time(lun_call *c) { return scaled(c, 2, ++counter); }

static int reads_outside(lun_call *c) { /* right for dense inputs that start their storage only */
  const lun_tensor *x = c->arg[0].t;
  size_t size = (size_t)(lun_numel(x) * lun_dtype_size(x->dtype));
  memcpy(c->out[0]->storage->data, x->storage->data, size);
  return LUN_OK;
}

static int ignores_strides(lun_call *c) { return twice(c); }

static int depends_on_threads(lun_call *c) { return scaled(c, 2, c->threads); }

static int poor_f32(lun_call *c) { return scaled(c, 2, c->arg[0].t->dtype == LUN_F64 ? 0 : 1e-2); }

static int shape_without_elements(lun_call *c) {
  if (lun_numel(c->arg[0].t) == 0) return lun_fail(c->ctx, LUN_ESHAPE, "oops");
  return lun_out_like(c, 0, c->arg[0].t);
}

static int recompute_wrong(lun_call *c, lun_tensor **out) { return lun_do(c->ctx, "clone", out, "t", c->arg[0].t); }

#define PLANTED(id, kernel, make, ...)                                                                                 \
  static const lun_op id = {.name = #id,                                                                               \
                            .args = "x:tensor -> y",                                                                   \
                            .doc = "Test op: twice x.",                                                                \
                            .shape = make,                                                                             \
                            .cpu = kernel,                                                                             \
                            .samples = one_sample,                                                                     \
                            __VA_ARGS__};
PLANTED(planted_sound, twice, like_x, .no_grad = "test")
PLANTED(planted_gradient, twice, like_x, .grad = grad_three)
PLANTED(planted_overrun, writes_behind, like_x, .no_grad = "test")
PLANTED(planted_input, writes_input, like_x, .no_grad = "test")
PLANTED(planted_unwritten, leaves_last_unwritten, like_x, .no_grad = "test")
PLANTED(planted_state, changes_every_time, like_x, .no_grad = "test")
PLANTED(planted_outside, reads_outside, like_x, .no_grad = "test")
PLANTED(planted_threads, depends_on_threads, like_x, .no_grad = "test")
PLANTED(planted_precision, poor_f32, like_x, .no_grad = "test")
PLANTED(planted_empty, twice, shape_without_elements, .no_grad = "test")
PLANTED(planted_recompute, twice, like_x, .grad = grad_three, .keep = "x", .recompute = recompute_wrong)
static const lun_op planted_doc = {
    .name = "planted_doc", .args = "x:tensor -> y", .shape = like_x, .cpu = twice, .samples = one_sample};
static const lun_op planted_strides = {.name = "planted_strides",
                                       .args = "x:any -> y",
                                       .doc = "Test op: twice x, with the strides of x ignored.",
                                       .shape = like_x,
                                       .cpu = ignores_strides,
                                       .no_grad = "test",
                                       .samples = one_sample};
static const lun_op planted_axis = {.name = "planted_axis",
                                    .args = "x:tensor axis:index=0 -> y",
                                    .doc = "Test op: twice x, with axis ignored.",
                                    .shape = like_x,
                                    .cpu = twice,
                                    .no_grad = "test",
                                    .samples = one_sample};
static const char *const bad_samples[] = {"x=normal[3,4", NULL};
static const lun_op planted_sample = {.name = "planted_sample",
                                      .args = "x:tensor -> y",
                                      .doc = "Test op: twice x.",
                                      .shape = like_x,
                                      .cpu = twice,
                                      .no_grad = "test",
                                      .samples = bad_samples};

static const lun_op *const table[] = {&planted_sound,     &planted_gradient, &planted_overrun,   &planted_input,
                                      &planted_unwritten, &planted_state,    &planted_outside,   &planted_threads,
                                      &planted_doc,       &planted_strides,  &planted_axis,      &planted_precision,
                                      &planted_empty,     &planted_sample,   &planted_recompute, NULL};

static const struct {
  const lun_op *row;
  opcheck_fn check;
  const char *finding; /* part of what must be said */
} planted[] = {
    {&planted_gradient, opcheck_gradient, "finite difference"},
    {&planted_overrun, opcheck_buffers, "behind output y"},
    {&planted_input, opcheck_buffers, "wrote inside argument x"},
    {&planted_unwritten, opcheck_buffers, "two runs: y differs"},
    {&planted_state, opcheck_buffers, "two runs: y differs"},
    {&planted_outside, opcheck_samples_run, "y holds NaN"},
    {&planted_threads, opcheck_threads, "2 threads against 1"},
    {&planted_doc, opcheck_documentation, "no doc"},
    {&planted_doc, opcheck_documentation, "neither a gradient nor a reason"},
    {&planted_strides, opcheck_layouts, "inputs with gaps"},
    {&planted_precision, opcheck_precision, "f32 against f64"},
    {&planted_precision, opcheck_bf16, "bf16 against f32"},
    {&planted_axis, opcheck_errors, "accepts axis = 99"},
    {&planted_empty, opcheck_edge_shapes, "does not start with"},
    {&planted_sample, opcheck_samples_run, "does not parse"},
    {&planted_recompute, opcheck_recompute, "recompute differs"},
};
#define PLANTS (int)(sizeof planted / sizeof *planted)

START_TEST(planted_error_is_reported) {
  lun_context *c = harness_open(NULL, table);
  report r = {0};
  ck_assert_ptr_nonnull(c);
  planted[_i].check(c, lun_op_find(c, planted[_i].row->name), &r);
  harness_close(c);
  ck_assert_msg(r.count > 0, "%s: nothing was reported", planted[_i].row->name);
  ck_assert_msg(strstr(r.text, planted[_i].finding) && strstr(r.text, planted[_i].row->name),
                "%s: reported something else:\n%s", planted[_i].row->name, r.text);
}
END_TEST

START_TEST(sound_row_passes_every_check) {
  lun_context *c = harness_open(NULL, table);
  ck_assert_ptr_nonnull(c);
  for (const opcheck *k = opchecks; k->run; k++) {
    report r = {0};
    if (k->run == opcheck_bf16) continue; /* its bf16 branch copies: not sound */
    k->run(c, lun_op_find(c, "planted_sound"), &r);
    ck_assert_msg(r.count == 0, "%s:\n%s", k->claim, r.text);
  }
  harness_close(c);
}
END_TEST

/* An engine kernel that disagrees with its row. */
static int engine_twice_and_more(lun_call *c) { return scaled(c, 2, 0.5); }

START_TEST(wrong_engine_kernel_is_reported) {
  static const lun_kernel engine[] = {{"planted_sound", engine_twice_and_more}, {NULL, NULL}};
  lun_context *c = harness_open(NULL, table);
  report r = {0};
  luni_register_kernels(c, LUN_CPU, engine);
  opcheck_engine(c, lun_op_find(c, "planted_sound"), &r);
  harness_close(c);
  ck_assert_msg(strstr(r.text, "engine against reference") != NULL, "nothing was reported");
}
END_TEST

START_TEST(table_that_does_not_parse_is_refused) {
  static const char *const signatures[] = {
      "x:tensr -> y",           "x -> y", "x:tensor -> y:imagine", "x:tensor k:int=a -> y", "x:tensor m:bool=2x -> y",
      "x:tensor y:tensor; -> z"};
  for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
    lun_context *c = harness_open(NULL, NULL);
    lun_op row = planted_sound;
    lun_signature sig;
    row.args = signatures[i];
    ck_assert_msg(luni_signature_parse(c, &row, &sig) == LUN_EARG, "accepted \"%s\"", signatures[i]);
    ck_assert_ptr_nonnull(strstr(lun_message(c), "planted_sound"));
    harness_close(c);
  }
}
END_TEST

Suite *suite_planted(void) {
  Suite *s = suite_create("planted");
  TCase *t = tcase_create("planted errors");
  tcase_set_timeout(t, 60);
  tcase_add_loop_test(t, planted_error_is_reported, 0, PLANTS);
  tcase_add_test(t, sound_row_passes_every_check);
  tcase_add_test(t, wrong_engine_kernel_is_reported);
  tcase_add_test(t, table_that_does_not_parse_is_refused);
  suite_add_tcase(s, t);
  return s;
}
