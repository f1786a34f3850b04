/* opcheck_gradient.c: gradients against central differences in f64, and recomputation against the forward pass.
**
** The loss is a fixed random projection of all floating outputs, so no component of a gradient cancels by symmetry.
*/
#include "opcheck.h"
#include "core/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PROBES 48 /* elements of one argument whose derivative is taken, at most; all of them where there are fewer */

static bool floating(const lun_tensor *t) { return t && sample_is_real(t); }

/* The loss without a tape; *magnitude is the sum of |terms|, which bounds its rounding error. */
static int loss(sample *s, double *out, double *magnitude) {
  lun_tensor *outs[LUN_MAX_OUTS] = {NULL};
  bool was = lun_enable_grad(s->ctx, false);
  int st = lun_run(s->ctx, s->op, s->arg, outs);
  lun_enable_grad(s->ctx, was);
  *out = *magnitude = 0;
  for (int k = 0; k < s->sig->nouts && !st; k++) {
    if (!floating(outs[k]) || s->sig->out_constant[k]) continue;
    double *v = harness_read(outs[k]);
    for (int64_t i = 0; i < lun_numel(outs[k]); i++) {
      double term = harness_weight(k, i) * v[i];
      *out += term;
      *magnitude += fabs(term);
    }
    free(v);
  }
  for (int k = 0; k < LUN_MAX_OUTS; k++) lun_release(outs[k]);
  return st;
}

/* Backward through the projection of the outputs in `mask`. LUN_EARG where none of them is on the tape. */
static int backward(sample *s, unsigned mask, unsigned *on_tape) {
  lun_tensor *outs[LUN_MAX_OUTS] = {NULL}, *pick[LUN_MAX_OUTS] = {NULL}, *y = NULL;
  int st = lun_run(s->ctx, s->op, s->arg, outs);
  *on_tape = 0;
  for (int k = 0; k < s->sig->nouts && !st; k++)
    if (floating(outs[k]) && lun_requires_grad(outs[k])) {
      *on_tape |= 1u << k;
      if (mask >> k & 1) pick[k] = outs[k];
    }
  if (!st && !(*on_tape & mask)) st = LUN_EARG;
  if (!st) st = lun_do(s->ctx, "project", &y, "tttttt", pick[0], pick[1], pick[2], pick[3], pick[4], pick[5]);
  if (!st) st = lun_backward(y, NULL, false);
  lun_release(y);
  for (int k = 0; k < LUN_MAX_OUTS; k++) lun_release(outs[k]);
  return st;
}

static void clear(sample *s) {
  for (int i = 0; i < s->sig->nargs; i++)
    if (sample_differentiable(s, i)) {
      lun_set_grad(s->arg[i].t, NULL);
      lun_set_requires_grad(s->arg[i].t, false);
    }
  sample_restore(s);
}

/* Gradient of argument arg when the arguments of `asking` ask for theirs and the outputs of `mask` are used. */
static double *gradient(sample *s, unsigned asking, unsigned mask, int arg, unsigned *on_tape, const char *text,
                        report *r) {
  double *v = NULL;
  clear(s);
  for (int i = 0; i < s->sig->nargs; i++)
    if (asking >> i & 1) lun_set_requires_grad(s->arg[i].t, true);
  int st = backward(s, mask, on_tape);
  lun_tensor *t = s->arg[arg].t, *g = t->grad;
  if (st)
    report_add(r, "%s [%s]: backward failed: %s", s->op->name, text, lun_message(s->ctx));
  else if (!g)
    report_add(r, "%s [%s]: no gradient arrived at %s", s->op->name, text, s->sig->arg[arg].name);
  else if (g->ndim != t->ndim || memcmp(g->shape, t->shape, (size_t)t->ndim * sizeof *t->shape) ||
           g->dtype != t->dtype) {
    char want[128], got[128];
    report_add(r, "%s [%s]: the gradient of %s is %s %s, the argument %s %s", s->op->name, text, s->sig->arg[arg].name,
               lun_dtype_name(g->dtype), lun_shape_text(g->ndim, g->shape, got, sizeof got), lun_dtype_name(t->dtype),
               lun_shape_text(t->ndim, t->shape, want, sizeof want));
  } else
    v = harness_read(g);
  clear(s);
  return v;
}

