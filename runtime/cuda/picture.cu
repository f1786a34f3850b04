/* picture.cu: heatmaps as pictures, u8 RGB, channels-last: laid over images, joined into sheets. Bound by memory: each
** byte of images and pictures is moved once.
*/
#include "kernels.h"
#include "pack.h"

/* The colours of ops/picture.c. */
struct heat_scale {
  double tone[5][3];
};
static const heat_scale heat = {{{10, 10, 60}, {110, 20, 130}, {215, 50, 70}, {250, 150, 30}, {255, 250, 190}}};

static __device__ double channel_of_heat(const heat_scale &heat_, double v, int k) {
  v = v > 0 ? (v < 1 ? v : 1) * 4 : 0; /* NaN becomes 0 */
  int i = v < 3 ? (int)v : 3;
  return heat_.tone[i][k] + (v - i) * (heat_.tone[i + 1][k] - heat_.tone[i][k]);
}

/* ---- overlay: x map alpha -> y ---- */

static __device__ double shade(uint8_t v) { return (double)v; }
static __device__ double shade(float v) { return 255 * (double)v; }

template <class T>
static __global__ void lay_over(const T *x, const float *map, uint8_t *y, int64_t n, int64_t channels, double alpha,
                                heat_scale scale) {
  EACH(i, n) {
    int64_t p = lun_quotient(i, 3);
    int k = (int)(i - p * 3);
    double v = shade(x[channels == 3 ? i : p]);
    v = (1 - alpha) * v + alpha * channel_of_heat(scale, (double)map[p], k);
    y[i] = (uint8_t)(v > 0 ? v < 255 ? v + 0.5 : 255 : 0);
  }
}

int lun_cuda_overlay(lun_call *c) {
  const lun_tensor *x = c->arg[0].t;
  const float *map = lun_elements<float>(c->arg[1].t);
  uint8_t *y = lun_elements<uint8_t>(c->out[0]);
  int64_t n = lun_numel(c->out[0]), channels = x->shape[1];
  if (!n) return LUN_OK;
  if (x->dtype == LUN_U8)
    return LUN_LAUNCH(c, lay_over<uint8_t>, lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, lun_elements<uint8_t>(x), map, y,
                      n, channels, c->arg[2].f, heat);
  return LUN_LAUNCH(c, lay_over<float>, lun_cuda_blocks(n), LUN_CUDA_THREADS, 0, lun_elements<float>(x), map, y, n,
                    channels, c->arg[2].f, heat);
}

/* ---- montage: x columns pad top -> y ---- */

struct sheet {
  int64_t n, h, w, columns, pad, top, width; /* of pictures, and of the sheet */
};

static __global__ void join(const uint8_t *x, uint8_t *y, int64_t pixels, sheet s) {
  EACH(i, pixels) {
    int64_t line = lun_quotient(i, s.width), row = line - s.pad, column = i - line * s.width - s.pad;
    int64_t high = s.h + s.pad + s.top, wide = s.w + s.pad;
    int64_t down = row < 0 ? -1 : lun_quotient(row, high), across = column < 0 ? -1 : lun_quotient(column, wide);
    int64_t u = row - down * high - s.top, v = column - across * wide, picture = down * s.columns + across;
    bool inside = down >= 0 && across >= 0 && across < s.columns && u >= 0 && u < s.h && v < s.w && picture < s.n;
    for (int k = 0; k < 3; k++) y[i * 3 + k] = inside ? x[((picture * s.h + u) * s.w + v) * 3 + k] : 255;
  }
}

int lun_cuda_montage(lun_call *c) {
  const lun_tensor *x = c->arg[0].t, *y = c->out[0];
  sheet s = {x->shape[0], x->shape[2], x->shape[3], c->arg[1].i, c->arg[2].i, c->arg[3].i, y->shape[3]};
  int64_t pixels = y->shape[2] * y->shape[3];
  if (!pixels) return LUN_OK;
  return LUN_LAUNCH(c, join, lun_cuda_blocks(pixels), LUN_CUDA_THREADS, 0, lun_elements<uint8_t>(x),
                    lun_elements<uint8_t>(y), pixels, s);
}
