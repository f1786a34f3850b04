/* im2col.c: convolution as a matrix product on OpenBLAS: what a build or machine without oneDNN uses, and the engine's
** f64 convolution.
**
** Columns of one image: a row per output pixel, holding the kh x kw x c patch under it; with images stored NHWC every
** tap is one run of c elements. Weights are brought to the same order, (out,kh,kw,in). Images are taken in groups whose
** columns stay in the cache.
*/
#include "cpu/blas.h"
#include "cpu/kernels.h"

#include <string.h>

typedef struct {
  conv_geometry g;
  lun_dtype act, real;    /* of the images; of weights and arithmetic */
  int64_t size;           /* bytes of `real` */
  int64_t taps;           /* kh kw c */
  int64_t group;          /* images at a time */
  bool direct;            /* the image is its own columns: 1 x 1, stride 1 */
  char *w, *cols, *x, *y; /* scratch: reordered weights; columns; images as `real` where act is bf16 */
} plan;

static int make_plan(lun_call *c, plan *p, conv_geometry g, lun_dtype act) {
  memset(p, 0, sizeof *p);
  if (!lun_blas_of(c->ctx) || !g.n || !g.c || !g.k || !g.oh || !g.ow) return LUN_EUNSUPPORTED;
  p->g = g;
  p->act = act;
  p->real = act == LUN_F64 ? LUN_F64 : LUN_F32;
  p->size = lun_dtype_size(p->real);
  p->taps = g.kh * g.kw * g.c;
  p->direct = g.kh == 1 && g.kw == 1 && g.stride == 1 && g.pad == 0;
  int64_t image;
  LUN_TRY(lun_mul(c->ctx, g.oh * g.ow, p->taps * p->size, &image));
  p->group = (int64_t)(4 << 20) / image;
  p->group = p->group < 1 ? 1 : p->group > g.n ? g.n : p->group;
  int st = lun_scratch(c, g.k * p->taps * p->size, (void **)&p->w);
  if (!st && !p->direct) st = lun_scratch(c, p->group * image, (void **)&p->cols);
  if (!st && act == LUN_BF16) st = lun_scratch(c, p->group * g.c * g.h * g.w * p->size, (void **)&p->x);
  if (!st && act == LUN_BF16) st = lun_scratch(c, p->group * g.k * g.oh * g.ow * p->size, (void **)&p->y);
  return st;
}

static int end_plan(lun_call *c, plan *p, int st) {
  lun_scratch_free(c, p->w);
  lun_scratch_free(c, p->cols);
  lun_scratch_free(c, p->x);
  lun_scratch_free(c, p->y);
  return st;
}

/* Images i.. of t as `real`: in place, or converted into buf. */
static int images_in(lun_call *c, const plan *p, const lun_tensor *t, int64_t image, int64_t i, int64_t n, char *buf,
                     char **out) {
  *out = (char *)lun_data(t) + i * image * lun_dtype_size(t->dtype);
  if (!buf) return LUN_OK;
  LUN_TRY(lun_cpu_cast(c, *out, t->dtype, buf, p->real, n * image));
  *out = buf;
  return LUN_OK;
}

/* (out,in,kh,kw) to (out,kh,kw,in), or back. */
#define REORDER(name, type)                                                                                            \
  static void name(const conv_geometry *g, const type *s, type *d, bool back, int threads) {                           \
    int64_t t = g->kh * g->kw;                                                                                         \
    _Pragma("omp parallel for num_threads(threads) schedule(static)") for (int64_t o = 0; o < g->k;                    \
                                                                           o++) for (int64_t ch = 0; ch < g->c;        \
                                                                                     ch++) for (int64_t i = 0; i < t;  \
                                                                                                i++) {                 \
      int64_t oihw = (o * g->c + ch) * t + i, ohwi = (o * t + i) * g->c + ch;                                          \
      if (back)                                                                                                        \
        d[oihw] = s[ohwi];                                                                                             \
      else                                                                                                             \
        d[ohwi] = s[oihw];                                                                                             \
    }                                                                                                                  \
  }
REORDER(reorder_f32, float)
REORDER(reorder_f64, double)

static void reorder(const plan *p, const void *s, void *d, bool back, int threads) {
  if (p->real == LUN_F64)
    reorder_f64(&p->g, s, d, back, threads);
  else
    reorder_f32(&p->g, s, d, back, threads);
}

void lun_im2col_pack(const conv_geometry *g, const float *oihw, float *ohwi, int threads) {
  reorder_f32(g, oihw, ohwi, false, threads);
}

void lun_im2col_unpack(const conv_geometry *g, const float *ohwi, float *oihw, int threads) {
  reorder_f32(g, ohwi, oihw, true, threads);
}

void lun_im2col_fill(const conv_geometry *of, int64_t size, const char *x, int64_t n, char *cols, int threads) {
  conv_geometry g = *of;
  int64_t run = g.c * size, row_bytes = g.kh * g.kw * run;
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t row = 0; row < n * g.oh; row++)
    for (int64_t j = 0; j < g.ow; j++) {
      char *to = cols + (row * g.ow + j) * row_bytes;
      for (int64_t a = 0; a < g.kh; a++)
        for (int64_t b = 0; b < g.kw; b++, to += run) {
          int64_t h = row % g.oh * g.stride + a - g.pad, v = j * g.stride + b - g.pad;
          if (h < 0 || h >= g.h || v < 0 || v >= g.w)
            memset(to, 0, (size_t)run);
          else
            memcpy(to, x + ((row / g.oh * g.h + h) * g.w + v) * run, (size_t)run);
        }
    }
}

