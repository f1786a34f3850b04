/* conv_dnnl.c: convolution on oneDNN.
**
** Images stay NHWC in memory; weights are brought from f32 (out,in,kh,kw) into the blocked format (and dtype) that the
** primitive asks for, in one reorder per call. Compiled primitives are kept by shape, dtype, direction and threads.
** bf16 images run as bf16 where the CPU has AMX; elsewhere bf16 arithmetic is slower than f32, so a few images at a
** time are converted to f32 in scratch that stays in the cache.
*/
#include "cpu/state.h"
#include "cpu/kernels.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  conv_geometry g;
  int64_t kind, type, bias, threads;
} conv_key;

struct lun_conv_entry {
  conv_key key;
  lun_conv_entry *next;
  dnnl_primitive_t conv, reorder; /* reorder NULL: the plain format is the one wanted */
  dnnl_memory_t x, y, bias, weights, plain, pad;
  int64_t weight_bytes, pad_bytes;
};

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

static int memory(lun_dnnl *d, lun_md_ref md, dnnl_memory_t *out) {
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
    if (!st) st = memory(d, lun_md_of(&x), &e->x);
    if (!st) st = memory(d, lun_md_of(&y), &e->y);
    if (!st) st = memory(d, w, &e->weights);
    if (!st) st = memory(d, p, &e->plain);
    if (!st) st = memory(d, pad, &e->pad);
    if (!st && e->key.bias) st = memory(d, lun_md_of(&bias), &e->bias);
  }
  if (hint) d->f.primitive_desc_destroy(hint);
  if (pd) d->f.primitive_desc_destroy(pd);
  if (rpd) d->f.primitive_desc_destroy(rpd);
  lun_md *all[] = {&x, &y, &any, &sum, &plain, &bias};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) lun_md_drop(d, all[i]);
  return st;
}

