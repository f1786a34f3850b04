/* opcheck.c: the same numbers must come out of every layout, kernel, instruction set, thread count and precision. */
#include "opcheck.h"
#include "cpu/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const opcheck opchecks[] = {
    {"documentation says what the row does", opcheck_documentation},
    {"samples parse and run", opcheck_samples_run},
    {"gradients match finite differences", opcheck_gradient},
    {"recomputation gives the forward pass's bits", opcheck_recompute},
    {"layouts of inputs do not change results", opcheck_layouts},
    {"kernels stay inside their buffers and repeat bit for bit", opcheck_buffers},
    {"empty and one-element shapes work or are refused", opcheck_edge_shapes},
    {"engine kernels agree with the reference", opcheck_engine},
    {"instruction sets agree", opcheck_instruction_sets},
    {"thread counts agree", opcheck_threads},
    {"f32 agrees with f64", opcheck_precision},
    {"bf16 agrees with f32", opcheck_bf16},
    {"errors name the op", opcheck_errors},
    {NULL, NULL},
};

/* One run of one sample under given options; the sample is made and freed here. */
static int run_once(lun_context *c, const lun_op *op, const char *text, const sample_options *o, run_how how,
                    uint8_t fill, values *out, report *r) {
  sample s;
  out->n = 0;
  int st = sample_make(c, op, text, o, &s);
  if (st)
    report_add(r, "%s [%s]: the sample does not parse: %s", op->name, text, s.error[0] ? s.error : lun_message(c));
  else
    st = harness_run(&s, text, how, fill, out, r);
  sample_free(&s);
  return st;
}

/* Runs both, both must succeed, results must agree. */
static void compare(lun_context *ca, lun_context *cb, const lun_op *op, const char *text, const sample_options *oa,
                    const sample_options *ob, run_how ha, run_how hb, const char *what, double tolerance, report *r) {
  values a, b;
  const lun_op *other = lun_op_find(cb, op->name); /* rows belong to a context's table */
  if (run_once(ca, op, text, oa, ha, 0xA5, &a, r))
    report_add(r, "%s [%s]: %s: %s", op->name, text, what, lun_message(ca));
  else {
    if (run_once(cb, other, text, ob, hb, 0x5A, &b, r))
      report_add(r, "%s [%s]: %s: %s", op->name, text, what, lun_message(cb));
    else
      harness_compare(op->name, text, what, &a, &b, tolerance, r);
    harness_values_free(&b);
  }
  harness_values_free(&a);
}

void opcheck_samples_run(lun_context *c, const lun_op *op, report *r) {
  for (int k = 0; op->samples[k]; k++) {
    values v;
    sample_options o = {.real = LUN_F32};
    if (run_once(c, op, op->samples[k], &o, RUN_DISPATCH, 0, &v, r))
      report_add(r, "%s [%s]: %s", op->name, op->samples[k], lun_message(c));
    for (int i = 0; i < v.n; i++)
      for (int64_t j = 0; j < v.v[i].n; j++) {
        r->done++;
        if (v.v[i].v[j] == v.v[i].v[j]) continue;
        report_add(r,
                   "%s [%s]: %s holds NaN at element %lld: the kernel reads outside its inputs or the sample is unfit",
                   op->name, op->samples[k], v.v[i].name, (long long)j + 1);
        break;
      }
    harness_values_free(&v);
  }
}

void opcheck_layouts(lun_context *c, const lun_op *op, report *r) {
  for (int k = 0; op->samples[k]; k++)
    for (int l = LAYOUT_ROWS; l < LAYOUTS; l++) {
      char what[80];
      snprintf(what, sizeof what, "inputs %s against native", sample_layout_name[l]);
      sample_options native = {.real = LUN_F64}, other = {.real = LUN_F64, .layout = (sample_layout)l};
      compare(c, c, op, op->samples[k], &native, &other, RUN_DISPATCH, RUN_DISPATCH, what, 1e-10, r);
    }
}

