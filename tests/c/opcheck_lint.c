/* opcheck_lint.c: what a row must say about itself, and what its errors must say. */
#include "opcheck.h"

#include <ctype.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

/* Arguments whose meaning is the same in every op of the field, so that no doc needs to repeat it. */
static const char *const self_evident[] = {"x",     "y",    "a",      "b",       "dy",      "axis", "dtype",
                                           "shape", "bias", "weight", "stride",  "padding", "eps",  "groups",
                                           "seed",  "keep", "bins",   "keepdim", "dilation"};

static bool word_in(const char *text, const char *word) {
  size_t n = strlen(word);
  for (const char *p = text ? strstr(text, word) : NULL; p; p = strstr(p + 1, word)) {
    bool left = p == text || !(isalnum((unsigned char)p[-1]) || p[-1] == '_');
    if (left && !(isalnum((unsigned char)p[n]) || p[n] == '_')) return true;
  }
  return false;
}

/* The doc of the op itself or, for X_grad, X_backward and the like, of X. */
static bool explained(lun_context *c, const lun_op *op, const char *word) {
  for (size_t i = 0; i < sizeof self_evident / sizeof *self_evident; i++)
    if (!strcmp(self_evident[i], word)) return true;
  if (word_in(op->doc, word)) return true;
  char base[64];
  snprintf(base, sizeof base, "%s", op->name);
  for (char *cut; (cut = strrchr(base, '_')) != NULL;) {
    *cut = 0;
    const lun_op *of = lun_op_find(c, base);
    if (of && word_in(of->doc, word)) return true;
  }
  return false;
}

static bool in_samples(const lun_op *op, const char *name) {
  size_t n = strlen(name);
  for (int k = 0; op->samples && op->samples[k]; k++)
    for (const char *p = strstr(op->samples[k], name); p; p = strstr(p + 1, name))
      if ((p == op->samples[k] || p[-1] == ' ') && p[n] == '=') return true;
  return false;
}

void opcheck_documentation(lun_context *c, const lun_op *op, report *r) {
  const lun_signature *sig = lun_op_signature(c, op);
  size_t n = op->doc ? strlen(op->doc) : 0;
  r->done++;
  if (!n)
    report_add(r, "%s: no doc", op->name);
  else if (op->doc[n - 1] != '.')
    report_add(r, "%s: the doc does not end with a period", op->name);
  if (n && strchr(op->doc, '\t')) report_add(r, "%s: a tab in the doc", op->name);
  if (!op->shape || !op->cpu) report_add(r, "%s: no shape function or no cpu kernel", op->name);
  if (!op->samples || !op->samples[0]) report_add(r, "%s: no sample", op->name);
  if (!op->grad && (!op->no_grad || !op->no_grad[0]))
    report_add(r, "%s: neither a gradient nor a reason why there is none (no_grad)", op->name);
  if (op->grad && op->no_grad) report_add(r, "%s: a gradient and a reason against one", op->name);
  if (!op->grad && (op->keep || op->recompute)) report_add(r, "%s: keeps tensors for a gradient it lacks", op->name);
  if (op->tolerance > 1e-6 && op->tolerance > 1e-2) report_add(r, "%s: a tolerance above 1e-2", op->name);
  if (sig->nouts == 0 && op->grad) report_add(r, "%s: a gradient without outputs", op->name);
  for (int i = 0; i < sig->nargs; i++) {
    const lun_param *p = &sig->arg[i];
    r->done++;
    if (!explained(c, op, p->name)) report_add(r, "%s: the doc does not mention %s", op->name, p->name);
    if (p->optional && !in_samples(op, p->name))
      report_add(r, "%s: no sample gives the optional %s", op->name, p->name);
    for (int k = 0; k < i; k++)
      if (!strcmp(p->name, sig->arg[k].name)) report_add(r, "%s: two arguments named %s", op->name, p->name);
    if (p->type == LUN_ARG_STRING && p->choices && p->has_default) {
      bool listed = false;
      for (const char *w = p->choices, *end = w + p->choices_len; w < end; w += strcspn(w, "|)") + 1)
        listed = listed || (strcspn(w, "|)") == strlen(p->def.s) && !strncmp(w, p->def.s, strlen(p->def.s)));
      if (!listed) report_add(r, "%s: the default of %s is none of its choices", op->name, p->name);
    }
  }
}

