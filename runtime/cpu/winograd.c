/* winograd.c: 3 x 3 convolution with stride 1 and padding 1 as Winograd's F(4x4, 3x3): transforms of our own
** (isa/winograd_tiles.h) around a library's matrix products, 4 products where a direct kernel needs 16.
**
** A block of tiles is transformed, multiplied and transformed back by one thread while it is in its cache. Products are
** called one-threaded inside our own parallel loop: the library's threads would wait for each other 36 times a block.
** oneDNN's are taken where it is there: for matrices this small its sgemm reaches 92 % of the machine's f32 rate, that
** of OpenBLAS 80 to 85 % (Zen 4, oneDNN 2.6.3, OpenBLAS 0.3.21, 16 to 128 rows of 64 to 512 channels).
** Rounding errors are about ten times those of a direct kernel (1e-5 of the largest result for 512 channels in f32).
*/
#include "cpu/isa/winograd_tiles.h"
#include "cpu/kernels.h"
#include "cpu/state.h"
#include "ops/table.h"

#include <limits.h>
#include <omp.h>
#include <string.h>

enum { PLANES = LUN_WINOGRAD_PLANES, PAD = 16 };

/* y (m,n) = op(a) b + beta y, dense rows, on one thread. */
typedef int (*product_function)(void *library, bool ta, int64_t m, int64_t n, int64_t k, const float *a, const float *b,
                                float beta, float *y);

static int blas_product(void *library, bool ta, int64_t m, int64_t n, int64_t k, const float *a, const float *b,
                        float beta, float *y) {
  const lun_blas *blas = library;
  blas->sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, CblasNoTrans, (blasint)m, (blasint)n, (blasint)k, 1.0f, a,
              (blasint)(ta ? m : k), b, (blasint)n, beta, y, (blasint)n);
  return LUN_OK;
}

#ifdef LUNETTE_ONEDNN
static int dnnl_product(void *library, bool ta, int64_t m, int64_t n, int64_t k, const float *a, const float *b,
                        float beta, float *y) {
  const lun_dnnl *d = library;
  return d->f.sgemm(ta ? 'T' : 'N', 'N', m, n, k, 1.0f, a, ta ? m : k, b, n, beta, y, n) ? LUN_EMEM : LUN_OK;
}
#endif

typedef struct {
  const lun_winograd_tiles *f;
  product_function product;
  void *library;
  lun_tiled x, y;
  int64_t tiles, u_plane;
  int threads;
} plan;

static int64_t tiles_across(const conv_geometry *g) { return (g->ow + 3) / 4; }
static int64_t tiles_down(const conv_geometry *g) { return (g->oh + 3) / 4; }

/* Measured on Zen 4 with oneDNN 2.6.3, 2 threads, batch 256, ms of forward / weight gradient in f32 direct, so, in bf16
** direct, so: 64 channels of 32 x 32 84 / 93, 35 / 38, 42 / 53, 32 / 34; 128 of 16 x 16 81 / 86, 27 / 28, 40 / 44, 26 /
** 28; 256 of 8 x 8 74 / 80, 26 / 30, 38 / 45, 26 / 27; 512 of 4 x 4 86 / 86, 28 / 28, 34 / 51, 28 / 28. AMX multiplies
** bf16 ten times as fast as that. Tiles that hang over the edge waste products: not below three quarters. */
static bool pays(const lun_call *c, const conv_geometry *g, lun_dtype type) {
  if (type == LUN_F64 || g->kh != 3 || g->kw != 3 || g->stride != 1 || g->pad != 1) return false;
  if (g->c % LUN_WINOGRAD_CHANNELS || g->k % LUN_WINOGRAD_CHANNELS || g->c < 32 || g->k < 32) return false;
  int64_t tiles = tiles_across(g) * tiles_down(g);
  if (g->oh * g->ow * 4 < tiles * 16 * 3 || g->n * tiles < 64) return false;
  const lun_engine *e = lun_engine_of(c->ctx);
  if (!e || type != LUN_BF16 || !lun_cpu_fast_bf16(c->ctx)) return e != NULL;
  return e->bf16 == LUN_BF16_AVX512 && g->c >= 64 && g->k >= 64;
}

static int choose_library(lun_call *c, plan *p) {
#ifdef LUNETTE_ONEDNN
  p->library = lun_dnnl_of(c->ctx);
  p->product = dnnl_product;
  if (p->library) return LUN_OK;
#endif
  lun_blas *blas = lun_blas_of(c->ctx);
  if (!blas) return LUN_EUNSUPPORTED;
  if (blas->parallel() == 1) blas->set_threads(1);
  p->library = blas;
  p->product = blas_product;
  return LUN_OK;
}

/* LUN_EUNSUPPORTED where another way is faster or there is no library. data of x and y: what the tiles are of. */
static int prepare(lun_call *c, const conv_geometry *g, lun_dtype type, void *x, void *y, plan *p) {
  if (!pays(c, g, type)) return LUN_EUNSUPPORTED;
  int64_t across = tiles_across(g), down = tiles_down(g);
  LUN_TRY(choose_library(c, p));
  p->f = luni_choose_winograd();
  p->x = (lun_tiled){x, NULL, type, g->c, g->h, g->w, across, down};
  p->y = (lun_tiled){y, NULL, type, g->k, g->oh, g->ow, across, down};
  p->tiles = g->n * across * down;
  p->u_plane = g->k * g->c + PAD;
  p->threads = c->threads;
  return LUN_OK;
}

/* Tiles of a block: equal ones, as many as leave their planes of `channels` in a second-level cache of 1 MB, and not
** fewer than make U worth reading. */
static int64_t tiles_of_block(const plan *p, int64_t channels) {
  int64_t share = (p->tiles + p->threads - 1) / p->threads, most = ((int64_t)1 << 20) / (PLANES * 4 * channels);
  most = most < 64 ? 64 : most;
  int64_t blocks = (share + most - 1) / most;
  return (share + blocks - 1) / blocks;
}