static int find(lun_call *c, lun_dnnl *d, const conv_key *key, lun_conv_entry **out) {
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

static int run(lun_call *c, lun_dnnl *d, dnnl_primitive_t p, int n, const dnnl_exec_arg_t *args) {
  dnnl_status_t st = d->f.primitive_execute(p, d->stream, n, args);
  if (st == dnnl_success) st = d->f.stream_wait(d->stream);
  if (st == dnnl_success) return LUN_OK;
  return lun_fail(c->ctx, st == dnnl_out_of_memory ? LUN_EMEM : LUN_EUNSUPPORTED, "%s: oneDNN failed with status %d",
                  c->op->name, (int)st);
}

static int reorder(lun_call *c, lun_dnnl *d, lun_conv_entry *e, bool back) {
  dnnl_exec_arg_t a[] = {{DNNL_ARG_FROM, back ? e->weights : e->plain}, {DNNL_ARG_TO, back ? e->plain : e->weights}};
  return run(c, d, e->reorder, 2, a);
}

/* One batch of images. w: plain weights, read, or for LUN_CONV_DW written. packed: room for the blocked weights, which
** hold them already where `ready`. */
static int execute(lun_call *c, lun_dnnl *d, lun_conv_entry *e, void *x, void *w, void *bias, void *y, void *packed,
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
  LUN_TRY(run(c, d, e->conv, n, a));
  return kind == LUN_CONV_DW && e->reorder ? reorder(c, d, e, true) : LUN_OK;
}

/* The whole batch in the images' own dtype. */
static int whole(lun_call *c, lun_dnnl *d, lun_conv_entry *e, void *x, void *w, void *bias, void *y) {
  void *room;
  int64_t packed = (e->weight_bytes + 63) / 64 * 64;
  LUN_TRY(lun_scratch(c, packed + e->pad_bytes, &room));
  int st = execute(c, d, e, x, w, bias, y, room, false, (char *)room + packed);
  lun_scratch_free(c, room);
  return st;
}

/* Images of one group for bf16 as f32: a divisor of the batch where one is near, so that one primitive does. */
static int64_t group_size(const conv_geometry *g) {
  int64_t image = 4 * (g->c * g->h * g->w + g->k * g->oh * g->ow), most = (int64_t)(8 << 20) / (image ? image : 1);
  if (most < 8) most = 8;
  if (most >= g->n) return g->n;
  for (int64_t n = most; 2 * n > most; n--)
    if (g->n % n == 0) return n;
  return most;
}

/* bf16 images around an f32 convolution, a group at a time. */
static int converted(lun_call *c, lun_dnnl *d, conv_key key, uint16_t *x, float *w, void *bias, uint16_t *y) {
  conv_geometry g = key.g;
  lun_conv_kind kind = (lun_conv_kind)key.kind;
  int64_t in = g.c * g.h * g.w, out = g.k * g.oh * g.ow, size = group_size(&g), weights = g.k * g.c * g.kh * g.kw;
  float *fx = NULL, *fy = NULL, *part = NULL;
  char *room = NULL;
  lun_conv_entry *last = NULL;
  key.type = LUN_F32;
  int st = lun_scratch(c, size * in * 4, (void **)&fx);
  if (!st) st = lun_scratch(c, size * out * 4, (void **)&fy);
  if (!st && kind == LUN_CONV_DW && size < g.n) st = lun_scratch(c, weights * 4, (void **)&part);
  for (int64_t i = 0; i < g.n && !st; i += size) {
    int64_t n = g.n - i < size ? g.n - i : size;
    lun_conv_entry *e = NULL;
    key.g.n = n;
    st = find(c, d, &key, &e);
    int64_t packed = st ? 0 : (e->weight_bytes + 63) / 64 * 64;
    if (!st && e != last) {
      lun_scratch_free(c, room);
      room = NULL;
      st = lun_scratch(c, packed + e->pad_bytes, (void **)&room);
    }
    if (!st && kind != LUN_CONV_DX) st = lun_cpu_cast(c, x + i * in, LUN_BF16, fx, LUN_F32, n * in);
    if (!st && kind != LUN_CONV_FORWARD) st = lun_cpu_cast(c, y + i * out, LUN_BF16, fy, LUN_F32, n * out);
    if (!st) st = execute(c, d, e, fx, i && part ? part : w, bias, fy, room, e == last, room + packed);
    if (!st && kind == LUN_CONV_FORWARD) st = lun_cpu_cast(c, fy, LUN_F32, y + i * out, LUN_BF16, n * out);
    if (!st && kind == LUN_CONV_DX) st = lun_cpu_cast(c, fx, LUN_F32, x + i * in, LUN_BF16, n * in);
    if (!st && i && part) {
#pragma omp parallel for simd num_threads(c->threads) schedule(static)
      for (int64_t k = 0; k < weights; k++) w[k] += part[k];
    }
    last = e;
  }
  lun_scratch_free(c, fx);
  lun_scratch_free(c, fy);
  lun_scratch_free(c, part);
  lun_scratch_free(c, room);
  return st;
}

/* Weight gradients of native bf16 where images are small: measured at 512 channels of 4 x 4 on AMX, oneDNN 2.6 reaches
** 202 GFLOP/s there (766 to 1,137 on larger images: it has too few pixels per image to fill its tiles), its matrix
** product 1,300 and more. So dw (out, taps) = dy^T (out, pixels) columns (pixels, taps), a group of images at a time.
*/
static bool dw_as_product(const conv_geometry *g) { return g->oh * g->ow <= 16 && g->c % 32 == 0 && g->k % 32 == 0; }

static int product(lun_call *c, lun_dnnl *d, int64_t m, int64_t n, int64_t k, void *a, void *b, void *y) {
  lun_md ma = {0}, mb = {0}, my = {0};
  dnnl_primitive_desc_t pd = NULL;
  dnnl_primitive_t p = NULL;
  dnnl_memory_t arg[4] = {NULL};
  void *pad = NULL;
  int st = lun_md_tag(d, &ma, 2, (int64_t[]){m, k}, dnnl_bf16, dnnl_ab);
  if (!st) st = lun_md_tag(d, &mb, 2, (int64_t[]){k, n}, dnnl_bf16, dnnl_ab);
  if (!st) st = lun_md_tag(d, &my, 2, (int64_t[]){m, n}, dnnl_f32, dnnl_ab);
  if (!st) st = lun_dnnl_matmul(d, &ma, &mb, &my, &pd);
  if (!st) { /* oneDNN's own cache makes the second primitive of a shape cheap */
    lun_md_ref md[4] = {lun_md_of(&ma), lun_md_of(&mb), lun_md_of(&my),
                        d->f.primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0)};
    st = d->f.primitive_create(&p, pd) ? LUN_EUNSUPPORTED : LUN_OK;
    if (!st) st = lun_scratch(c, (int64_t)d->f.memory_desc_get_size(md[3]), &pad);
    for (int i = 0; i < 4 && !st; i++) st = memory(d, md[i], &arg[i]);
  }
  if (!st) {
    void *data[4] = {a, b, y, pad};
    for (int i = 0; i < 4; i++) d->f.memory_set_data_handle(arg[i], data[i]);
    dnnl_exec_arg_t args[4] = {
        {DNNL_ARG_SRC, arg[0]}, {DNNL_ARG_WEIGHTS, arg[1]}, {DNNL_ARG_DST, arg[2]}, {DNNL_ARG_SCRATCHPAD, arg[3]}};
    st = run(c, d, p, 4, args);
  }
  for (int i = 0; i < 4; i++)
    if (arg[i]) d->f.memory_destroy(arg[i]);
  if (p) d->f.primitive_destroy(p);
  if (pd) d->f.primitive_desc_destroy(pd);
  lun_md_drop(d, &ma);
  lun_md_drop(d, &mb);
  lun_md_drop(d, &my);
  lun_scratch_free(c, pad);
  return st;
}