static double difference(sample *s, int arg, int64_t element, double h, double *noise) {
  lun_tensor *t = s->arg[arg].t;
  int64_t index[LUN_MAX_DIMS] = {0}, rest = element;
  for (int a = t->ndim - 1; a >= 0; a--) index[a] = rest % t->shape[a], rest /= t->shape[a];
  double x, l[2] = {0, 0}, m = 0;
  for (int side = 0; side < 2; side++) {
    sample_restore(s);
    lun_get(t, index, &x);
    lun_set(t, index, side ? x + h : x - h);
    if (loss(s, &l[side], &m)) return NAN;
  }
  sample_restore(s);
  *noise = m * 4e-16 / h;
  return (l[1] - l[0]) / (2 * h);
}

static void compare_with_differences(sample *s, int arg, const double *g, const char *text, report *r) {
  double tolerance = s->op->tolerance > 0 ? s->op->tolerance : 1e-6;
  double h = tolerance >= 1e-4 ? 1e-3 : 1e-5; /* rows with a wide tolerance round to f32 on the way */
  int64_t n = lun_numel(s->arg[arg].t), probes = n < PROBES ? n : PROBES;
  double scale = 0;
  for (int64_t i = 0; i < n; i++) scale = fmax(scale, fabs(g[i]));
  for (int64_t p = 0; p < probes; p++) {
    int64_t i = n <= PROBES ? p : lun_below(lun_philox((lun_stream){{1, 2}}, (uint32_t)p, 0, 0, 0).v[0], (uint32_t)n);
    double noise = 0, fd = difference(s, arg, i, h, &noise);
    double allowed = tolerance * fmax(fabs(fd), scale) + 20 * noise;
    r->done++;
    if (fabs(fd - g[i]) <= allowed) continue;
    report_add(r, "%s [%s]: d/d%s element %lld: gradient %.9g, finite difference %.9g (allowed %.2g)", s->op->name,
               text, s->sig->arg[arg].name, (long long)i + 1, g[i], fd, allowed);
    return; /* one finding per argument says enough */
  }
}

static void compare_gradients(const sample *s, int arg, const double *a, const double *b, const char *what,
                              const char *text, report *r) {
  int64_t n = lun_numel(s->arg[arg].t);
  double scale = 0;
  for (int64_t i = 0; i < n; i++) scale = fmax(scale, fabs(a[i]));
  for (int64_t i = 0; i < n; i++) {
    r->done++;
    if (fabs(a[i] - b[i]) <= 1e-9 * scale) continue;
    report_add(r, "%s [%s]: the gradient of %s %s: element %lld is %.9g, not %.9g", s->op->name, text,
               s->sig->arg[arg].name, what, (long long)i + 1, b[i], a[i]);
    return;
  }
}

static void check_sample(sample *s, const char *text, report *r) {
  unsigned asking = 0, on_tape = 0, ignored;
  for (int i = 0; i < s->sig->nargs; i++)
    if (sample_differentiable(s, i) && s->arg[i].t->dtype == LUN_F64) asking |= 1u << i;
  for (int i = 0; i < s->sig->nargs; i++) {
    if (!(asking >> i & 1)) continue;
    double *joint = gradient(s, asking, ~0u, i, &on_tape, text, r);
    if (!joint) continue;
    compare_with_differences(s, i, joint, text, r);
    if (asking != 1u << i) {
      double *alone = gradient(s, 1u << i, ~0u, i, &ignored, text, r);
      if (alone) compare_gradients(s, i, joint, alone, "changes when it alone is asked for", text, r);
      free(alone);
    }
    if (on_tape & (on_tape - 1)) { /* several outputs: each used alone, the others' gradients are absent */
      double *sum = calloc((size_t)lun_numel(s->arg[i].t) + 1, sizeof *sum);
      bool whole = true;
      for (int k = 0; k < s->sig->nouts; k++) {
        if (!(on_tape >> k & 1)) continue;
        report quiet = {0}; /* an output that does not depend on this argument may send it nothing */
        double *part = gradient(s, asking, 1u << k, i, &ignored, text, &quiet);
        if (!part && strstr(quiet.text, "no gradient arrived") == NULL) {
          report_add(r, "%s", quiet.text);
          whole = false;
        }
        for (int64_t j = 0; part && j < lun_numel(s->arg[i].t); j++) sum[j] += part[j];
        free(part);
      }
      if (whole) compare_gradients(s, i, joint, sum, "is not the sum over its outputs", text, r);
      free(sum);
    }
    free(joint);
  }
}