/* ---- errors ---- */

static lun_context *interruptible;
static void on_alarm(int signal) {
  (void)signal;
  lun_interrupt(interruptible);
}

/* Runs with a changed argument: must succeed or explain itself. Kernels that loop for absurd counts are interrupted. */
static int attempt(sample *s, const char *text, const char *what, report *r) {
  lun_tensor *outs[LUN_MAX_OUTS] = {NULL};
  struct itimerval in = {.it_value = {.tv_sec = 1}}, off = {.it_value = {0}};
  interruptible = s->ctx;
  signal(SIGALRM, on_alarm);
  setitimer(ITIMER_REAL, &in, NULL);
  int st = lun_run(s->ctx, s->op, s->arg, outs);
  setitimer(ITIMER_REAL, &off, NULL);
  lun_clear_interrupt(s->ctx);
  if (st) harness_check_message(s->ctx, s->op->name, text, what, r);
  for (int k = 0; k < LUN_MAX_OUTS; k++) lun_release(outs[k]);
  sample_restore(s);
  return st;
}

static void must_fail(sample *s, const char *text, const char *what, report *r) {
  if (!attempt(s, text, what, r)) report_add(r, "%s [%s]: accepts %s", s->op->name, text, what);
}

static void check_tensor_argument(sample *s, int i, const char *text, report *r) {
  static const lun_dtype dtypes[] = {LUN_F32, LUN_BF16, LUN_F16, LUN_F64, LUN_I64, LUN_U8, LUN_BOOL};
  const lun_param *p = &s->sig->arg[i];
  lun_arg was = s->arg[i];
  lun_tensor *t = was.t, *other;
  char what[100];
  if (!p->optional) {
    s->arg[i].given = false;
    snprintf(what, sizeof what, "a missing %s", p->name);
    must_fail(s, text, what, r);
    s->arg[i] = was;
  }
  for (int nd = 0; nd <= LUN_MAX_DIMS; nd++) { /* leading axes of size 1 added, or axes taken from the front */
    int64_t shape[LUN_MAX_DIMS];
    if (nd == t->ndim) continue;
    for (int a = 0; a < nd; a++) {
      int from = a - (nd - t->ndim);
      shape[a] = from >= 0 ? t->shape[from] : 1;
    }
    snprintf(what, sizeof what, "%s with %d axes", p->name, nd);
    if (lun_empty(s->ctx, t->dtype, LUN_CPU, nd, shape, &other)) continue;
    memset(other->storage->data, 0, (size_t)other->storage->bytes);
    s->arg[i].t = other;
    attempt(s, text, what, r);
    lun_release(other);
  }
  for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
    if (dtypes[d] == t->dtype) continue;
    snprintf(what, sizeof what, "%s as %s", p->name, lun_dtype_name(dtypes[d]));
    if (lun_empty(s->ctx, dtypes[d], LUN_CPU, t->ndim, t->shape, &other)) continue;
    memset(other->storage->data, 0, (size_t)other->storage->bytes);
    s->arg[i].t = other;
    attempt(s, text, what, r);
    lun_release(other);
  }
  if (lun_numel(t) > 0 && (t->dtype == LUN_I64)) { /* positions outside the range: 0, negative, huge */
    static const double wrong[] = {0, -1, 1e15};
    int64_t zero[LUN_MAX_DIMS] = {0};
    for (int k = 0; k < 3; k++) {
      snprintf(what, sizeof what, "%s holding %g", p->name, wrong[k]);
      lun_set(t, zero, wrong[k]);
      s->arg[i] = was;
      attempt(s, text, what, r);
    }
  }
  s->arg[i] = was;
}

