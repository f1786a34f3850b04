/* harness.c: see harness.h. */
#include "harness.h"
#include "core/rng.h"
#include "cpu/engine.h"
#include "ops/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the test op ---- */

double harness_weight(int k, int64_t i) {
  lun_draw4 d = lun_philox((lun_stream){{7, (uint32_t)k}}, (uint32_t)i, (uint32_t)(i >> 32), 0, 0);
  double x, y;
  lun_normal2(d.v[0], d.v[1], &x, &y);
  return x;
}

static int project_shape(lun_call *c) { return lun_out(c, 0, LUN_F64, 0, NULL); }

static int project_cpu(lun_call *c) {
  double sum = 0;
  for (int k = 0; k < c->nargs; k++) {
    if (!c->arg[k].given) continue;
    double *v = harness_read(c->arg[k].t);
    for (int64_t i = 0; i < lun_numel(c->arg[k].t); i++) sum += harness_weight(k, i) * v[i];
    free(v);
  }
  lun_f64(c->out[0])[0] = sum;
  return LUN_OK;
}

static int project_grad(lun_call *c, lun_tensor *const *dout, lun_tensor **din) {
  double g = lun_f64(dout[0])[0];
  for (int k = 0; k < c->nargs; k++) {
    if (!c->needs[k]) continue;
    const lun_tensor *x = c->arg[k].t;
    LUN_TRY(lun_empty(c->ctx, x->dtype, LUN_CPU, x->ndim, x->shape, &din[k]));
    int64_t index[LUN_MAX_DIMS] = {0};
    for (int64_t i = 0; i < lun_numel(x); i++) {
      LUN_TRY(lun_set(din[k], index, g * harness_weight(k, i)));
      for (int a = x->ndim - 1; a >= 0 && ++index[a] == x->shape[a]; a--) index[a] = 0;
    }
  }
  return LUN_OK;
}

static const char *const project_samples[] = {"a=normal[2,3] c=normal[4]", NULL};
static const lun_op project = {
    .name = "project",
    .args = "a:any? b:any? c:any? d:any? e:any? f:any? -> y",
    .doc = "Test op: a fixed random projection of a, b, c, d, e and f to one number.",
    .shape = project_shape,
    .cpu = project_cpu,
    .grad = project_grad,
    .samples = project_samples,
};

/* ---- contexts ---- */

lun_context *harness_open(const char *isa, const lun_op *const *extra) {
  lun_context *c;
  if (isa)
    setenv("LUNETTE_ISA", isa, 1);
  else
    unsetenv("LUNETTE_ISA");
  if (lun_open(&c)) return NULL;
  unsetenv("LUNETTE_ISA");
  const lun_op *rows[1024];
  int n = 0;
  for (; n < lun_op_count(c); n++) rows[n] = lun_op_at(c, n);
  rows[n++] = &project;
  for (int i = 0; extra && extra[i]; i++) rows[n++] = extra[i];
  rows[n] = NULL;
  luni_registry_free(c);
  c->nentries = c->nbuckets = 0;
  if (luni_register_ops(c, rows)) {
    fprintf(stderr, "%s\n", lun_message(c));
    lun_close(c);
    return NULL;
  }
  luni_register_kernels(c, LUN_CPU, lun_cpu_kernels());
  lun_memory_limit(c, LUN_CPU, 2000000000); /* nothing here needs more; absurd sizes must fail, not swap */
  return c;
}

void harness_close(lun_context *c) { lun_close(c); }

/* ---- values ---- */

double *harness_read(const lun_tensor *t) {
  int64_t n = lun_numel(t), index[LUN_MAX_DIMS] = {0};
  double *v = calloc((size_t)n + 1, sizeof *v);
  for (int64_t i = 0; i < n; i++) {
    lun_get((lun_tensor *)t, index, &v[i]);
    for (int a = t->ndim - 1; a >= 0 && ++index[a] == t->shape[a]; a--) index[a] = 0;
  }
  return v;
}

static void add_value(values *out, const char *name, const lun_tensor *t) {
  value *v = &out->v[out->n++];
  *v = (value){.name = name, .dtype = t->dtype, .ndim = t->ndim, .n = lun_numel(t), .v = harness_read(t)};
  memcpy(v->shape, t->shape, sizeof v->shape);
}

void harness_values_free(values *v) {
  for (int i = 0; i < v->n; i++) free(v->v[i].v);
  v->n = 0;
}

/* ---- direct calls ---- */

#define ZONE 256 /* guard bytes on either side of an output; keeps 64-byte alignment */

typedef struct {
  char *block;
  void *home;
} guarded;

static void guard_output(lun_tensor *t, uint8_t fill, guarded *g) {
  lun_storage *s = t->storage;
  g->block = aligned_alloc(64, ((size_t)s->bytes + 2 * ZONE + 63) / 64 * 64);
  memset(g->block, 0x5C, (size_t)s->bytes + 2 * ZONE);
  memset(g->block + ZONE, fill, (size_t)s->bytes);
  g->home = s->data;
  s->data = g->block + ZONE;
}

static void unguard_output(lun_tensor *t, const char *op, const char *text, const char *name, guarded *g, report *r) {
  lun_storage *s = t->storage;
  r->done++;
  for (int64_t i = 0; i < ZONE; i++) {
    if (g->block[ZONE - 1 - i] != 0x5C)
      report_add(r, "%s [%s]: wrote %lld bytes before output %s", op, text, (long long)i + 1, name);
    else if (g->block[ZONE + s->bytes + i] != 0x5C)
      report_add(r, "%s [%s]: wrote %lld bytes behind output %s", op, text, (long long)i + 1, name);
    else
      continue;
    break;
  }
  s->data = g->home;
  memcpy(s->data, g->block + ZONE, (size_t)s->bytes);
  free(g->block);
}

