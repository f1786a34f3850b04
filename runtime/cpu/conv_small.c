/* conv_small.c: f32 convolution of small images, stride 1, as one matrix product per tap and row on OpenBLAS.
**
** Images are brought to pixel-major order, (h,w,n,c): the pixels of a row which a tap reads are then one matrix of
** (pixels n) x c, and so are those it writes. Only pixels inside the image take part, where im2col and oneDNN multiply
** with the zeros of the border too: at 4 x 4 pixels with a 3 x 3 kernel those are 44 of 144 products. No columns are
** stored.
*/
#include "cpu/blas.h"
#include "cpu/kernels.h"
#include "core/op.h"

#include <string.h>

typedef enum { FORWARD, DX, DW } direction;

/* Below 16 samples the matrices are too flat; above 64 pixels the border matters little and direct kernels are ahead.
 */
static bool fits(const conv_geometry *g, lun_dtype type) {
  return type != LUN_F64 && g->stride == 1 && g->kh * g->kw > 1 && g->oh * g->ow <= 64 && g->h * g->w <= 64 &&
         g->n >= 16 && g->c >= 64 && g->k >= 64 && g->oh > 0 && g->ow > 0;
}

/* (n, pixels, ch) to (pixels, n, ch), or back. */
static void swap_axes(const float *s, int64_t n, int64_t pixels, int64_t ch, float *d, bool back, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < pixels; i++)
    for (int64_t m = 0; m < n; m++) {
      int64_t image = (m * pixels + i) * ch, pixel = (i * n + m) * ch;
      memcpy(d + (back ? image : pixel), s + (back ? pixel : image), (size_t)ch * sizeof *s);
    }
}

/* Images of t, f32 or bf16, in pixel-major f32. */
static int gather(lun_call *c, const lun_tensor *t, float *to) {
  int64_t n = t->shape[0], ch = t->shape[1], pixels = t->shape[2] * t->shape[3];
  const float *from = lun_data(t);
  void *wide = NULL;
  if (t->dtype == LUN_BF16) {
    LUN_TRY(lun_scratch(c, lun_numel(t) * 4, &wide));
    int st = lun_cpu_cast(c, lun_data(t), LUN_BF16, wide, LUN_F32, lun_numel(t));
    if (st) {
      lun_scratch_free(c, wide);
      return st;
    }
    from = wide;
  }
  swap_axes(from, n, pixels, ch, to, false, c->threads);
  lun_scratch_free(c, wide);
  return LUN_OK;
}

static int scatter(lun_call *c, const float *from, const lun_tensor *t) {
  int64_t n = t->shape[0], ch = t->shape[1], pixels = t->shape[2] * t->shape[3];
  if (t->dtype == LUN_F32) {
    swap_axes(from, n, pixels, ch, lun_data(t), true, c->threads);
    return LUN_OK;
  }
  void *wide;
  LUN_TRY(lun_scratch(c, lun_numel(t) * 4, &wide));
  swap_axes(from, n, pixels, ch, wide, true, c->threads);
  int st = lun_cpu_cast(c, wide, LUN_F32, lun_data(t), LUN_BF16, lun_numel(t));
  lun_scratch_free(c, wide);
  return st;
}

/* x (h,w,n,c), y (oh,ow,n,k), w (k,kh,kw,c); what `way` writes was cleared (or holds the bias). */
static int products(lun_call *c, direction way, const conv_geometry *g, float *x, float *w, float *y) {
  int64_t row = g->kh * g->kw * g->c;
  for (int64_t i = 0; i < g->oh; i++)
    for (int64_t p = 0; p < g->kh; p++)
      for (int64_t q = 0; q < g->kw; q++) {
        int64_t h = i + p - g->pad, left = g->pad - q > 0 ? g->pad - q : 0;
        int64_t right = g->w + g->pad - q < g->ow ? g->w + g->pad - q : g->ow, m = (right - left) * g->n;
        if (h < 0 || h >= g->h || m <= 0) continue;
        float *xs = x + (h * g->w + left + q - g->pad) * g->n * g->c, *ys = y + (i * g->ow + left) * g->n * g->k;
        float *tap = w + (p * g->kw + q) * g->c;
        if (way == FORWARD)
          LUN_TRY(lun_gemm_add(c->ctx, false, true, m, g->k, g->c, xs, g->c, tap, row, ys, g->k, c->threads));
        else if (way == DX)
          LUN_TRY(lun_gemm_add(c->ctx, false, false, m, g->c, g->k, ys, g->k, tap, row, xs, g->c, c->threads));
        else
          LUN_TRY(lun_gemm_add(c->ctx, true, false, g->k, g->c, m, ys, g->k, xs, g->c, tap, row, c->threads));
      }
  return LUN_OK;
}

static int run(lun_call *c, direction way, conv_geometry g, const lun_tensor *x, const lun_tensor *w,
               const lun_tensor *bias, const lun_tensor *y) {
  if (!fits(&g, x->dtype) || !lun_blas_of(c->ctx)) return LUN_EUNSUPPORTED;
  int64_t nx = g.h * g.w * g.n * g.c, ny = g.oh * g.ow * g.n * g.k, nw = g.k * g.kh * g.kw * g.c;
  float *xs = NULL, *ys = NULL, *ws = NULL;
  int st = lun_scratch(c, nx * 4, (void **)&xs);
  if (!st) st = lun_scratch(c, ny * 4, (void **)&ys);
  if (!st) st = lun_scratch(c, nw * 4, (void **)&ws);
  if (!st && way == DX) memset(xs, 0, (size_t)nx * 4);
  if (!st && way == DW) memset(ws, 0, (size_t)nw * 4);
  if (!st && way == FORWARD && !bias) memset(ys, 0, (size_t)ny * 4);
  if (!st && bias)
    for (int64_t i = 0; i < ny; i += g.k) memcpy(ys + i, lun_data(bias), (size_t)g.k * 4);
  if (!st && way != DX) st = gather(c, x, xs);
  if (!st && way != FORWARD) st = gather(c, y, ys);
  if (!st && way != DW) lun_im2col_pack(&g, lun_data(w), ws, c->threads);
  if (!st) st = products(c, way, &g, xs, ws, ys);
  if (!st && way == FORWARD) st = scatter(c, ys, y);
  if (!st && way == DX) st = scatter(c, xs, x);
  if (!st && way == DW) lun_im2col_unpack(&g, ws, lun_data(w), c->threads);
  lun_scratch_free(c, xs);
  lun_scratch_free(c, ys);
  lun_scratch_free(c, ws);
  return st;
}

int lun_small_forward(lun_call *c) {
  return run(c, FORWARD, conv_forward_geometry(c), c->arg[0].t, c->arg[1].t, c->arg[2].t, c->out[0]);
}

int lun_small_dx(lun_call *c) { return run(c, DX, conv_dx_geometry(c), c->out[0], c->arg[1].t, NULL, c->arg[0].t); }

int lun_small_dw(lun_call *c) { return run(c, DW, conv_dw_geometry(c), c->arg[0].t, c->out[0], NULL, c->arg[1].t); }
