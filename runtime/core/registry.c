/* registry.c: the op table of a context, found by name; kernels joined to it by name. */
#include "core.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash(const char *s) {
  uint32_t h = 2166136261u;
  for (; *s; s++) h = (h ^ (uint8_t)*s) * 16777619u;
  return h;
}

luni_entry *luni_find(const lun_context *c, const char *name) {
  if (!c->nbuckets) return NULL;
  for (uint32_t b = hash(name);; b++) {
    int i = c->bucket[b & (uint32_t)(c->nbuckets - 1)];
    if (!i) return NULL;
    if (c->entry[i - 1].row->name == name || !strcmp(c->entry[i - 1].row->name, name)) return &c->entry[i - 1];
  }
}

static int keep_masks(lun_context *c, luni_entry *e) {
  for (const char *w = e->row->keep ? e->row->keep : ""; *w;) {
    w += strspn(w, " ");
    size_t n = strcspn(w, " ");
    bool known = n == 0;
    for (int i = 0; i < e->sig.nargs; i++)
      if (strlen(e->sig.arg[i].name) == n && !strncmp(e->sig.arg[i].name, w, n)) e->keep_args |= 1u << i, known = true;
    for (int i = 0; i < e->sig.nouts; i++)
      if (strlen(e->sig.out_name[i]) == n && !strncmp(e->sig.out_name[i], w, n)) e->keep_outs |= 1u << i, known = true;
    if (!known)
      return lun_fail(c, LUN_EARG, "op table: %s keeps '%.*s', which is no argument or output", e->row->name, (int)n,
                      w);
    w += n;
  }
  return LUN_OK;
}

int luni_register_ops(lun_context *c, const lun_op *const *rows) {
  int n = 0;
  while (rows[n]) n++;
  c->nbuckets = 64;
  while (c->nbuckets < 2 * n) c->nbuckets *= 2;
  c->entry = luni_alloc(c, (int64_t)n * (int64_t)sizeof *c->entry);
  c->bucket = luni_alloc(c, c->nbuckets * (int64_t)sizeof *c->bucket);
  if (!c->entry || !c->bucket) return LUN_EMEM;
  for (int i = 0; i < n; i++) {
    luni_entry *e = &c->entry[i];
    if (luni_find(c, rows[i]->name)) return lun_fail(c, LUN_EARG, "op table: two ops are named %s", rows[i]->name);
    e->row = rows[i];
    c->nentries = i + 1;
    LUN_TRY(luni_signature_parse(c, rows[i], &e->sig));
    LUN_TRY(keep_masks(c, e));
    e->kernel[LUN_CPU] = rows[i]->cpu;
    uint32_t b = hash(rows[i]->name);
    while (c->bucket[b & (uint32_t)(c->nbuckets - 1)]) b++;
    c->bucket[b & (uint32_t)(c->nbuckets - 1)] = i + 1;
  }
  return LUN_OK;
}

void luni_register_kernels(lun_context *c, lun_device d, const lun_kernel *k) {
  for (; k && k->name; k++) {
    luni_entry *e = luni_find(c, k->name);
    if (e) e->kernel[d] = k->run;
  }
}

void luni_registry_free(lun_context *c) {
  for (int i = 0; i < c->nentries; i++)
    for (int a = 0; a < c->entry[i].sig.nargs; a++)
      if (c->entry[i].sig.arg[a].type == LUN_ARG_STRING) free((char *)c->entry[i].sig.arg[a].def.s);
  luni_free(c, c->entry, 0); /* the counters end with the context, so sizes no longer matter */
  luni_free(c, c->bucket, 0);
}

int lun_op_count(const lun_context *c) { return c->nentries; }
const lun_op *lun_op_at(const lun_context *c, int i) { return i >= 0 && i < c->nentries ? c->entry[i].row : NULL; }
const char *lun_op_name(const lun_op *op) { return op->name; }
const char *lun_op_doc(const lun_op *op) { return op->doc; }
const char *lun_op_args(const lun_op *op) { return op->args; }
bool lun_op_has_grad(const lun_op *op) { return op->grad != NULL; }
bool lun_op_is_method(const lun_op *op) { return op->method; }

const lun_op *lun_op_find(const lun_context *c, const char *name) {
  luni_entry *e = luni_find(c, name);
  return e ? e->row : NULL;
}

const lun_signature *lun_op_signature(const lun_context *c, const lun_op *op) {
  luni_entry *e = luni_find(c, op->name);
  return e ? &e->sig : NULL;
}
