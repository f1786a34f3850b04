/* winograd_tiles.h: the transforms of Winograd's minimal filtering F(4x4, 3x3), compiled once per instruction set.
**
** Convolution with a 3 x 3 kernel, stride 1, padding 1 (Lavin and Gray 2016, arXiv 1509.09308). A tile of 4 x 4 outputs
** is
**   Y = A^T [ (G w G^T) . (B^T d B) ] A       d: the 6 x 6 inputs it reads, '.': elementwise, summed over channels
** so 36 products a channel instead of 144. With V = B^T d B, U = G w G^T and Z = A dY A^T the sums over channels, and
** for the weight gradient dw = G^T [ sum over tiles Z . V ] G those over tiles, are 36 matrix products (winograd.c).
** Planes: one of the 36 positions p holds a matrix with a row per tile (V, M, Z) or per channel (U), `plane` elements
** from one to the next. U has a row per channel that is summed over, so that the products read it as it lies. */
#ifndef LUN_CPU_WINOGRAD_TILES_H
#define LUN_CPU_WINOGRAD_TILES_H

#include "core/op.h"

enum { LUN_WINOGRAD_PLANES = 36, LUN_WINOGRAD_CHANNELS = 16 }; /* channels come in multiples of 16 */

/* Channels-last images, f32 or bf16, and their tiles: `across` x `down` an image, row by row, image by image. */
typedef struct {
  void *data;
  const void *zero; /* zeros for all channels of a pixel outside the image */
  lun_dtype dtype;
  int64_t channels, height, width, across, down;
} lun_tiled;

typedef struct {
  /* V of tiles first .. first + n - 1: v (36, n, channels). Pixels outside the image are 0. */
  void (*input)(const lun_tiled *x, int64_t first, int64_t n, float *v, int64_t plane);
  /* Z of those tiles of dy: z (36, n, channels). */
  void (*gradient)(const lun_tiled *dy, int64_t first, int64_t n, float *z, int64_t plane);
  /* Y of those tiles from m (36, n, channels), plus bias (channels) or NULL; pixels outside the image are dropped. */
  void (*output)(const float *m, int64_t plane, const float *bias, const lun_tiled *y, int64_t first, int64_t n);
  /* U of the weights (out,in,3,3) of output channels k .. k + 15: u (36, in, out). */
  void (*weights)(const float *w, int64_t k, int64_t out, int64_t in, float *u, int64_t plane);
  /* U of the kernels rotated by 180 degrees, of output channel k: u (36, out, in). */
  void (*turned)(const float *w, int64_t k, int64_t in, float *u, int64_t plane);
  /* dw (out,in,3,3) of output channel k from du (36, out, in). */
  void (*weight_gradient)(const float *du, int64_t plane, int64_t k, int64_t in, float *dw);
} lun_winograd_tiles;

extern const lun_winograd_tiles lun_winograd_baseline;
#ifdef LUN_X86_TABLES
extern const lun_winograd_tiles lun_winograd_avx2, lun_winograd_avx512;
#endif

/* The copy for the CPU this runs on, as luni_choose_table. */
const lun_winograd_tiles *luni_choose_winograd(void);

#endif
