/* signature.c: "x:image weight:tensor bias:tensor? stride:int=1 mode:choice(a|b)=a -> y:image" as a table. */
#include "core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *word;
  lun_argtype type;
  bool constant;
} types[] = {
    {"tensor", LUN_ARG_TENSOR, false}, {"constant", LUN_ARG_TENSOR, true}, {"image", LUN_ARG_IMAGE, false},
    {"any", LUN_ARG_ANY, false},       {"tensors", LUN_ARG_TENSORS, true}, {"int", LUN_ARG_INT, false},
    {"index", LUN_ARG_INDEX, false},   {"float", LUN_ARG_FLOAT, false},    {"bool", LUN_ARG_BOOL, false},
    {"string", LUN_ARG_STRING, false}, {"choice", LUN_ARG_STRING, false},  {"ints", LUN_ARG_INTS, false},
    {"dtype", LUN_ARG_DTYPE, false},
};

static int bad(lun_context *c, const lun_op *op, const char *word, const char *why) {
  return lun_fail(c, LUN_EARG, "op table: %s: argument '%.60s' %s", op->name, word, why);
}

static int parse_default(lun_context *c, const lun_op *op, const char *word, const char *text, lun_param *p) {
  char *end = NULL;
  p->has_default = true;
  switch (p->type) {
  case LUN_ARG_INT:
  case LUN_ARG_INDEX: p->def.i = strtoll(text, &end, 10); break;
  case LUN_ARG_FLOAT: p->def.f = strtod(text, &end); break;
  case LUN_ARG_BOOL:
    p->def.b = !strncmp(text, "true", 4);
    end = (char *)text + (p->def.b ? 4 : !strncmp(text, "false", 5) ? 5 : 0);
    break;
  case LUN_ARG_STRING: { /* points at the choice inside the signature; compared by length in dispatch */
    size_t n = strcspn(text, " ");
    p->def.s = strndup(text, n);
    if (!p->def.s) return lun_fail(c, LUN_EMEM, "out of memory: signatures");
    end = (char *)text + n;
    break;
  }
  case LUN_ARG_DTYPE: {
    char name[16];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, " "), text);
    if (lun_dtype_parse(name, &p->def.d)) return bad(c, op, word, "has an unknown dtype as default");
    end = (char *)text + strlen(name);
    break;
  }
  default: return bad(c, op, word, "cannot have a default");
  }
  if (end == text || (*end && *end != ' ')) return bad(c, op, word, "has a default that does not parse");
  return LUN_OK;
}

static int parse_param(lun_context *c, const lun_op *op, const char *word, lun_param *p) {
  size_t name = strcspn(word, ": ");
  if (word[name] != ':' || name == 0 || name >= sizeof p->name) return bad(c, op, word, "needs the form name:type");
  memcpy(p->name, word, name);
  const char *t = word + name + 1;
  size_t tl = strcspn(t, " =?!(");
  size_t k = 0, n = sizeof types / sizeof *types;
  while (k < n && (strlen(types[k].word) != tl || strncmp(types[k].word, t, tl))) k++;
  if (k == n) return bad(c, op, word, "has an unknown type");
  p->type = types[k].type;
  p->constant = types[k].constant;
  t += tl;
  if (*t == '(') {
    p->choices = t + 1;
    p->choices_len = (int)strcspn(t + 1, ")");
    t += p->choices_len + 2;
  }
  for (; *t == '?' || *t == '!'; t++) {
    if (*t == '?') p->optional = true;
    if (*t == '!') p->mutated = p->constant = true;
  }
  if (*t == '=') return parse_default(c, op, word, t + 1, p);
  return *t && *t != ' ' ? bad(c, op, word, "ends in something unexpected") : LUN_OK;
}

int luni_signature_parse(lun_context *c, const lun_op *op, lun_signature *sig) {
  memset(sig, 0, sizeof *sig);
  bool outputs = false;
  for (const char *w = op->args; *w;) {
    w += strspn(w, " ");
    if (!*w) break;
    size_t len = strcspn(w, " ");
    if (len == 2 && !strncmp(w, "->", 2))
      outputs = true;
    else if (!outputs) {
      if (sig->nargs == LUN_MAX_ARGS) return bad(c, op, w, "is one too many");
      LUN_TRY(parse_param(c, op, w, &sig->arg[sig->nargs++]));
    } else {
      if (sig->nouts == LUN_MAX_OUTS) return bad(c, op, w, "is one output too many");
      size_t n = strcspn(w, ": ");
      if (n >= sizeof sig->out_name[0]) return bad(c, op, w, "is too long a name");
      memcpy(sig->out_name[sig->nouts], w, n);
      sig->out_image[sig->nouts] = len == n + 6 && !strncmp(w + n, ":image", 6);
      sig->out_constant[sig->nouts] = len == n + 9 && !strncmp(w + n, ":constant", 9);
      if (len != n && !sig->out_image[sig->nouts] && !sig->out_constant[sig->nouts])
        return bad(c, op, w, "is an output of an unknown type");
      sig->nouts++;
    }
    w += len;
  }
  return LUN_OK;
}
