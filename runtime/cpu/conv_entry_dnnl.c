/* conv_entry_dnnl.c: compiles a convolution for one shape, dtype, direction and number of threads, keeps it, runs it.
 */
#include "cpu/conv_entry.h"

#include <stdlib.h>
#include <string.h>

static void free_entry(lun_dnnl *d, lun_conv_entry *e) {
  if (e->conv) d->f.primitive_destroy(e->conv);
  if (e->reorder) d->f.primitive_destroy(e->reorder);
  dnnl_memory_t m[] = {e->x, e->y, e->bias, e->weights, e->plain, e->pad};
  for (size_t i = 0; i < sizeof m / sizeof *m; i++)
    if (m[i]) d->f.memory_destroy(m[i]);
  free(e);
}

void lun_conv_cache_clear(lun_dnnl *d) {
  for (int b = 0; b < LUN_CONV_BUCKETS; b++)
    while (d->conv[b]) {
      lun_conv_entry *e = d->conv[b];
      d->conv[b] = e->next;
      free_entry(d, e);
    }
  d->nconv = 0;
}

int lun_dnnl_memory(lun_dnnl *d, lun_md_ref md, dnnl_memory_t *out) {
  return d->f.memory_create(out, md, d->engine, NULL) ? LUN_EUNSUPPORTED : LUN_OK;
}

/* Everything of an entry that follows from its key. */
static int build(lun_dnnl *d, lun_conv_entry *e) {
  const conv_geometry *g = &e->key.g;
  dnnl_data_type_t type = e->key.type == LUN_BF16 ? dnnl_bf16 : dnnl_f32;
  lun_conv_kind kind = (lun_conv_kind)e->key.kind;
  int64_t stride[2] = {g->stride, g->stride}, pads[2] = {g->pad, g->pad};
  int64_t xs[4] = {g->n, g->c, g->h, g->w}, ws[4] = {g->k, g->c, g->kh, g->kw}, ys[4] = {g->n, g->k, g->oh, g->ow};
  lun_md x = {0}, y = {0}, any = {0}, sum = {0}, plain = {0}, bias = {0};
  dnnl_primitive_desc_t hint = NULL, pd = NULL, rpd = NULL;
  int st = lun_md_tag(d, &x, 4, xs, type, dnnl_nhwc);
  if (!st) st = lun_md_tag(d, &y, 4, ys, type, dnnl_nhwc);
  if (!st) st = lun_md_tag(d, &any, 4, ws, type, dnnl_format_tag_any);
  if (!st) st = lun_md_tag(d, &sum, 4, ws, dnnl_f32, dnnl_format_tag_any); /* weight gradients are f32 sums */
  if (!st) st = lun_md_tag(d, &plain, 4, ws, dnnl_f32, dnnl_oihw);
  if (!st) st = lun_md_tag(d, &bias, 1, ws, dnnl_f32, dnnl_a);
  if (!st && kind != LUN_CONV_FORWARD)
    st = lun_dnnl_conv(d, LUN_CONV_FORWARD, &x, &any, NULL, &y, stride, pads, pads, NULL, &hint);
  if (!st)
    st = lun_dnnl_conv(d, kind, &x, kind == LUN_CONV_DW ? &sum : &any, e->key.bias ? &bias : NULL, &y, stride, pads,
                       pads, hint, &pd);
  if (!st) {
    lun_md_ref w =
        d->f.primitive_desc_query_md(pd, kind == LUN_CONV_DW ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    lun_md_ref pad = d->f.primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0), p = lun_md_of(&plain);
    e->weight_bytes = (int64_t)d->f.memory_desc_get_size(w);
    e->pad_bytes = (int64_t)d->f.memory_desc_get_size(pad);
    st = d->f.primitive_create(&e->conv, pd) ? LUN_EUNSUPPORTED : LUN_OK;
    if (!st && !d->f.memory_desc_equal(w, p)) {
      bool back = kind == LUN_CONV_DW;
      if (d->f.reorder_primitive_desc_create(&rpd, back ? w : p, d->engine, back ? p : w, d->engine, NULL) ||
          d->f.primitive_create(&e->reorder, rpd))
        st = LUN_EUNSUPPORTED;
    }
    if (!st) st = lun_dnnl_memory(d, lun_md_of(&x), &e->x);
    if (!st) st = lun_dnnl_memory(d, lun_md_of(&y), &e->y);
    if (!st) st = lun_dnnl_memory(d, w, &e->weights);
    if (!st) st = lun_dnnl_memory(d, p, &e->plain);
    if (!st) st = lun_dnnl_memory(d, pad, &e->pad);
    if (!st && e->key.bias) st = lun_dnnl_memory(d, lun_md_of(&bias), &e->bias);
  }
  if (hint) d->f.primitive_desc_destroy(hint);
  if (pd) d->f.primitive_desc_destroy(pd);
  if (rpd) d->f.primitive_desc_destroy(rpd);
  lun_md *all[] = {&x, &y, &any, &sum, &plain, &bias};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) lun_md_drop(d, all[i]);
  return st;
}

