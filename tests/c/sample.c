/* sample.c: see sample.h. */
#include "sample.h"
#include "core/half.h"
#include "core/rng.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sample_guard = SAMPLE_UNALIGNED;

const char *const sample_layout_name[LAYOUTS] = {"native", "row-major", "channels-last", "with gaps", "reversed axes"};

bool sample_is_real(const lun_tensor *t) {
  return t->dtype == LUN_F32 || t->dtype == LUN_F64 || t->dtype == LUN_BF16 || t->dtype == LUN_F16;
}

bool sample_differentiable(const sample *s, int arg) {
  const lun_param *p = &s->sig->arg[arg];
  bool tensor = p->type == LUN_ARG_TENSOR || p->type == LUN_ARG_IMAGE || p->type == LUN_ARG_ANY;
  return tensor && !p->constant && !p->mutated && s->arg[arg].given && sample_is_real(s->arg[arg].t);
}

static int fail(sample *s, const char *what, const char *at) {
  snprintf(s->error, sizeof s->error, "%s at \"%.60s\"", what, at);
  return LUN_EARG;
}

/* ---- strides and values ---- */

static void set_strides(lun_tensor *t, sample_layout layout, lun_argtype type) {
  int order[LUN_MAX_DIMS]; /* outermost first */
  for (int i = 0; i < t->ndim; i++) order[i] = layout == LAYOUT_REVERSED ? t->ndim - 1 - i : i;
  bool last = t->ndim == 4 && (layout == LAYOUT_CHANNELS_LAST || (layout == LAYOUT_NATIVE && type == LUN_ARG_IMAGE));
  if (last) memcpy(order, (int[]){0, 2, 3, 1}, sizeof(int[4]));
  int64_t stride = layout == LAYOUT_GAPS ? 2 : 1;
  for (int k = t->ndim - 1; k >= 0; k--) {
    t->stride[order[k]] = stride;
    stride *= t->shape[order[k]] > 0 ? t->shape[order[k]] : 1;
    if (layout == LAYOUT_GAPS) stride++;
  }
}

static int64_t span(const lun_tensor *t) {
  int64_t n = 1;
  for (int i = 0; i < t->ndim; i++) {
    if (t->shape[i] == 0) return 0;
    n += (t->shape[i] - 1) * t->stride[i];
  }
  return n;
}

typedef struct {
  char kind[16];
  int64_t limit; /* posK */
} generator;

static double normal_at(lun_stream stream, int64_t i) {
  lun_draw4 d = lun_philox(stream, (uint32_t)i, (uint32_t)(i >> 32), 0, 0);
  double x, y;
  lun_normal2(d.v[0], d.v[1], &x, &y);
  return x;
}

static double value_at(const generator *g, lun_stream stream, int64_t i, const int64_t *shuffled, int64_t n) {
  uint32_t u = lun_philox(stream, (uint32_t)i, (uint32_t)(i >> 32), 1, 0).v[0];
  if (!strcmp(g->kind, "normal")) return normal_at(stream, i);
  if (!strcmp(g->kind, "positive")) return 0.1 + lun_uniform(u);
  if (!strcmp(g->kind, "unit")) return lun_uniform(u);
  if (!strcmp(g->kind, "low")) return 0.5 * lun_uniform(u);
  if (!strcmp(g->kind, "spread")) return 0.06 * (double)(shuffled[i] - n / 2) + 0.01;
  if (!strcmp(g->kind, "away")) {
    double v = normal_at(stream, i);
    return v < 0 ? v - 0.1 : v + 0.1;
  }
  if (!strcmp(g->kind, "pos")) return 1 + lun_below(u, (uint32_t)g->limit);
  if (!strcmp(g->kind, "byte")) return u >> 24;
  if (!strcmp(g->kind, "odd")) {
    static const double odd[] = {0, -0.0, 1.5, -2, NAN, 0.5, -1, 3, INFINITY, -0.0, 0, 1.5, -INFINITY, 2, -3, 1};
    return odd[u >> 28];
  }
  if (!strcmp(g->kind, "tiny")) return u >> 31 ? 1e-13 : 1;
  return u >> 31; /* flag */
}

static int fill(lun_tensor *t, const generator *g, lun_stream stream, bool round) {
  int64_t n = lun_numel(t), index[LUN_MAX_DIMS] = {0}, *shuffled = NULL;
  if (!strcmp(g->kind, "spread")) {
    shuffled = malloc((size_t)(n + 1) * sizeof *shuffled);
    for (int64_t i = 0; i < n; i++) shuffled[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
      int64_t k = lun_below(lun_philox(stream, (uint32_t)i, 0, 2, 0).v[0], (uint32_t)(i + 1)), was = shuffled[i];
      shuffled[i] = shuffled[k];
      shuffled[k] = was;
    }
  }
  int st = LUN_OK;
  for (int64_t i = 0; i < n && !st; i++) {
    double v = (float)value_at(g, stream, i, shuffled, n); /* f32 and f64 get the same numbers */
    if (round) v = lun_bf16_float(lun_float_bf16((float)v));
    st = lun_set(t, index, v);
    for (int a = t->ndim - 1; a >= 0 && ++index[a] == t->shape[a]; a--) index[a] = 0;
  }
  free(shuffled);
  return st;
}