static void transpose(const uint16_t *s, int64_t rows, int64_t cols, uint16_t *t, int threads) {
  enum { TILE = 32 };
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t j0 = 0; j0 < cols; j0 += TILE)
    for (int64_t i0 = 0; i0 < rows; i0 += TILE)
      for (int64_t j = j0; j < j0 + TILE && j < cols; j++)
        for (int64_t i = i0; i < i0 + TILE && i < rows; i++) t[j * rows + i] = s[i * cols + j];
}

static int native_dw_as_product(lun_call *c, lun_dnnl *d, conv_geometry g, const uint16_t *x, const uint16_t *dy,
                                float *dw) {
  int64_t taps = g.kh * g.kw * g.c, pixels = g.oh * g.ow, weights = g.k * taps;
  int64_t group = ((int64_t)16 << 20) / (pixels * taps * 2);
  group = group < 1 ? 1 : group > g.n ? g.n : group;
  uint16_t *cols = NULL, *dyt = NULL;
  float *sum = NULL, *part = NULL;
  int st = lun_scratch(c, group * pixels * taps * 2, (void **)&cols);
  if (!st) st = lun_scratch(c, group * pixels * g.k * 2, (void **)&dyt);
  if (!st) st = lun_scratch(c, weights * 4, (void **)&sum);
  if (!st && group < g.n) st = lun_scratch(c, weights * 4, (void **)&part);
  for (int64_t i = 0; i < g.n && !st; i += group) {
    int64_t n = g.n - i < group ? g.n - i : group;
    lun_im2col_fill(&g, 2, (const char *)(x + i * g.c * g.h * g.w), n, (char *)cols, c->threads);
    transpose(dy + i * g.k * pixels, n * pixels, g.k, dyt, c->threads);
    st = product(c, d, g.k, taps, n * pixels, dyt, cols, i ? part : sum);
    if (!st && i) {
#pragma omp parallel for simd num_threads(c->threads) schedule(static)
      for (int64_t k = 0; k < weights; k++) sum[k] += part[k];
    }
  }
  if (!st) lun_im2col_unpack(&g, sum, dw, c->threads);
  lun_scratch_free(c, cols);
  lun_scratch_free(c, dyt);
  lun_scratch_free(c, sum);
  lun_scratch_free(c, part);
  return st;
}

/* f32 arithmetic on small images goes to im2col + OpenBLAS. Measured per thread on AVX-512 (Cascade Lake, oneDNN 2.6.3,
** OpenBLAS 0.3.21) for 3 x 3 convolutions with 4 x 4 outputs, batch 64, ms forward / dx / dw: 512 to 512 channels 68 /
*63 /
** 88 with oneDNN, 54 / 58 / 50 as products; 256 to 512 channels 35 / 29 / 50 against 26 / 28 / 25. At 8 x 8 outputs
** oneDNN is ahead (36 / 45 / 50 against 56 / 72 / 53), and the more so the larger the image. */
static bool product_is_faster(const lun_dnnl *d, const conv_geometry *g, lun_dtype type) {
  if (type == LUN_BF16 && d->native_bf16) return false;
  return g->oh * g->ow <= 16 && g->kh * g->kw > 1 && g->c >= 128 && g->k >= 128;
}