/* The transpose of lun_im2col_fill: adds every tap to its pixel. One image per thread. */
#define SCATTER(name, type)                                                                                            \
  static void name(const plan *p, const type *cols, int64_t n, type *x, int threads) {                                 \
    conv_geometry g = p->g;                                                                                            \
    _Pragma("omp parallel for num_threads(threads) schedule(static)") for (int64_t m = 0; m < n; m++) {                \
      memset(x + m * g.h * g.w * g.c, 0, (size_t)(g.h * g.w * g.c) * sizeof *x);                                       \
      for (int64_t i = 0; i < g.oh; i++)                                                                               \
        for (int64_t j = 0; j < g.ow; j++) {                                                                           \
          const type *from = cols + ((m * g.oh + i) * g.ow + j) * p->taps;                                             \
          for (int64_t a = 0; a < g.kh; a++)                                                                           \
            for (int64_t b = 0; b < g.kw; b++, from += g.c) {                                                          \
              int64_t h = i * g.stride + a - g.pad, v = j * g.stride + b - g.pad;                                      \
              if (h < 0 || h >= g.h || v < 0 || v >= g.w) continue;                                                    \
              type *to = x + ((m * g.h + h) * g.w + v) * g.c;                                                          \
              for (int64_t ch = 0; ch < g.c; ch++) to[ch] += from[ch];                                                 \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
  }
SCATTER(scatter_f32, float)
SCATTER(scatter_f64, double)

static int forward(lun_call *c, plan *p) {
  conv_geometry g = p->g;
  const lun_tensor *bias = c->arg[2].t;
  int64_t in = g.c * g.h * g.w, out = g.k * g.oh * g.ow;
  reorder(p, lun_data(c->arg[1].t), p->w, false, c->threads);
  for (int64_t i = 0; i < g.n; i += p->group) {
    int64_t n = g.n - i < p->group ? g.n - i : p->group, rows = n * g.oh * g.ow;
    char *x, *y = (char *)lun_data(c->out[0]) + i * out * lun_dtype_size(p->act), *to = p->y ? p->y : y;
    LUN_TRY(images_in(c, p, c->arg[0].t, in, i, n, p->x, &x));
    if (!p->direct) lun_im2col_fill(&g, p->size, x, n, p->cols, c->threads);
    if (bias)
      for (int64_t r = 0; r < rows; r++) memcpy(to + r * g.k * p->size, lun_data(bias), (size_t)(g.k * p->size));
    LUN_TRY(lun_gemm(c->ctx, p->real, false, true, rows, g.k, p->taps, p->direct ? x : p->cols, p->w, bias ? 1 : 0, to,
                     c->threads));
    if (p->y) LUN_TRY(lun_cpu_cast(c, p->y, p->real, y, p->act, n * out));
  }
  return LUN_OK;
}

static int dx(lun_call *c, plan *p) {
  conv_geometry g = p->g;
  int64_t in = g.c * g.h * g.w, out = g.k * g.oh * g.ow;
  reorder(p, lun_data(c->arg[1].t), p->w, false, c->threads);
  for (int64_t i = 0; i < g.n; i += p->group) {
    int64_t n = g.n - i < p->group ? g.n - i : p->group, rows = n * g.oh * g.ow;
    char *dy, *x = (char *)lun_data(c->out[0]) + i * in * lun_dtype_size(p->act), *to = p->x ? p->x : x;
    LUN_TRY(images_in(c, p, c->arg[0].t, out, i, n, p->y, &dy));
    LUN_TRY(
        lun_gemm(c->ctx, p->real, false, false, rows, p->taps, g.k, dy, p->w, 0, p->direct ? to : p->cols, c->threads));
    if (!p->direct && p->real == LUN_F64)
      scatter_f64(p, (double *)p->cols, n, (double *)to, c->threads);
    else if (!p->direct)
      scatter_f32(p, (float *)p->cols, n, (float *)to, c->threads);
    if (p->x) LUN_TRY(lun_cpu_cast(c, p->x, p->real, x, p->act, n * in));
  }
  return LUN_OK;
}

static int dw(lun_call *c, plan *p) {
  conv_geometry g = p->g;
  int64_t in = g.c * g.h * g.w, out = g.k * g.oh * g.ow;
  for (int64_t i = 0; i < g.n; i += p->group) {
    int64_t n = g.n - i < p->group ? g.n - i : p->group, rows = n * g.oh * g.ow;
    char *x, *dy;
    LUN_TRY(images_in(c, p, c->arg[0].t, in, i, n, p->x, &x));
    LUN_TRY(images_in(c, p, c->arg[1].t, out, i, n, p->y, &dy));
    if (!p->direct) lun_im2col_fill(&g, p->size, x, n, p->cols, c->threads);
    LUN_TRY(lun_gemm(c->ctx, p->real, true, false, g.k, p->taps, rows, dy, p->direct ? x : p->cols, i ? 1 : 0, p->w,
                     c->threads));
  }
  reorder(p, p->w, lun_data(c->out[0]), true, c->threads);
  return LUN_OK;
}

int lun_im2col_forward(lun_call *c) {
  plan p;
  int st = make_plan(c, &p, conv_forward_geometry(c), c->arg[0].t->dtype);
  return end_plan(c, &p, st ? st : forward(c, &p));
}

int lun_im2col_dx(lun_call *c) {
  plan p;
  int st = make_plan(c, &p, conv_dx_geometry(c), c->arg[0].t->dtype);
  return end_plan(c, &p, st ? st : dx(c, &p));
}

int lun_im2col_dw(lun_call *c) {
  plan p;
  int st = make_plan(c, &p, conv_dw_geometry(c), c->arg[0].t->dtype);
  return end_plan(c, &p, st ? st : dw(c, &p));
}