/* ---- parsing ---- */

static int parse_generator(sample *s, const char *w, generator *g, const char **rest) {
  size_t n = 0;
  while (isalpha((unsigned char)w[n])) n++;
  if (n == 0 || n >= sizeof g->kind) return fail(s, "no generator", w);
  memcpy(g->kind, w, n);
  g->kind[n] = 0;
  char *end = (char *)w + n;
  if (!strcmp(g->kind, "pos")) g->limit = strtoll(w + n, &end, 10);
  static const char *const known[] = {"normal", "positive", "unit", "low", "spread", "away",
                                      "pos",    "byte",     "flag", "odd", "tiny"};
  bool ok = false;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) ok = ok || !strcmp(known[i], g->kind);
  if (!ok || (!strcmp(g->kind, "pos") && g->limit < 1)) return fail(s, "unknown generator", w);
  *rest = end;
  return LUN_OK;
}

static int parse_numbers(sample *s, const char *w, char close, int *n, int64_t *v, const char **rest) {
  const char *p = w + 1; /* behind the opening bracket */
  *n = 0;
  while (*p != close) {
    char *end;
    if (*n == LUN_MAX_DIMS) return fail(s, "too many sizes", w);
    v[(*n)++] = strtoll(p, &end, 10);
    if (end == p || (*end != ',' && *end != close)) return fail(s, "a size does not parse", w);
    p = *end == ',' ? end + 1 : end;
  }
  *rest = p + 1;
  return LUN_OK;
}

static void resize(sample *s, const sample_options *o, int ndim, int64_t *shape) {
  if (s->n == 0) s->batch = ndim ? shape[0] : -1;
  for (int i = 0; i < ndim; i++) {
    bool all = o->from == -1, batch = o->from == -2 && i == 0 && shape[i] == s->batch;
    if (all || batch || (o->from > 0 && shape[i] == o->from)) shape[i] = o->to;
  }
}

/* GENERATOR[shape] or GENERATOR[shape]@dtype */
static int parse_tensor(sample *s, int arg, const sample_options *o, const char *w, lun_tensor **out,
                        const char **rest) {
  generator g = {.limit = 0};
  lun_tensor shape = {.ndim = 0};
  if (s->n == SAMPLE_TENSORS) return fail(s, "too many tensors", w);
  LUN_TRY(parse_generator(s, w, &g, &w));
  if (*w != '[') return fail(s, "[shape] expected", w);
  LUN_TRY(parse_numbers(s, w, ']', &shape.ndim, shape.shape, &w));
  bool round = o->round_args >> arg & 1, typed = *w == '@';
  lun_dtype d = o->bf16_args >> arg & 1 ? LUN_BF16 : o->real;
  if (!strcmp(g.kind, "pos")) d = LUN_I64;
  if (!strcmp(g.kind, "byte")) d = LUN_U8;
  if (!strcmp(g.kind, "flag")) d = LUN_BOOL;
  if (typed) {
    char name[16];
    size_t n = strcspn(w + 1, " +");
    snprintf(name, sizeof name, "%.*s", (int)n, w + 1);
    if (lun_dtype_parse(name, &d)) return fail(s, "unknown dtype", w);
    w += n + 1;
  }
  resize(s, o, shape.ndim, shape.shape);
  const lun_param *p = &s->sig->arg[arg];
  bool as_is = p->mutated || p->type == LUN_ARG_TENSORS; /* must be dense: the dispatcher copies neither */
  set_strides(&shape, as_is ? LAYOUT_ROWS : o->layout, p->type);
  int64_t elements = span(&shape) + 2 * sample_guard;
  lun_tensor *t;
  LUN_TRY(lun_empty(s->ctx, d, LUN_CPU, 1, &elements, &t));
  s->tensor[s->n].t = t;
  s->tensor[s->n].arg = arg;
  s->tensor[s->n].typed = typed || d == LUN_I64 || d == LUN_U8 || d == LUN_BOOL;
  memset(t->storage->data, 0xFF, (size_t)t->storage->bytes);
  t->ndim = shape.ndim;
  t->offset = sample_guard;
  memcpy(t->shape, shape.shape, sizeof t->shape);
  memcpy(t->stride, shape.stride, sizeof t->stride);
  char stream[64];
  snprintf(stream, sizeof stream, "%s/%d", p->name, s->n);
  LUN_TRY(fill(t, &g, lun_stream_make(20220301, stream), round));
  s->tensor[s->n].before = malloc((size_t)t->storage->bytes);
  memcpy(s->tensor[s->n].before, t->storage->data, (size_t)t->storage->bytes);
  s->n++;
  *out = t;
  *rest = w;
  return LUN_OK;
}