void opcheck_gradient(lun_context *c, const lun_op *op, report *r) {
  if (!op->grad) return;
  for (int k = 0; op->samples[k]; k++) {
    const lun_signature *sig = lun_op_signature(c, op);
    for (int omit = 0; omit <= sig->nargs; omit++) { /* as written, then without each optional tensor */
      if (omit && !(sig->arg[omit - 1].optional && sig->arg[omit - 1].type != LUN_ARG_TENSORS)) continue;
      sample s;
      sample_options o = {.real = LUN_F64, .omit = omit};
      if (sample_make(c, op, op->samples[k], &o, &s)) report_add(r, "%s: %s", op->name, s.error);
      double l, m;
      int st = loss(&s, &l, &m);
      sample_restore(&s);
      if (!st)
        check_sample(&s, op->samples[k], r);
      else if (omit)
        harness_check_message(c, op->name, op->samples[k], "an optional tensor left out", r);
      else
        report_add(r, "%s [%s] in f64: %s", op->name, op->samples[k], lun_message(c));
      sample_free(&s);
    }
  }
}

/* row->recompute must give the forward pass's bits, from nothing but what the row says it keeps. */
void opcheck_recompute(lun_context *c, const lun_op *op, report *r) {
  if (!op->recompute) return;
  const luni_entry *e = luni_find(c, op->name);
  for (int k = 0; op->samples[k]; k++) {
    sample s;
    sample_options o = {.real = LUN_F32};
    lun_tensor *outs[LUN_MAX_OUTS] = {NULL}, *again = NULL;
    int st = sample_make(c, op, op->samples[k], &o, &s);
    if (!st) st = lun_run(c, op, s.arg, outs);
    lun_call call = {.ctx = c, .op = op, .nargs = e->sig.nargs, .nouts = e->sig.nouts, .threads = lun_threads(c)};
    for (int i = 0; i < e->sig.nargs && !st; i++) {
      bool tensor = e->sig.arg[i].type <= LUN_ARG_ANY;
      call.arg[i] = s.arg[i].given || tensor ? s.arg[i] : e->sig.arg[i].def;
      if (tensor && s.arg[i].given && !(e->keep_args >> i & 1)) st = luni_ghost(s.arg[i].t, &call.arg[i].t);
    }
    for (int i = 0; i < e->sig.nouts && !st; i++)
      st = e->keep_outs >> i & 1 ? luni_alias(outs[i], &call.out[i]) : luni_ghost(outs[i], &call.out[i]);
    if (!st) st = op->recompute(&call, &again);
    if (st)
      report_add(r, "%s [%s]: recompute: %s", op->name, op->samples[k], lun_message(c));
    else {
      double *a = harness_read(outs[0]), *b = harness_read(again);
      for (int64_t i = 0; i < lun_numel(outs[0]); i++) {
        r->done++;
        if (a[i] == b[i]) continue;
        report_add(r, "%s [%s]: recompute differs at element %lld: %.9g against %.9g", op->name, op->samples[k],
                   (long long)i + 1, b[i], a[i]);
        break;
      }
      free(a);
      free(b);
    }
    lun_release(again);
    for (int i = 0; i < e->sig.nargs; i++)
      if (e->sig.arg[i].type <= LUN_ARG_ANY && call.arg[i].t != s.arg[i].t) lun_release(call.arg[i].t);
    luni_call_outputs_release(&call);
    for (int i = 0; i < LUN_MAX_OUTS; i++) lun_release(outs[i]);
    sample_free(&s);
  }
}
