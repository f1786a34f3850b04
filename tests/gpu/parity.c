/* parity.c: every op with a CUDA kernel against the CPU's reference, on the samples of its row, on those that reach the
** branches which rows are too small for, and on large ones: same numbers within the row's dtype, the same bits twice,
** and nothing written beside outputs and arguments.
**   lunette_gpu_parity [--small] [OP...]     one JSON line per op, then one for all; exit code 1 if any op fails
** --small leaves out the large samples.
** Runs on whatever device "cuda" is: a GPU, or the emulated one that LUNETTE_CUDA_LIBRARY names. */
#include "core/core.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CPU_RUN, DEVICE_RUN };

#define SAMPLE(name, sample)                      {#name, sample},
#define WRONG(name, sample, arg, at, value, nans) /* the host refuses those */
static const struct more {
  const char *op, *text;
} branches[] =
    {
#include "../cuda_host/samples.def"
},
  large[] = {
#include "samples.def"
};
#undef SAMPLE
#undef WRONG

/* Moves a sample's tensors to the device, each with the whole storage around it. */
static int to_device(sample *s) {
  lun_context *c = s->ctx;
  for (int i = 0; i < s->n; i++) {
    lun_tensor *t = s->tensor[i].t;
    lun_storage *there;
    LUN_TRY(luni_storage_new(c, LUN_CUDA, t->storage->bytes, &there));
    int st = c->backend[LUN_CUDA]->copy(c, there->data, LUN_CUDA, t->storage->data, LUN_CPU, t->storage->bytes);
    luni_storage_release(t->storage);
    t->storage = there;
    t->device = LUN_CUDA;
    LUN_TRY(st);
  }
  return LUN_OK;
}

/* Inputs untouched, and of what is written in place the bytes around it: as sample_check_untouched, on the device. */
static int check_around(sample *s, const char *text, report *r) {
  lun_context *c = s->ctx;
  for (int i = 0; i < s->n; i++) {
    lun_tensor *t = s->tensor[i].t;
    int64_t bytes = t->storage->bytes, size = lun_dtype_size(t->dtype);
    int64_t from = t->offset * size, to = (t->offset + lun_numel(t)) * size;
    bool mutated = s->sig->arg[s->tensor[i].arg].mutated;
    char *now = malloc((size_t)bytes + 1);
    if (!now) return lun_fail(c, LUN_EMEM, "out of memory");
    int st = c->backend[LUN_CUDA]->copy(c, now, LUN_CPU, t->storage->data, LUN_CUDA, bytes);
    const char *was = s->tensor[i].before;
    for (int64_t b = 0; !st && b < bytes; b++) {
      if (now[b] == was[b] || (mutated && b >= from && b < to)) continue;
      report_add(r, "%s [%s]: wrote argument %s, byte %lld", s->op->name, text, s->sig->arg[s->tensor[i].arg].name,
                 (long long)(b - from));
      break;
    }
    free(now);
    LUN_TRY(st);
  }
  return LUN_OK;
}

static int add(values *out, const char *name, lun_tensor *t) {
  lun_tensor *host = NULL;
  LUN_TRY(lun_empty(t->ctx, t->dtype, LUN_CPU, t->ndim, t->shape, &host));
  int st = lun_copy(host, t);
  if (!st) {
    value *v = &out->v[out->n++];
    *v = (value){.name = name, .dtype = t->dtype, .ndim = t->ndim, .n = lun_numel(t), .v = harness_read(host)};
    memcpy(v->shape, t->shape, sizeof v->shape);
  }
  lun_release(host);
  return st;
}

static int run(lun_context *c, const lun_op *op, const char *text, const sample_options *o, int where, values *out,
               report *r) {
  sample s;
  lun_tensor *outs[LUN_MAX_OUTS] = {NULL};
  out->n = 0;
  int st = sample_make(c, op, text, o, &s);
  if (!st && where == DEVICE_RUN) st = to_device(&s);
  if (!st) st = lun_run(c, op, s.arg, outs);
  for (int k = 0; !st && k < s.sig->nouts; k++) {
    if (!outs[k]) continue;
    if (where == DEVICE_RUN && outs[k]->device != LUN_CUDA)
      report_add(r, "%s [%s]: output %s is not on the device", op->name, text, s.sig->out_name[k]);
    st = add(out, s.sig->out_name[k], outs[k]);
  }
  for (int i = 0; !st && i < s.n; i++)
    if (s.sig->arg[s.tensor[i].arg].mutated) st = add(out, s.sig->arg[s.tensor[i].arg].name, s.tensor[i].t);
  if (!st && where == DEVICE_RUN) st = check_around(&s, text, r);
  for (int k = 0; k < LUN_MAX_OUTS; k++) lun_release(outs[k]);
  sample_free(&s);
  return st;
}

