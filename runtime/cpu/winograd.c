/* winograd.c: 3 x 3 convolution with stride 1 and padding 1 as Winograd's F(4x4, 3x3): transforms of our own
** (isa/winograd_tiles.h) around OpenBLAS's matrix products, 4 products where a direct kernel needs 16.
**
** A block of tiles is transformed, multiplied and transformed back by one thread while it is in its cache. Products are
** called one-threaded inside our own parallel loop: OpenBLAS's threads would wait for each other 36 times a block.
** Rounding errors are about ten times those of a direct kernel (1e-5 of the largest result for 512 channels in f32).
*/
#include "cpu/isa/winograd_tiles.h"
#include "cpu/kernels.h"
#include "cpu/state.h"
#include "ops/table.h"

#include <limits.h>
#include <omp.h>

enum { PLANES = LUN_WINOGRAD_PLANES, PAD = 16, BLOCK = 256 };

typedef struct {
  const lun_winograd_tiles *f;
  lun_blas *blas;
  lun_tiled x, y;
  int64_t tiles, u_plane;
  int threads;
} plan;

/* bf16_from: the channels from which on this is faster than native bf16 on AVX-512; on AMX it never is.
** Measured on Zen 5 with OpenBLAS 0.3.21 and oneDNN 2.6.3, 2 threads, batch 256, ms of a forward pass in f32, bf16
** direct, and so: 64 channels of 32 x 32 41, 20, 24; 128 of 16 x 16 37, 19, 19; 256 of 8 x 8 35, 18, 17; 512 of 4 x 4
** 35 (per tap), 27, 18; weight gradients of 128 of 16 x 16 47, 24, 19. Tiles that hang over the edge waste products:
*not below three quarters. */
static bool pays(const lun_call *c, const conv_geometry *g, lun_dtype type, int64_t bf16_from) {
  if (type == LUN_F64 || g->kh != 3 || g->kw != 3 || g->stride != 1 || g->pad != 1) return false;
  if (g->c % LUN_WINOGRAD_CHANNELS || g->k % LUN_WINOGRAD_CHANNELS || g->c < 32 || g->k < 32) return false;
  int64_t across = (g->ow + 3) / 4, down = (g->oh + 3) / 4;
  if (g->oh * g->ow * 4 < across * down * 16 * 3 || g->n * across * down < 64) return false;
  const lun_engine *e = lun_engine_of(c->ctx);
  if (!e || type != LUN_BF16 || !lun_cpu_fast_bf16(c->ctx)) return e != NULL;
  return e->bf16 == LUN_BF16_AVX512 && g->c >= bf16_from && g->k >= bf16_from;
}

/* LUN_EUNSUPPORTED where another way is faster or there is no OpenBLAS. data of x and y: what the tiles are of. */
static int prepare(lun_call *c, const conv_geometry *g, lun_dtype type, void *x, void *y, int64_t bf16_from, plan *p) {
  if (!pays(c, g, type, bf16_from)) return LUN_EUNSUPPORTED;
  int64_t across = (g->ow + 3) / 4, down = (g->oh + 3) / 4;
  p->blas = lun_blas_of(c->ctx);
  if (!p->blas) return LUN_EUNSUPPORTED;
  p->f = luni_choose_winograd();
  p->x = (lun_tiled){x, type, g->c, g->h, g->w, across, down};
  p->y = (lun_tiled){y, type, g->k, g->oh, g->ow, across, down};
  p->tiles = g->n * across * down;
  p->u_plane = g->k * g->c + PAD;
  p->threads = c->threads;
  if (p->blas->parallel() == 1) p->blas->set_threads(1);
  return LUN_OK;
}

