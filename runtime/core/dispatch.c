/* dispatch.c: lun_run. Checks arguments against the signature, lays inputs out, calls shape function and kernel,
** records the tape. The only place where an op is called from. */
#include "core.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_tensor(lun_argtype t) { return t == LUN_ARG_TENSOR || t == LUN_ARG_IMAGE || t == LUN_ARG_ANY; }

void luni_call_outputs_release(lun_call *call) {
  for (int k = 0; k < call->nouts; k++) lun_release(call->out[k]), call->out[k] = NULL;
}

static int check_choice(lun_context *c, const luni_entry *e, int i, lun_arg *a) {
  const lun_param *p = &e->sig.arg[i];
  if (!p->choices) return LUN_OK;
  size_t n = strlen(a->s);
  for (const char *w = p->choices, *end = p->choices + p->choices_len; w < end; w++) {
    size_t k = strcspn(w, "|)");
    if (k == n && !strncmp(w, a->s, n)) return LUN_OK;
    w += k;
  }
  return lun_fail(c, LUN_EARG, "%s: %s must be one of %.*s, got \"%.40s\"", e->row->name, p->name, p->choices_len,
                  p->choices, a->s);
}

/* Fill in defaults and check presence, choices and devices. */
static int check_args(lun_context *c, const luni_entry *e, const lun_arg *args, lun_call *call) {
  lun_tensor *first = NULL;
  for (int i = 0; i < e->sig.nargs; i++) {
    const lun_param *p = &e->sig.arg[i];
    lun_arg *a = &call->arg[i];
    *a = args[i];
    if (is_tensor(p->type)) {
      if (!a->given || !a->t) {
        a->given = false;
        a->t = NULL;
        if (!p->optional)
          return lun_fail(c, LUN_EARG, "%s: argument %d, %s, is missing: a tensor was expected", e->row->name, i + 1,
                          p->name);
        continue;
      }
      if (!first) first = a->t;
      LUN_TRY(luni_here(a->t));
      if (a->t->device != first->device)
        return lun_fail(c, LUN_EDEVICE, "%s: %s is on %s, the tensors before it on %s; move one with :to(\"%s\")",
                        e->row->name, p->name, lun_device_name(a->t->device), lun_device_name(first->device),
                        lun_device_name(first->device));
      if (p->mutated && !lun_is_dense(a->t) && !lun_is_dense_image(a->t))
        return lun_fail(c, LUN_EARG, "%s: %s is written in place and must be dense; use :contiguous()", e->row->name,
                        p->name);
    } else if (p->type == LUN_ARG_TENSORS) {
      if (!a->given) a->list.v = NULL, a->list.n = 0;
      if (!a->given && !p->optional)
        return lun_fail(c, LUN_EARG, "%s: argument %d, %s, is missing: a list of tensors was expected", e->row->name,
                        i + 1, p->name);
      for (int k = 0; k < a->list.n; k++) {
        lun_tensor *t = a->list.v[k];
        if (!first) first = t;
        LUN_TRY(luni_here(t));
        if (t->device != first->device)
          return lun_fail(c, LUN_EDEVICE, "%s: %s[%d] is on another device than the rest", e->row->name, p->name,
                          k + 1);
        if (!lun_is_dense(t) && !lun_is_dense_image(t))
          return lun_fail(c, LUN_EARG, "%s: %s[%d] must be dense", e->row->name, p->name, k + 1);
      }
    } else if (!a->given) {
      if (!p->has_default && !p->optional)
        return lun_fail(c, LUN_EARG, "%s: argument %d, %s, is missing", e->row->name, i + 1, p->name);
      *a = p->def;
      a->given = false;
    } else if (p->type == LUN_ARG_STRING)
      LUN_TRY(check_choice(c, e, i, a));
    else if (p->type == LUN_ARG_FLOAT && !isfinite(a->f))
      return lun_fail(c, LUN_EARG, "%s: %s must be finite, got %g", e->row->name, p->name, a->f);
  }
  return LUN_OK;
}

