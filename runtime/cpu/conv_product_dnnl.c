/* conv_product_dnnl.c: the weight gradient of a bf16 convolution as im2col and oneDNN's matrix product. */
#include "cpu/conv_entry.h"

/* Weight gradients of native bf16 where images are small: measured at 512 channels of 4 x 4 on AMX, oneDNN 2.6 reaches
** 202 GFLOP/s there (766 to 1,137 on larger images: it has too few pixels per image to fill its tiles), its matrix
** product 1,300 and more. And with stride 2: 64 to 128 channels 35 instead of 49 ms, 128 to 256 27 instead of 34 (Zen
** 4). So dw (out, taps) = dy^T (out, pixels) columns (pixels, taps), a group of images at a time. */
bool lun_dw_as_product(const conv_geometry *g) {
  return (g->oh * g->ow <= 16 || (g->stride > 1 && g->kh * g->kw > 1)) && g->c % 32 == 0 && g->k % 32 == 0;
}

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
    for (int i = 0; i < 4 && !st; i++) st = lun_dnnl_memory(d, md[i], &arg[i]);
  }
  if (!st) {
    void *data[4] = {a, b, y, pad};
    for (int i = 0; i < 4; i++) d->f.memory_set_data_handle(arg[i], data[i]);
    dnnl_exec_arg_t args[4] = {
        {DNNL_ARG_SRC, arg[0]}, {DNNL_ARG_WEIGHTS, arg[1]}, {DNNL_ARG_DST, arg[2]}, {DNNL_ARG_SCRATCHPAD, arg[3]}};
    st = lun_dnnl_run(c, d, p, 4, args);
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

int lun_native_dw(lun_call *c, lun_dnnl *d, conv_geometry g, const uint16_t *x, const uint16_t *dy, float *dw) {
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