/* Output memory holds different bytes before each run, so an element never written shows as a difference. */
void opcheck_buffers(lun_context *c, const lun_op *op, report *r) {
  static const lun_dtype dtypes[] = {LUN_F32, LUN_F64};
  for (int k = 0; op->samples[k]; k++)
    for (int d = 0; d < 2; d++) {
      sample_options o = {.real = dtypes[d]};
      compare(c, c, op, op->samples[k], &o, &o, RUN_TABLE, RUN_TABLE, "two runs", 0, r);
      compare(c, c, op, op->samples[k], &o, &o, RUN_REFERENCE, RUN_REFERENCE, "two reference runs", 0, r);
      compare(c, c, op, op->samples[k], &o, &o, RUN_DISPATCH, RUN_DISPATCH, "two dispatched runs", 0, r);
    }
}

static void edge(lun_context *c, const lun_op *op, const char *text, int64_t from, int64_t to, report *r) {
  for (int how = RUN_DISPATCH; how <= RUN_TABLE; how++) {
    values v;
    char what[80];
    sample_options o = {.real = LUN_F32, .from = from, .to = to};
    snprintf(what, sizeof what, "sizes %lld made %lld", (long long)from, (long long)to);
    if (from < 0) snprintf(what, sizeof what, "every size made %lld", (long long)to);
    if (run_once(c, op, text, &o, (run_how)how, 0xA5, &v, r)) harness_check_message(c, op->name, text, what, r);
    r->done++;
    harness_values_free(&v);
  }
}

void opcheck_edge_shapes(lun_context *c, const lun_op *op, report *r) {
  for (int k = 0; op->samples[k]; k++) {
    sample s;
    sample_options o = {.real = LUN_F32};
    int64_t seen[64];
    int n = 0;
    if (!sample_make(c, op, op->samples[k], &o, &s))
      for (int i = 0; i < s.n; i++)
        for (int a = 0; a < s.tensor[i].t->ndim && n < 64; a++) {
          bool known = s.tensor[i].t->shape[a] == 0;
          for (int j = 0; j < n; j++) known = known || seen[j] == s.tensor[i].t->shape[a];
          if (!known) seen[n++] = s.tensor[i].t->shape[a];
        }
    sample_free(&s);
    for (int64_t to = 0; to <= 1; to++) {
      edge(c, op, op->samples[k], -1, to, r);
      for (int j = 0; j < n; j++) edge(c, op, op->samples[k], seen[j], to, r);
    }
  }
}

/* The engine as it comes up, and the engine that a machine without oneDNN has. */
void opcheck_engine(lun_context *c, const lun_op *op, report *r) {
  if (luni_find(c, op->name)->kernel[LUN_CPU] == op->cpu) return;
  char text[2048];
  setenv("LUNETTE_ENGINE", "openblas", 1);
  lun_context *lesser = harness_open(NULL, NULL);
  if (lesser) lun_cpu_describe(lesser, text, sizeof text); /* the engine reads the environment on first use */
  unsetenv("LUNETTE_ENGINE");
  for (int k = 0; op->samples[k]; k++) {
    sample_options o = {.real = LUN_F32};
    compare(c, c, op, op->samples[k], &o, &o, RUN_REFERENCE, RUN_TABLE, "engine against reference", 2e-5, r);
    if (lesser && lun_op_find(lesser, op->name))
      compare(c, lesser, op, op->samples[k], &o, &o, RUN_REFERENCE, RUN_TABLE,
              "engine without oneDNN against reference", 2e-5, r);
  }
  harness_close(lesser);
}

/* Samples of f32 and of images in u8 stay what they are. */
void opcheck_engine_f64(lun_context *c, const lun_op *op, report *r) {
  if (luni_find(c, op->name)->kernel[LUN_CPU] == op->cpu) return;
  for (int k = 0; op->samples[k]; k++) {
    sample_options o = {.real = LUN_F64};
    if (strstr(op->samples[k], "@f32") || strstr(op->samples[k], "@u8")) continue;
    compare(c, c, op, op->samples[k], &o, &o, RUN_REFERENCE, RUN_TABLE, "engine against reference in f64", 1e-10, r);
  }
}