static int lay_out(lun_context *c, const luni_entry *e, lun_call *call, lun_tensor **made) {
  for (int i = 0; i < e->sig.nargs; i++) {
    const lun_param *p = &e->sig.arg[i];
    lun_tensor *t = call->arg[i].t;
    if (!is_tensor(p->type) || !t || p->mutated) continue;
    bool image = p->type == LUN_ARG_IMAGE;
    if (p->type == LUN_ARG_ANY) continue;
    if (image && t->ndim != 4) {
      char s[128];
      return lun_fail(c, LUN_ESHAPE, "%s: %s must be a batch of images (n,c,h,w), got %s", e->row->name, p->name,
                      lun_shape_text(t->ndim, t->shape, s, sizeof s));
    }
    if (image ? lun_is_dense_image(t) : lun_is_dense(t)) continue;
    LUN_TRY(lun_do(c, image ? "channels_last" : "contiguous", &made[i], "t", t));
    call->arg[i].t = made[i];
  }
  return LUN_OK;
}

static bool host_has_nan(const lun_tensor *t, bool infinities) {
  int64_t n = lun_numel(t);
  if (t->dtype == LUN_F32) {
    for (int64_t i = 0; i < n; i++)
      if (infinities ? !isfinite(lun_f32(t)[i]) : isnan(lun_f32(t)[i])) return true;
  } else if (t->dtype == LUN_F64) {
    for (int64_t i = 0; i < n; i++)
      if (infinities ? !isfinite(lun_f64(t)[i]) : isnan(lun_f64(t)[i])) return true;
  } else if (t->dtype == LUN_BF16) {
    for (int64_t i = 0; i < n; i++)
      if ((lun_bf16(t)[i] & 0x7fff) > (infinities ? 0x7f7f : 0x7f80)) return true;
  }
  return false;
}

static int has_nan(lun_call *call, lun_tensor *t, bool *out) {
  bool infinities = call->ctx->trace_infinities;
  *out = false;
  if (!t->storage || lun_numel(t) == 0) return LUN_OK;
  /* Outputs of kernels are dense; views of NaN-free storage are NaN-free. */
  if (!lun_is_dense(t) && !lun_is_dense_image(t)) return LUN_OK;
  if (t->dtype != LUN_F32 && t->dtype != LUN_F64 && t->dtype != LUN_BF16) return LUN_OK;
  if (t->device != LUN_CPU) return call->ctx->loaded[t->device].backend->has_nan(call, t, infinities, out);
  *out = host_has_nan(t, infinities);
  return LUN_OK;
}

static int trace_nan(lun_context *c, const luni_entry *e, lun_call *call) {
  for (int k = 0; k < call->nouts; k++) {
    bool found = false;
    char s[128];
    if (call->out[k]) LUN_TRY(has_nan(call, call->out[k], &found));
    if (found)
      return lun_fail(c, LUN_ENAN, "%s: output %s %s holds NaN%s, and it is the first op that made one", e->row->name,
                      e->sig.out_name[k], lun_shape_text(call->out[k]->ndim, call->out[k]->shape, s, sizeof s),
                      c->trace_infinities ? " or infinity" : "");
  }
  return LUN_OK;
}

static lun_device device_of(const luni_entry *e, const lun_call *call) {
  lun_device d = call->nouts && call->out[0] ? call->out[0]->device : LUN_CPU;
  for (int i = 0; i < e->sig.nargs; i++) {
    if (is_tensor(e->sig.arg[i].type) && call->arg[i].t) d = call->arg[i].t->device;
    if (e->sig.arg[i].type == LUN_ARG_TENSORS && call->arg[i].list.n) d = call->arg[i].list.v[0]->device;
  }
  return d;
}

/* Asked before the shape function runs: what it may do for an op without a kernel, it may do on the CPU alone. */
static int need_kernel(lun_context *c, const luni_entry *e, lun_device d) {
  if (e->kernel[d]) return LUN_OK;
  const char *why = e->row->no_cuda;
  return lun_fail(c, LUN_EUNSUPPORTED, "%s: there is no %s kernel of it%s%s; move its tensors with :to(\"cpu\")",
                  e->row->name, lun_device_name(d), why ? ": " : "", why ? why : "");
}