static void check_scalar_argument(sample *s, int i, const char *text, report *r) {
  const lun_param *p = &s->sig->arg[i];
  lun_arg was = s->arg[i];
  char what[100];
  if (!p->has_default && !p->optional) {
    s->arg[i].given = false;
    snprintf(what, sizeof what, "a missing %s", p->name);
    must_fail(s, text, what, r);
  }
  s->arg[i].given = true;
  if (p->type == LUN_ARG_INT) {
    static const int64_t odd[] = {-7, -1, 0, 1, 100003, (int64_t)1 << 40, INT64_MAX, INT64_MIN};
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
      snprintf(what, sizeof what, "%s = %lld", p->name, (long long)odd[k]);
      s->arg[i].i = odd[k];
      attempt(s, text, what, r);
    }
  } else if (p->type == LUN_ARG_INDEX) {
    static const int64_t odd[] = {99, -99, INT64_MAX, INT64_MIN};
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
      snprintf(what, sizeof what, "%s = %lld", p->name, (long long)odd[k]);
      s->arg[i].i = odd[k];
      must_fail(s, text, what, r);
    }
  } else if (p->type == LUN_ARG_FLOAT) {
    static const double odd[] = {0, -1, 1e30, -1e30, 1e-30};
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
      snprintf(what, sizeof what, "%s = %g", p->name, odd[k]);
      s->arg[i].f = odd[k];
      attempt(s, text, what, r);
    }
    s->arg[i].f = NAN;
    snprintf(what, sizeof what, "%s = NaN", p->name);
    must_fail(s, text, what, r);
  } else if (p->type == LUN_ARG_STRING) {
    s->arg[i].s = "no such thing";
    snprintf(what, sizeof what, "%s = \"no such thing\"", p->name);
    if (p->choices)
      must_fail(s, text, what, r);
    else
      attempt(s, text, what, r);
  } else if (p->type == LUN_ARG_INTS) {
    static const int64_t odd[] = {-7, 0, 99, (int64_t)1 << 40, INT64_MAX, INT64_MIN};
    for (int n = 0; n <= LUN_MAX_DIMS; n += LUN_MAX_DIMS / 2)
      for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        snprintf(what, sizeof what, "%s of %d x %lld", p->name, n, (long long)odd[k]);
        s->arg[i].ints.n = n;
        for (int j = 0; j < n; j++) s->arg[i].ints.v[j] = odd[k];
        attempt(s, text, what, r);
      }
  } else if (p->type == LUN_ARG_DTYPE) {
    for (int d = 0; d < LUN_NDTYPES; d++) {
      snprintf(what, sizeof what, "%s = %s", p->name, lun_dtype_name((lun_dtype)d));
      s->arg[i].d = (lun_dtype)d;
      attempt(s, text, what, r);
    }
  }
  s->arg[i] = was;
}

static void check_list_argument(sample *s, int i, const char *text, report *r) {
  const lun_param *p = &s->sig->arg[i];
  lun_arg was = s->arg[i];
  char what[100];
  if (!p->optional) {
    s->arg[i].given = false;
    snprintf(what, sizeof what, "a missing %s", p->name);
    must_fail(s, text, what, r);
  }
  s->arg[i] = was;
  for (int n = 0; n < was.list.n; n++) { /* lists of different lengths, an empty list */
    s->arg[i].list.n = n;
    snprintf(what, sizeof what, "%s of %d tensors", p->name, n);
    attempt(s, text, what, r);
  }
  s->arg[i] = was;
}

void opcheck_errors(lun_context *c, const lun_op *op, report *r) {
  for (int k = 0; op->samples[k]; k++) {
    sample s;
    sample_options o = {.real = LUN_F32};
    if (sample_make(c, op, op->samples[k], &o, &s)) {
      sample_free(&s);
      continue; /* reported by opcheck_samples_run */
    }
    for (int i = 0; i < s.sig->nargs; i++) {
      lun_argtype type = s.sig->arg[i].type;
      if (type == LUN_ARG_TENSORS)
        check_list_argument(&s, i, op->samples[k], r);
      else if (type > LUN_ARG_ANY)
        check_scalar_argument(&s, i, op->samples[k], r);
      else if (s.arg[i].given)
        check_tensor_argument(&s, i, op->samples[k], r);
    }
    sample_free(&s);
  }
}