void opcheck_instruction_sets(lun_context *c, const lun_op *op, report *r) {
  static const char *const sets[] = {"avx2", "avx512"};
  if (!lun_op_find(c, op->name) || !op->samples[0]) return;
  lun_context *base = harness_open("baseline", NULL);
  const lun_op *of = base ? lun_op_find(base, op->name) : NULL;
  for (int i = 0; of && i < 2; i++) {
    lun_context *other = harness_open(sets[i], NULL);
    if (other && !strcmp(lun_isa(other), sets[i])) /* else this CPU cannot run it */
      for (int k = 0; op->samples[k]; k++) {
        sample_options o = {.real = LUN_F32};
        compare(base, other, of, op->samples[k], &o, &o, RUN_REFERENCE, RUN_REFERENCE, sets[i], 2e-5, r);
      }
    harness_close(other);
  }
  harness_close(base);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Samples are small; kernels split work only when there is some. So the batch is grown: until the op takes more than
** 50 ms, refuses, or holds a quarter of a million elements. */
void opcheck_threads(lun_context *c, const lun_op *op, report *r) {
  int was = lun_threads(c);
  for (int k = 0; op->samples[k]; k++) {
    double took = 0;
    for (int64_t batch = 0; took < 0.05 && batch <= 30000; batch = batch ? 12 * batch : 17) {
      values one, two;
      char what[60];
      sample_options o = {.real = LUN_F32, .from = batch ? -2 : 0, .to = batch};
      snprintf(what, sizeof what, "2 threads against 1, batch %lld", (long long)batch);
      lun_set_threads(c, 1);
      double start = now();
      int st = run_once(c, op, op->samples[k], &o, RUN_DISPATCH, 0, &one, r);
      took = now() - start;
      if (st) {
        harness_values_free(&one);
        break; /* the op ties other sizes to the batch */
      }
      lun_set_threads(c, 2);
      if (run_once(c, op, op->samples[k], &o, RUN_DISPATCH, 0, &two, r))
        report_add(r, "%s [%s]: %s: %s", op->name, op->samples[k], what, lun_message(c));
      else
        harness_compare(op->name, op->samples[k], what, &one, &two, 5e-5, r);
      harness_values_free(&one);
      harness_values_free(&two);
    }
  }
  lun_set_threads(c, was);
}

/* Results have the dtype of the inputs, so only numbers are compared. */
void opcheck_precision(lun_context *c, const lun_op *op, report *r) {
  for (int k = 0; op->samples[k]; k++) {
    sample_options wide = {.real = LUN_F64}, narrow = {.real = LUN_F32};
    compare(c, c, op, op->samples[k], &wide, &narrow, RUN_DISPATCH, RUN_DISPATCH, "f32 against f64", 1e-4, r);
  }
}

/* Every combination of bf16 arguments the op accepts, against f32 on the same (representable) numbers. */
void opcheck_bf16(lun_context *c, const lun_op *op, report *r) {
  for (int k = 0; op->samples[k]; k++) {
    sample s;
    sample_options plain = {.real = LUN_F32};
    int real[LUN_MAX_ARGS], n = 0;
    if (!sample_make(c, op, op->samples[k], &plain, &s))
      for (int i = 0; i < s.n; i++)
        if (!s.tensor[i].typed && (i == 0 || s.tensor[i].arg != s.tensor[i - 1].arg)) real[n++] = s.tensor[i].arg;
    sample_free(&s);
    if (n > 8) n = 8;
    for (uint32_t subset = 1; subset < 1u << n; subset++) {
      uint32_t args = 0;
      for (int i = 0; i < n; i++)
        if (subset >> i & 1) args |= 1u << real[i];
      sample_options ref = {.real = LUN_F32, .round_args = args};
      sample_options half = {.real = LUN_F32, .round_args = args, .bf16_args = args};
      values a, b;
      if (run_once(c, op, op->samples[k], &half, RUN_DISPATCH, 0, &b, r))
        harness_check_message(c, op->name, op->samples[k], "bf16 arguments", r);
      else {
        if (run_once(c, op, op->samples[k], &ref, RUN_DISPATCH, 0, &a, r))
          report_add(r, "%s [%s]: takes bf16 where it refuses f32", op->name, op->samples[k]);
        else
          harness_compare(op->name, op->samples[k], "bf16 against f32", &a, &b, 0x1p-7, r);
        harness_values_free(&a);
      }
      harness_values_free(&b);
    }
  }
}