static int run_kernel(const luni_entry *e, lun_call *call) {
  lun_device d = call->device = device_of(e, call);
  int st = e->kernel[d](call);
  if (st == LUN_EUNSUPPORTED && d == LUN_CPU && e->kernel[d] != e->row->cpu) st = e->row->cpu(call);
  return st;
}

/* Errors from helpers and nested ops get the name of the op that was asked for in front. */
static void name_the_op(lun_context *c, const lun_op *op) {
  size_t n = strlen(op->name);
  if (!strncmp(c->message, op->name, n) && c->message[n] == ':') return;
  luni_prefix(c, "", op->name);
}

static int run(lun_context *c, const luni_entry *e, const lun_arg *args, lun_tensor **outs) {
  const lun_op *op = e->row;
  lun_call call = {.ctx = c, .op = op, .nargs = e->sig.nargs, .nouts = e->sig.nouts, .threads = c->threads};
  lun_tensor *made[LUN_MAX_ARGS] = {NULL};
  for (int k = 0; k < e->sig.nouts; k++) outs[k] = NULL;
  if (c->interrupted) return lun_fail(c, LUN_EINTR, "%s: interrupted", op->name);
  LUN_TRY(check_args(c, e, args, &call));
  LUN_TRY(need_kernel(c, e, device_of(e, &call)));
  lun_call given = call; /* the tape's edges lead to the tensors as they were passed */
  bool track = luni_call_needs_grad(c, e, &call), was = lun_enable_grad(c, false);
  int st = lay_out(c, e, &call, made);
  if (!st) st = op->shape(&call);
  if (!st) st = run_kernel(e, &call);
  if (!st && c->trace_nan) st = trace_nan(c, e, &call);
  lun_enable_grad(c, was);
  if (!st && track) st = luni_record(c, e, &given, &call);
  for (int i = 0; i < e->sig.nargs; i++) lun_release(made[i]);
  if (st) {
    luni_call_outputs_release(&call);
    name_the_op(c, op);
    return st;
  }
  for (int k = 0; k < call.nouts; k++) outs[k] = call.out[k];
  return LUN_OK;
}

int lun_run(lun_context *c, const lun_op *op, const lun_arg *args, lun_tensor **outs) {
  luni_entry *e = luni_find(c, op->name);
  if (!c->profile.on) return run(c, e, args, outs);
  luni_span span = luni_profile_begin(c);
  int st = run(c, e, args, outs);
  luni_profile_run(c, e, span);
  return st;
}

int lun_do(lun_context *c, const char *name, lun_tensor **outs, const char *fmt, ...) {
  luni_entry *e = luni_find(c, name);
  if (!e) return lun_fail(c, LUN_EUNSUPPORTED, "unknown op \"%s\"", name);
  lun_arg args[LUN_MAX_ARGS] = {0};
  lun_tensor *tmp[LUN_MAX_OUTS] = {NULL};
  va_list ap;
  va_start(ap, fmt);
  int i = 0;
  for (const char *f = fmt; *f && i < e->sig.nargs; f++, i++) {
    lun_arg *a = &args[i];
    a->given = true;
    switch (*f) {
    case 't': a->t = va_arg(ap, lun_tensor *); break;
    case 'i': a->i = va_arg(ap, int64_t); break;
    case 'f': a->f = va_arg(ap, double); break;
    case 'b': a->b = va_arg(ap, int); break;
    case 's': a->s = va_arg(ap, const char *); break;
    case 'd': a->d = (lun_dtype)va_arg(ap, int); break;
    case 'n':
      a->ints.n = (int)va_arg(ap, int64_t);
      memcpy(a->ints.v, va_arg(ap, const int64_t *), (size_t)a->ints.n * sizeof(int64_t));
      break;
    case 'l':
      a->list.n = va_arg(ap, int);
      a->list.v = va_arg(ap, lun_tensor *const *);
      break;
    default: a->given = false;
    }
  }
  va_end(ap);
  LUN_TRY(lun_run(c, e->row, args, tmp));
  for (int k = 0; k < e->sig.nouts; k++) /* callers of multi-output ops pass an array; NULL outs drops everything */
    if (outs)
      outs[k] = tmp[k];
    else
      lun_release(tmp[k]);
  return LUN_OK;
}