/* from -> to: forward, u (36, to, from); with `back` the gradient to the input, u (36, from, to). */
static int filter(lun_call *c, plan *p, const float *w, const float *bias, const lun_tiled *from, const lun_tiled *to,
                  bool back) {
  int64_t share = (p->tiles + p->threads - 1) / p->threads, blocks = (share + BLOCK - 1) / BLOCK;
  int64_t n = (share + blocks - 1) / blocks; /* tiles of a block: equal ones, a whole number of them a thread */
  /* The padding keeps the planes' lines from falling into the same set of the cache. */
  int64_t v_plane = n * from->channels + PAD, m_plane = n * to->channels + PAD;
  int64_t room = PLANES * (v_plane + m_plane);
  int64_t out = p->y.channels, in = p->x.channels;
  float *u = NULL, *work = NULL;
  int st = lun_scratch(c, PLANES * p->u_plane * 4, (void **)&u);
  if (!st) st = lun_scratch(c, p->threads * room * 4, (void **)&work);
  if (!st) {
#pragma omp parallel num_threads(p->threads)
    {
      omp_set_num_threads(1);
      float *v = work + omp_get_thread_num() * room, *m = v + PLANES * v_plane;
#pragma omp for schedule(static)
      for (int64_t k = 0; k < out; k++) p->f->weights(w, k, in, back, u, p->u_plane);
#pragma omp for schedule(static)
      for (int64_t first = 0; first < p->tiles; first += n) {
        int64_t rows = p->tiles - first < n ? p->tiles - first : n;
        p->f->input(from, first, rows, v, v_plane);
        for (int i = 0; i < PLANES; i++)
          p->blas->sgemm(CblasRowMajor, CblasNoTrans, back ? CblasNoTrans : CblasTrans, (blasint)rows,
                         (blasint)to->channels, (blasint)from->channels, 1.0f, v + i * v_plane, (blasint)from->channels,
                         u + i * p->u_plane, (blasint)in, 0.0f, m + i * m_plane, (blasint)to->channels);
        p->f->output(m, m_plane, bias, to, first, rows);
      }
    }
  }
  lun_scratch_free(c, u);
  lun_scratch_free(c, work);
  return st;
}

int lun_winograd_forward(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *bias = c->arg[2].t;
  conv_geometry g = conv_forward_geometry(c);
  plan p;
  LUN_TRY(prepare(c, &g, x->dtype, lun_data(x), lun_data(c->out[0]), 256, &p));
  return filter(c, &p, lun_data(c->arg[1].t), bias ? lun_data(bias) : NULL, &p.x, &p.y, false);
}

int lun_winograd_dx(lun_call *c) {
  const lun_tensor *dy = c->arg[0].t;
  conv_geometry g = conv_dx_geometry(c);
  plan p;
  LUN_TRY(prepare(c, &g, dy->dtype, lun_data(c->out[0]), lun_data(dy), 256, &p));
  return filter(c, &p, lun_data(c->arg[1].t), NULL, &p.y, &p.x, true);
}

/* Blocks one after the other, their planes divided among the threads: each plane's sum is then made by one thread, in
** the order of the tiles. */
int lun_winograd_dw(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  conv_geometry g = conv_dw_geometry(c);
  plan p;
  LUN_TRY(prepare(c, &g, x->dtype, lun_data(x), lun_data(c->arg[1].t), 128, &p));
  int64_t fits = ((int64_t)8 << 20) / (PLANES * 4 * (g.c + g.k)), n = fits < BLOCK ? BLOCK : fits;
  if (n > p.tiles) n = p.tiles;
  int64_t v_plane = n * g.c + PAD, z_plane = n * g.k + PAD;
  float *v = NULL, *z = NULL, *du = NULL, *dw = lun_data(c->out[0]);
  int st = lun_scratch(c, PLANES * v_plane * 4, (void **)&v);
  if (!st) st = lun_scratch(c, PLANES * z_plane * 4, (void **)&z);
  if (!st) st = lun_scratch(c, PLANES * p.u_plane * 4, (void **)&du);
  if (!st) {
#pragma omp parallel num_threads(p.threads)
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
        for (int64_t i = 0; i < PLANES; i++)
          p.blas->sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (blasint)g.k, (blasint)g.c, (blasint)rows, 1.0f,
                        z + i * z_plane, (blasint)g.k, v + i * v_plane, (blasint)g.c, first ? 1.0f : 0.0f,
                        du + i * p.u_plane, (blasint)g.c);
      }
#pragma omp for schedule(static)
      for (int64_t k = 0; k < g.k; k++) p.f->weight_gradient(du, p.u_plane, k, g.c, dw);
    }
  }
  lun_scratch_free(c, v);
  lun_scratch_free(c, z);
  lun_scratch_free(c, du);
  return st;
}
