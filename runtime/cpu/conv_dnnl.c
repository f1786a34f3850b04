/* conv_dnnl.c: convolution on oneDNN.
**
** Images stay NHWC in memory; weights are brought from f32 (out,in,kh,kw) into the blocked format (and dtype) that the
** primitive asks for, in one reorder per call. Compiled primitives are kept by shape, dtype, direction and threads.
** bf16 images run as bf16 where the CPU has fast units for it (engine.h); elsewhere bf16 arithmetic is slower than f32,
** so a few images at a time are converted to f32 in scratch that stays in the cache.
*/
#include "cpu/conv_entry.h"

#include <omp.h>

/* The whole batch in the images' own dtype. */
static int whole(lun_call *c, lun_dnnl *d, lun_conv_entry *e, void *x, void *w, void *bias, void *y) {
  void *room;
  int64_t packed = (e->weight_bytes + 63) / 64 * 64;
  LUN_TRY(lun_scratch(c, packed + e->pad_bytes, &room));
  int st = lun_conv_execute(c, d, e, x, w, bias, y, room, false, (char *)room + packed);
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
  int64_t ready = 0; /* images of the group whose entry's weights `room` holds */
  key.type = LUN_F32;
  int st = lun_scratch(c, size * in * 4, (void **)&fx);
  if (!st) st = lun_scratch(c, size * out * 4, (void **)&fy);
  if (!st && kind == LUN_CONV_DW && size < g.n) st = lun_scratch(c, weights * 4, (void **)&part);
  for (int64_t i = 0; i < g.n && !st; i += size) {
    int64_t n = g.n - i < size ? g.n - i : size;
    lun_conv_entry *e = NULL;
    key.g.n = n;
    st = lun_conv_find(c, d, &key, &e);
    int64_t packed = st ? 0 : (e->weight_bytes + 63) / 64 * 64;
    if (!st && n != ready) {
      lun_scratch_free(c, room);
      room = NULL;
      st = lun_scratch(c, packed + e->pad_bytes, (void **)&room);
    }
    if (!st && kind != LUN_CONV_DX) st = lun_cpu_cast(c, x + i * in, LUN_BF16, fx, LUN_F32, n * in);
    if (!st && kind != LUN_CONV_FORWARD) st = lun_cpu_cast(c, y + i * out, LUN_BF16, fy, LUN_F32, n * out);
    if (!st) st = lun_conv_execute(c, d, e, fx, i && part ? part : w, bias, fy, room, n == ready, room + packed);
    if (!st && kind == LUN_CONV_FORWARD) st = lun_cpu_cast(c, fy, LUN_F32, y + i * out, LUN_BF16, n * out);
    if (!st && kind == LUN_CONV_DX) st = lun_cpu_cast(c, fx, LUN_F32, x + i * in, LUN_BF16, n * in);
    if (!st && i && part) {
#pragma omp parallel for simd num_threads(c->threads) schedule(static)
      for (int64_t k = 0; k < weights; k++) w[k] += part[k];
    }
    ready = n;
  }
  lun_scratch_free(c, fx);
  lun_scratch_free(c, fy);
  lun_scratch_free(c, part);
  lun_scratch_free(c, room);
  return st;
}

/* f32 arithmetic on small images goes to OpenBLAS: as products per tap with stride 1, else as im2col. Measured per
** thread on AVX-512 (Cascade Lake, oneDNN 2.6.3, OpenBLAS 0.3.21) for 3 x 3 kernels with 4 x 4 outputs, batch 64,
** ms forward / dx / dw: 512 to 512 channels 68 / 63 / 88 with oneDNN, 54 / 58 / 50 as im2col, 37 / 38 / 35 per
** tap; 256 to 512 channels with stride 2 35 / 29 / 50 against 26 / 28 / 25 as im2col. At 8 x 8 outputs oneDNN is
** level or ahead, and the more so the larger the image. Winograd as oneDNN has it is slower here but for dw of 4 x
** 4 (42 ms).
*/
static bool product_is_faster(const lun_dnnl *d, const conv_geometry *g, lun_dtype type) {
  if (type == LUN_BF16 && d->native_bf16) return false;
  return g->oh * g->ow <= 16 && g->kh * g->kw > 1 && g->c >= 128 && g->k >= 128;
}

/* oneDNN 2.6 first gathers the pixels that a 1 x 1 kernel with a stride meets, in whole vectors of channels, and writes
** beyond the memory it asked for where the last vector is not full: seen with AVX2 and 1 to 4 channels. */
static bool gathers_beyond(const conv_geometry *g) { return g->kh * g->kw == 1 && g->stride > 1 && g->c % 16; }

static int convolve(lun_call *c, lun_dnnl *d, lun_conv_kind kind, conv_geometry g, lun_dtype type, void *x, void *w,
                    void *bias, void *y) {
  if (gathers_beyond(&g)) return LUN_EUNSUPPORTED;
  conv_key key = {.g = g, .kind = kind, .type = type, .bias = bias != NULL, .threads = c->threads};
  int before = omp_get_max_threads(), st = LUN_EUNSUPPORTED;
  lun_conv_entry *e;
  omp_set_num_threads(c->threads);
  if (type == LUN_BF16 && !d->native_bf16)
    st = converted(c, d, key, x, w, bias, y);
  else {
    if (type == LUN_BF16 && kind == LUN_CONV_DW && lun_dw_as_product(&g)) st = lun_native_dw(c, d, g, x, y, w);
    if (st == LUN_EUNSUPPORTED && !(st = lun_conv_find(c, d, &key, &e))) st = whole(c, d, e, x, w, bias, y);
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

/* Whether some of the kernel's taps along an axis lie in the padding at every position. */
static bool has_blind_tap(int64_t taps, int64_t size, int64_t out, int64_t stride, int64_t pad) {
  for (int64_t k = 0; k < taps; k++) {
    bool sees = false;
    for (int64_t o = 0; o < out && !sees; o++) sees = o * stride + k >= pad && o * stride + k < pad + size;
    if (!sees) return true;
  }
  return false;
}

/* oneDNN's AMX kernel (2.6.3) leaves the gradients of blind taps as it finds the memory: the images are so small then
** that any other way will do. */
int lun_onednn_dw(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  conv_geometry g = conv_dw_geometry(c);
  if (has_blind_tap(g.kh, g.h, g.oh, g.stride, g.pad) || has_blind_tap(g.kw, g.w, g.ow, g.stride, g.pad))
    return LUN_EUNSUPPORTED;
  lun_dnnl *d = choose(c, &g, x->dtype);
  if (!d) return LUN_EUNSUPPORTED;
  return convolve(c, d, LUN_CONV_DW, g, x->dtype, lun_data(x), lun_data(c->out[0]), NULL, lun_data(c->arg[1].t));
}