static int convolve(lun_call *c, lun_dnnl *d, lun_conv_kind kind, conv_geometry g, lun_dtype type, void *x, void *w,
                    void *bias, void *y) {
  conv_key key = {.g = g, .kind = kind, .type = type, .bias = bias != NULL, .threads = c->threads};
  int before = omp_get_max_threads(), st = LUN_EUNSUPPORTED;
  lun_conv_entry *e;
  omp_set_num_threads(c->threads);
  if (type == LUN_BF16 && !d->native_bf16)
    st = converted(c, d, key, x, w, bias, y);
  else {
    if (type == LUN_BF16 && kind == LUN_CONV_DW && dw_as_product(&g)) st = native_dw_as_product(c, d, g, x, y, w);
    if (st == LUN_EUNSUPPORTED && !(st = find(c, d, &key, &e))) st = whole(c, d, e, x, w, bias, y);
  }
  omp_set_num_threads(before);
  return st;
}

/* The gradient to x of a convolution with stride 1 is a convolution of dy: weights with in and out exchanged and taps
** in reverse, padding kernel - 1 - padding. oneDNN's forward kernels are ahead of its backward ones: measured for 64
** channels of 32 x 32 in f32 36 against 57 ms, of 16 x 16 34 against 39, 256 of 8 x 8 36 against 45; with AMX 1,596
** against 1,112 GFLOP/s and 2,462 against 1,739. */
static bool dx_as_forward(const conv_geometry *g) { return g->stride == 1 && g->kh == g->kw && g->pad < g->kh; }

static int turned(lun_call *c, lun_dnnl *d, conv_geometry g, lun_dtype type, void *dx, const float *w, void *dy) {
  int64_t taps = g.kh * g.kw;
  float *t;
  LUN_TRY(lun_scratch(c, g.k * g.c * taps * 4, (void **)&t));
#pragma omp parallel for num_threads(c->threads) schedule(static)
  for (int64_t ch = 0; ch < g.c; ch++)
    for (int64_t o = 0; o < g.k; o++)
      for (int64_t i = 0; i < taps; i++) t[(ch * g.k + o) * taps + i] = w[(o * g.c + ch) * taps + taps - 1 - i];
  conv_geometry f = {g.n, g.k, g.oh, g.ow, g.c, g.kh, g.kw, g.h, g.w, 1, g.kh - 1 - g.pad};
  int st = convolve(c, d, LUN_CONV_FORWARD, f, type, dy, t, NULL, dx);
  lun_scratch_free(c, t);
  return st;
}

/* oneDNN where it is there and has the dtype, sizes are not zero, and it is not the slower way. */
static lun_dnnl *choose(lun_call *c, const conv_geometry *g, lun_dtype type) {
  lun_dnnl *d = lun_dnnl_of(c->ctx);
  if (!d || type == LUN_F64 || !g->n || !g->c || !g->k || !g->oh || !g->ow) return NULL;
  return product_is_faster(d, g, type) && lun_blas_of(c->ctx) ? NULL : d;
}

int lun_onednn_forward(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *bias = c->arg[2].t;
  conv_geometry g = conv_forward_geometry(c);
  lun_dnnl *d = choose(c, &g, x->dtype);
  if (!d) return LUN_EUNSUPPORTED;
  return convolve(c, d, LUN_CONV_FORWARD, g, x->dtype, lun_data(x), lun_data(c->arg[1].t), bias ? lun_data(bias) : NULL,
                  lun_data(c->out[0]));
}

int lun_onednn_dx(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t;
  void *w = lun_data(c->arg[1].t), *dx = lun_data(c->out[0]);
  conv_geometry g = conv_dx_geometry(c);
  lun_dnnl *d = choose(c, &g, dy->dtype);
  if (!d) return LUN_EUNSUPPORTED;
  if (dx_as_forward(&g)) return turned(c, d, g, dy->dtype, dx, w, lun_data(dy));
  return convolve(c, d, LUN_CONV_DX, g, dy->dtype, dx, w, NULL, lun_data(dy));
}

int lun_onednn_dw(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  conv_geometry g = conv_dw_geometry(c);
  lun_dnnl *d = choose(c, &g, x->dtype);
  if (!d) return LUN_EUNSUPPORTED;
  return convolve(c, d, LUN_CONV_DW, g, x->dtype, lun_data(x), lun_data(c->out[0]), NULL, lun_data(c->arg[1].t));
}