/* What an output's dtype allows where the row's own is narrower than the one asked for. */
static double least_tolerance(const values *v) {
  double least = 0;
  for (int i = 0; i < v->n; i++) {
    double one = v->v[i].dtype == LUN_BF16 ? 0x1p-6 : v->v[i].dtype == LUN_F32 ? 5e-5 : 0;
    if (one > least) least = one;
  }
  return least;
}

static void compare(lun_context *c, const lun_op *op, const char *text, const sample_options *o, const char *dtype,
                    double tolerance, report *r) {
  values cpu = {0}, device = {0}, again = {0};
  char what[60];
  snprintf(what, sizeof what, "device against CPU, %s", dtype);
  int refused = run(c, op, text, o, CPU_RUN, &cpu, r);
  int st = run(c, op, text, o, DEVICE_RUN, &device, r);
  if (refused || st) {
    if (!refused != !st || refused != st)
      report_add(r, "%s [%s]: %s: status %d against %d: %s", op->name, text, what, refused, st, lun_message(c));
  } else {
    double least = least_tolerance(&cpu);
    harness_compare(op->name, text, what, &cpu, &device, tolerance > least ? tolerance : least, r);
    if (run(c, op, text, o, DEVICE_RUN, &again, r))
      report_add(r, "%s [%s]: a second run fails: %s", op->name, text, lun_message(c));
    else
      harness_compare(op->name, text, "two runs on the device", &device, &again, 0, r);
  }
  harness_values_free(&cpu);
  harness_values_free(&device);
  harness_values_free(&again);
}

/* The text as a JSON string. */
static void print_string(const char *s) {
  putchar('"');
  for (; *s; s++)
    if (*s == '"' || *s == '\\')
      printf("\\%c", *s);
    else if (*s == '\n')
      printf("\\n");
    else
      putchar((unsigned char)*s < 32 ? ' ' : *s);
  putchar('"');
}

static void compare_dtypes(lun_context *c, const lun_op *op, const char *text, report *r) {
  sample_options f32 = {.real = LUN_F32}, f64 = {.real = LUN_F64}, bf16 = {.real = LUN_BF16};
  compare(c, op, text, &f32, "f32", 5e-5, r);
  compare(c, op, text, &f64, "f64", 1e-9, r);
  compare(c, op, text, &bf16, "bf16", 0x1p-6, r);
}

static void compare_small(lun_context *c, const lun_op *op, report *r) {
  for (int k = 0; op->samples[k]; k++) {
    sample_options gaps = {.real = LUN_F32, .layout = LAYOUT_GAPS};
    compare_dtypes(c, op, op->samples[k], r);
    compare(c, op, op->samples[k], &gaps, "f32 with gaps", 5e-5, r);
  }
  for (size_t k = 0; k < sizeof branches / sizeof *branches; k++)
    if (!strcmp(branches[k].op, op->name)) compare_dtypes(c, op, branches[k].text, r);
}

static void compare_all(lun_context *c, const lun_op *op, bool small, report *r) {
  sample_guard = SAMPLE_UNALIGNED;
  compare_small(c, op, r);
  sample_guard = SAMPLE_ALIGNED;
  compare_small(c, op, r);
  for (size_t k = 0; !small && k < sizeof large / sizeof *large; k++)
    if (!strcmp(large[k].op, op->name)) compare_dtypes(c, op, large[k].text, r);
}

static bool wanted(int argc, char **argv, const char *name) {
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], name)) return true;
  return argc < 2;
}

int main(int argc, char **argv) {
  lun_context *c = harness_open(NULL, NULL);
  bool small = argc > 1 && !strcmp(argv[1], "--small");
  argc -= small;
  argv += small;
  int ops = 0, failed = 0, without = 0, comparisons = 0;
  if (!c) return 1;
  if (lun_device_need(c, LUN_CUDA)) {
    fprintf(stderr, "%s\n", lun_message(c));
    harness_close(c);
    return 2;
  }
  for (int i = 0; i < lun_op_count(c); i++) {
    const lun_op *op = lun_op_at(c, i);
    if (!wanted(argc, argv, op->name)) continue;
    if (!luni_find(c, op->name)->kernel[LUN_CUDA]) {
      without += !op->no_cuda;
      continue;
    }
    report r = {0};
    compare_all(c, op, small, &r);
    printf("{\"op\":\"%s\",\"comparisons\":%d,\"findings\":%d,\"text\":", op->name, r.done, r.count);
    print_string(r.text);
    printf("}\n");
    fflush(stdout);
    ops++;
    failed += r.count > 0;
    comparisons += r.done;
  }
  lun_memory m;
  lun_memory_read(c, LUN_CUDA, &m);
  bool leaked = m.live_bytes != 0 || lun_device_sync(c, LUN_CUDA) != LUN_OK;
  printf("{\"parity\":{\"ops\":%d,\"failed\":%d,\"without_kernel\":%d,\"comparisons\":%d,\"live_bytes\":%lld}}\n", ops,
         failed, without, comparisons, (long long)m.live_bytes);
  harness_close(c);
  return failed || leaked || !ops;
}