static bool is_tensor(lun_argtype t) { return t == LUN_ARG_TENSOR || t == LUN_ARG_IMAGE || t == LUN_ARG_ANY; }

static int run_direct(sample *s, const char *text, run_how how, uint8_t fill, lun_tensor **outs, report *r) {
  lun_context *c = s->ctx;
  luni_entry *e = luni_find(c, s->op->name);
  lun_call call = {.ctx = c, .op = s->op, .nargs = e->sig.nargs, .nouts = e->sig.nouts, .threads = lun_threads(c)};
  guarded g[LUN_MAX_OUTS] = {{NULL, NULL}};
  for (int i = 0; i < e->sig.nargs; i++) {
    call.arg[i] = s->arg[i];
    if (!s->arg[i].given && !is_tensor(e->sig.arg[i].type) && e->sig.arg[i].has_default) {
      call.arg[i] = e->sig.arg[i].def;
      call.arg[i].given = false;
    }
  }
  int st = s->op->shape(&call);
  for (int k = 0; k < call.nouts && !st; k++) {
    bool fresh = call.out[k] && call.out[k]->storage->refs == 1;
    if (fresh) guard_output(call.out[k], fill, &g[k]);
  }
  if (!st) {
    st = how == RUN_TABLE ? e->kernel[LUN_CPU](&call) : s->op->cpu(&call);
    if (st == LUN_EUNSUPPORTED && how == RUN_TABLE) st = s->op->cpu(&call);
  }
  for (int k = 0; k < call.nouts; k++)
    if (g[k].block) unguard_output(call.out[k], s->op->name, text, e->sig.out_name[k], &g[k], r);
  if (st) luni_call_outputs_release(&call);
  for (int k = 0; k < call.nouts; k++) outs[k] = call.out[k];
  return st;
}

int harness_run(sample *s, const char *text, run_how how, uint8_t fill, values *out, report *r) {
  lun_tensor *outs[LUN_MAX_OUTS] = {NULL};
  out->n = 0;
  int st = how == RUN_DISPATCH ? lun_run(s->ctx, s->op, s->arg, outs) : run_direct(s, text, how, fill, outs, r);
  if (!st) {
    sample_check_untouched(s, text, r);
    for (int k = 0; k < s->sig->nouts; k++) {
      bool negative = false;
      for (int a = 0; outs[k] && a < outs[k]->ndim; a++) negative = negative || outs[k]->shape[a] < 0;
      if (negative)
        report_add(r, "%s [%s]: output %s has a negative size", s->op->name, text, s->sig->out_name[k]);
      else if (outs[k])
        add_value(out, s->sig->out_name[k], outs[k]);
    }
    for (int i = 0; i < s->n; i++) {
      const lun_param *p = &s->sig->arg[s->tensor[i].arg];
      if (p->mutated) add_value(out, p->name, s->tensor[i].t);
    }
  }
  for (int k = 0; k < s->sig->nouts; k++) lun_release(outs[k]);
  return st;
}

static bool same_number(double a, double b) { return a == b || (a != a && b != b); }

void harness_compare(const char *op, const char *text, const char *what, const values *a, const values *b,
                     double tolerance, report *r) {
  if (a->n != b->n) {
    report_add(r, "%s [%s]: %s: %d results against %d", op, text, what, a->n, b->n);
    return;
  }
  for (int k = 0; k < a->n; k++) {
    const value *x = &a->v[k], *y = &b->v[k];
    char sx[128], sy[128];
    if (x->ndim != y->ndim || memcmp(x->shape, y->shape, (size_t)x->ndim * sizeof *x->shape)) {
      report_add(r, "%s [%s]: %s: %s is %s against %s", op, text, what, x->name,
                 lun_shape_text(x->ndim, x->shape, sx, sizeof sx), lun_shape_text(y->ndim, y->shape, sy, sizeof sy));
      continue;
    }
    bool whole = x->dtype == LUN_I64 || x->dtype == LUN_U8 || x->dtype == LUN_BOOL;
    double scale = 0, worst = 0;
    int64_t at = -1;
    for (int64_t i = 0; i < x->n; i++)
      if (isfinite(x->v[i])) scale = fmax(scale, fabs(x->v[i]));
    for (int64_t i = 0; i < x->n; i++) {
      r->done++;
      if (same_number(x->v[i], y->v[i])) continue;
      double d = fabs(x->v[i] - y->v[i]);
      if (!(d <= worst)) worst = d, at = i; /* NaN counts as worst */
    }
    if (at >= 0 && (whole || !(worst <= tolerance * scale)))
      report_add(r, "%s [%s]: %s: %s differs at element %lld: %.9g against %.9g (allowed %.3g)", op, text, what,
                 x->name, (long long)at + 1, x->v[at], y->v[at], whole ? 0 : tolerance * scale);
  }
}

void harness_check_message(lun_context *c, const char *op, const char *text, const char *what, report *r) {
  size_t n = strlen(op);
  const char *m = lun_message(c);
  r->done++;
  if (strncmp(m, op, n) || strncmp(m + n, ": ", 2))
    report_add(r, "%s [%s]: %s: the message does not start with \"%s: \": %s", op, text, what, op, m);
}