int lun_conv_find(lun_call *c, lun_dnnl *d, const conv_key *key, lun_conv_entry **out) {
  uint64_t h = 1469598103934665603u;
  for (size_t i = 0; i < sizeof *key / 8; i++) {
    uint64_t v;
    memcpy(&v, (const char *)key + 8 * i, 8);
    h = (h ^ v) * 1099511628211u;
  }
  lun_conv_entry **bucket = &d->conv[(h >> 32) % LUN_CONV_BUCKETS];
  for (lun_conv_entry *e = *bucket; e; e = e->next)
    if (!memcmp(&e->key, key, sizeof *key)) {
      *out = e;
      return e->conv ? LUN_OK : LUN_EUNSUPPORTED; /* without a primitive: tried before, in vain */
    }
  if (d->nconv == LUN_CONV_MAX) lun_conv_cache_clear(d); /* shapes that keep changing must not fill memory */
  lun_conv_entry *e = calloc(1, sizeof *e);
  if (!e) return lun_fail(c->ctx, LUN_EMEM, "%s: out of memory: a compiled convolution", c->op->name);
  e->key = *key;
  int st = build(d, e);
  if (st == LUN_EMEM) {
    free_entry(d, e);
    return lun_fail(c->ctx, LUN_EMEM, "%s: out of memory in oneDNN", c->op->name);
  }
  if (st) { /* remember that it cannot be had */
    if (e->conv) d->f.primitive_destroy(e->conv);
    e->conv = NULL;
  }
  e->next = *bucket;
  *bucket = e;
  d->nconv++;
  *out = e;
  return st;
}

int lun_dnnl_run(lun_call *c, lun_dnnl *d, dnnl_primitive_t p, int n, const dnnl_exec_arg_t *args) {
  dnnl_status_t st = d->f.primitive_execute(p, d->stream, n, args);
  if (st == dnnl_success) st = d->f.stream_wait(d->stream);
  if (st == dnnl_success) return LUN_OK;
  return lun_fail(c->ctx, st == dnnl_out_of_memory ? LUN_EMEM : LUN_EUNSUPPORTED, "%s: oneDNN failed with status %d",
                  c->op->name, (int)st);
}

static int reorder(lun_call *c, lun_dnnl *d, lun_conv_entry *e, bool back) {
  dnnl_exec_arg_t a[] = {{DNNL_ARG_FROM, back ? e->weights : e->plain}, {DNNL_ARG_TO, back ? e->plain : e->weights}};
  return lun_dnnl_run(c, d, e->reorder, 2, a);
}

int lun_conv_execute(lun_call *c, lun_dnnl *d, lun_conv_entry *e, void *x, void *w, void *bias, void *y, void *packed,
                     bool ready, void *pad) {
  lun_conv_kind kind = (lun_conv_kind)e->key.kind;
  d->f.memory_set_data_handle(e->x, x);
  d->f.memory_set_data_handle(e->y, y);
  d->f.memory_set_data_handle(e->plain, w);
  d->f.memory_set_data_handle(e->weights, e->reorder ? packed : w);
  d->f.memory_set_data_handle(e->pad, pad);
  if (e->bias) d->f.memory_set_data_handle(e->bias, bias);
  if (kind != LUN_CONV_DW && e->reorder && !ready) LUN_TRY(reorder(c, d, e, false));
  dnnl_exec_arg_t a[5] = {{DNNL_ARG_SCRATCHPAD, e->pad}};
  int n = 1;
  if (kind == LUN_CONV_FORWARD) {
    a[n++] = (dnnl_exec_arg_t){DNNL_ARG_SRC, e->x};
    a[n++] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, e->weights};
    a[n++] = (dnnl_exec_arg_t){DNNL_ARG_DST, e->y};
    if (e->bias) a[n++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, e->bias};
  } else if (kind == LUN_CONV_DX) {
    a[n++] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_DST, e->y};
    a[n++] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, e->weights};
    a[n++] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_SRC, e->x};
  } else {
    a[n++] = (dnnl_exec_arg_t){DNNL_ARG_SRC, e->x};
    a[n++] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_DST, e->y};
    a[n++] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_WEIGHTS, e->weights};
  }
  LUN_TRY(lun_dnnl_run(c, d, e->conv, n, a));
  return kind == LUN_CONV_DW && e->reorder ? reorder(c, d, e, true) : LUN_OK;
}