/* Room for U, and behind it the zeros that stand for pixels outside the image. */
static int u_scratch(lun_call *c, plan *p, float **u) {
  int64_t most = p->x.channels > p->y.channels ? p->x.channels : p->y.channels, size = PLANES * p->u_plane;
  LUN_TRY(lun_scratch(c, (size + most) * 4, (void **)u));
  p->x.zero = p->y.zero = memset(*u + size, 0, (size_t)most * 4);
  return LUN_OK;
}

/* from -> to, the sum over the channels of `from`: forward; with `back` the gradient to the input. */
static int filter(lun_call *c, plan *p, const float *w, const float *bias, const lun_tiled *from, const lun_tiled *to,
                  bool back) {
  int64_t n = tiles_of_block(p, from->channels + to->channels), out = p->y.channels, in = p->x.channels;
  /* The padding keeps the planes' lines from falling into the same set of the cache. */
  int64_t v_plane = n * from->channels + PAD, m_plane = n * to->channels + PAD, room = PLANES * (v_plane + m_plane);
  float *u = NULL, *work = NULL;
  int st = u_scratch(c, p, &u), failed = LUN_OK;
  if (!st) st = lun_scratch(c, p->threads * room * 4, (void **)&work);
  if (!st) {
#pragma omp parallel num_threads(p->threads) reduction(| : failed)
    {
      omp_set_num_threads(1);
      float *v = work + omp_get_thread_num() * room, *m = v + PLANES * v_plane;
#pragma omp for schedule(static)
      for (int64_t k = 0; k < out; k += LUN_WINOGRAD_CHANNELS)
        if (back)
          for (int64_t i = k; i < k + LUN_WINOGRAD_CHANNELS; i++) p->f->turned(w, i, in, u, p->u_plane);
        else
          p->f->weights(w, k, out, in, u, p->u_plane);
#pragma omp for schedule(static)
      for (int64_t first = 0; first < p->tiles; first += n) {
        int64_t rows = p->tiles - first < n ? p->tiles - first : n;
        p->f->input(from, first, rows, v, v_plane);
        for (int i = 0; i < PLANES && !failed; i++)
          failed = p->product(p->library, false, rows, to->channels, from->channels, v + i * v_plane,
                              u + i * p->u_plane, 0.0f, m + i * m_plane);
        p->f->output(m, m_plane, bias, to, first, rows);
      }
    }
  }
  lun_scratch_free(c, u);
  lun_scratch_free(c, work);
  return st ? st : failed;
}

int lun_winograd_forward(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *bias = c->arg[2].t;
  conv_geometry g = conv_forward_geometry(c);
  plan p;
  LUN_TRY(prepare(c, &g, x->dtype, lun_data(x), lun_data(c->out[0]), &p));
  return filter(c, &p, lun_data(c->arg[1].t), bias ? lun_data(bias) : NULL, &p.x, &p.y, false);
}

int lun_winograd_dx(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t;
  conv_geometry g = conv_dx_geometry(c);
  plan p;
  LUN_TRY(prepare(c, &g, dy->dtype, lun_data(c->out[0]), lun_data(dy), &p));
  return filter(c, &p, lun_data(c->arg[1].t), NULL, &p.y, &p.x, true);
}

/* Blocks one after the other, their planes divided among the threads: each plane's sum is then made by one thread, in
** the order of the tiles. */
int lun_winograd_dw(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  conv_geometry g = conv_dw_geometry(c);
  plan p;
  LUN_TRY(prepare(c, &g, x->dtype, lun_data(x), lun_data(c->arg[1].t), &p));
  int64_t fits = ((int64_t)8 << 20) / (PLANES * 4 * (g.c + g.k)), n = fits < 256 ? 256 : fits;
  if (n > p.tiles) n = p.tiles;
  int64_t v_plane = n * g.c + PAD, z_plane = n * g.k + PAD;
  float *v = NULL, *z = NULL, *du = NULL, *dw = lun_data(c->out[0]);
  int st = lun_scratch(c, PLANES * v_plane * 4, (void **)&v), failed = LUN_OK;
  if (!st) st = lun_scratch(c, PLANES * z_plane * 4, (void **)&z);
  if (!st) st = u_scratch(c, &p, &du);
  if (!st) {
#pragma omp parallel num_threads(p.threads) reduction(| : failed)
    {
      omp_set_num_threads(1);
      for (int64_t first = 0; first < p.tiles; first += n) {
        int64_t rows = p.tiles - first < n ? p.tiles - first : n, piece = 8;
#pragma omp for schedule(static)
        for (int64_t i = 0; i < rows; i += piece) {
          int64_t some = rows - i < piece ? rows - i : piece;
          p.f->input(&p.x, first + i, some, v + i * g.c, v_plane);
          p.f->gradient(&p.y, first + i, some, z + i * g.k, z_plane);
        }
#pragma omp for schedule(static)
        for (int64_t i = 0; i < PLANES; i++) {
          int bad = p.product(p.library, true, g.k, g.c, rows, z + i * z_plane, v + i * v_plane, first ? 1.0f : 0.0f,
                              du + i * p.u_plane);
          if (bad) failed = bad;
        }
      }
#pragma omp for schedule(static)
      for (int64_t k = 0; k < g.k; k++) p.f->weight_gradient(du, p.u_plane, k, g.c, dw);
    }
  }
  lun_scratch_free(c, v);
  lun_scratch_free(c, z);
  lun_scratch_free(c, du);
  return st ? st : failed;
}