static int parse_value(sample *s, int arg, const sample_options *o, const char *w, const char **rest) {
  const lun_param *p = &s->sig->arg[arg];
  lun_arg *a = &s->arg[arg];
  char *end = NULL;
  size_t n = strcspn(w, " ");
  snprintf(s->word[arg], sizeof s->word[arg], "%.*s", (int)n, w);
  *rest = w + n;
  a->given = true;
  switch (p->type) {
  case LUN_ARG_TENSOR:
  case LUN_ARG_IMAGE:
  case LUN_ARG_ANY: return parse_tensor(s, arg, o, w, &a->t, rest);
  case LUN_ARG_TENSORS:
    a->list.v = s->list[arg];
    for (a->list.n = 0;; w++) {
      LUN_TRY(parse_tensor(s, arg, o, w, &s->list[arg][a->list.n], &w));
      a->list.n++;
      if (*w != '+') break;
    }
    *rest = w;
    return LUN_OK;
  case LUN_ARG_INT:
  case LUN_ARG_INDEX: a->i = strtoll(w, &end, 10); break;
  case LUN_ARG_FLOAT: a->f = strtod(w, &end); break;
  case LUN_ARG_INTS:
    if (*w != '(') return fail(s, "(numbers) expected", w);
    return parse_numbers(s, w, ')', &a->ints.n, a->ints.v, rest);
  case LUN_ARG_BOOL:
    a->b = !strcmp(s->word[arg], "true");
    if (!a->b && strcmp(s->word[arg], "false")) return fail(s, "true or false expected", w);
    return LUN_OK;
  case LUN_ARG_STRING: a->s = s->word[arg]; return LUN_OK;
  case LUN_ARG_DTYPE: return lun_dtype_parse(s->word[arg], &a->d) ? fail(s, "unknown dtype", w) : LUN_OK;
  }
  return end == w + n ? LUN_OK : fail(s, "a number does not parse", w);
}

int sample_make(lun_context *c, const lun_op *op, const char *text, const sample_options *o, sample *s) {
  memset(s, 0, sizeof *s);
  s->ctx = c;
  s->op = op;
  s->sig = lun_op_signature(c, op);
  for (const char *w = text; *w;) {
    size_t n = strcspn(w, "= ");
    int arg = 0;
    if (*w == ' ') {
      w++;
      continue;
    }
    if (w[n] != '=') return fail(s, "name=value expected", w);
    while (arg < s->sig->nargs && (strlen(s->sig->arg[arg].name) != n || strncmp(s->sig->arg[arg].name, w, n))) arg++;
    if (arg == s->sig->nargs) return fail(s, "no argument has this name", w);
    if (s->arg[arg].given) return fail(s, "given twice", w);
    if (o->omit == arg + 1) {
      w += strcspn(w, " ");
      continue;
    }
    LUN_TRY(parse_value(s, arg, o, w + n + 1, &w));
    if (*w && *w != ' ') return fail(s, "something left over", w);
  }
  return LUN_OK;
}

void sample_free(sample *s) {
  for (int i = 0; i < SAMPLE_TENSORS; i++) {
    lun_release(s->tensor[i].t);
    free(s->tensor[i].before);
  }
  memset(s, 0, sizeof *s);
}

void sample_restore(sample *s) {
  for (int i = 0; i < s->n; i++) {
    lun_storage *b = s->tensor[i].t->storage;
    memcpy(b->data, s->tensor[i].before, (size_t)b->bytes);
  }
}

void sample_check_untouched(const sample *s, const char *text, report *r) {
  for (int i = 0; i < s->n; i++) {
    const lun_tensor *t = s->tensor[i].t;
    const lun_param *p = &s->sig->arg[s->tensor[i].arg];
    const char *was = s->tensor[i].before, *is = t->storage->data;
    int64_t guard = sample_guard * lun_dtype_size(t->dtype), end = t->storage->bytes;
    r->done++;
    for (int64_t b = 0; b < end; b++) {
      if (was[b] == is[b] || (p->mutated && b >= guard && b < end - guard)) continue;
      const char *where = b < guard ? "before" : b >= end - guard ? "behind" : "inside";
      report_add(r, "%s [%s]: wrote %s argument %s, byte %lld", s->op->name, text, where, p->name,
                 (long long)(b - guard));
      break;
    }
  }
}
