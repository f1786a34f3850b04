/* image_block.h: an image worked on by the threads of a block: pixels as they are stored, channel c of pixel (y, x) at
** (y w + x) channels + c. Maths: ops/image_pixel.h. */
#ifndef LUN_CUDA_IMAGE_BLOCK_H
#define LUN_CUDA_IMAGE_BLOCK_H

#include "ops/image_pixel.h"
#include "reduce.h"

/* a / by, and what is left; 64-bit divisions only for what needs them. */
static inline __device__ int64_t lun_divide(int64_t a, int64_t by, int64_t *left) {
  int64_t q = (a | by) >> 32 ? a / by : (int64_t)((uint32_t)a / (uint32_t)by);
  *left = a - q * by;
  return q;
}

struct lun_axis {
  int taps;
  int *first, *count;
  float *weight;
};

static inline int64_t lun_axis_floats(image_filter f, int size, int out) {
  return (int64_t)out * (2 + image_taps(f, size, out));
}

/* Floats that lun_resize_block works in, for boxes of at most this size. */
static inline int64_t lun_resize_floats(image_filter f, int64_t channels, int box_h, int box_w, int h, int w) {
  return lun_axis_floats(f, box_h, h) + lun_axis_floats(f, box_w, w) + channels * box_w * h;
}

static inline __device__ float *lun_axis_make(lun_axis *a, image_filter f, int size, int out, double gain,
                                              float *memory) {
  a->taps = image_taps(f, size, out);
  a->first = reinterpret_cast<int *>(memory);
  a->count = a->first + out;
  a->weight = memory + 2 * (int64_t)out;
  for (int i = (int)threadIdx.x; i < out; i += (int)blockDim.x)
    a->first[i] = image_tap_weights(f, size, out, i, gain, a->weight + (int64_t)i * a->taps, &a->count[i]);
  return a->weight + (int64_t)out * a->taps;
}

/* A box of an image that is `columns` pixels wide, u8 or f32 -> h x w in `out`. u8 becomes x/255. */
template <class S>
static __device__ void lun_resize_block(const S *source, int64_t columns, int64_t channels, image_box box,
                                        image_filter f, int h, int w, bool clamp, float *out, float *memory) {
  lun_axis vertical, horizontal;
  float *middle = lun_axis_make(&vertical, f, box.height, h, sizeof(S) == 1 ? 1.0 / 255 : 1.0, memory);
  middle = lun_axis_make(&horizontal, f, box.width, w, 1.0, middle);
  int64_t row = channels * box.width, pitch = channels * columns, wide = channels * w, i, c;
  const S *corner = source + box.top * pitch + channels * box.left;
  __syncthreads();
  for (int64_t e = threadIdx.x; e < h * row; e += blockDim.x) {
    int64_t y = lun_divide(e, row, &i);
    const float *weight = vertical.weight + y * vertical.taps;
    const S *s = corner + vertical.first[y] * pitch + i;
    float sum = 0;
    for (int k = 0; k < vertical.count[y]; k++) sum += weight[k] * (float)s[k * pitch];
    middle[e] = sum;
  }
  __syncthreads();
  for (int64_t e = threadIdx.x; e < h * wide; e += blockDim.x) {
    int64_t y = lun_divide(e, wide, &i), x = lun_divide(i, channels, &c);
    const float *weight = horizontal.weight + x * horizontal.taps;
    const float *s = middle + y * row + horizontal.first[x] * channels + c;
    float sum = 0;
    for (int k = 0; k < horizontal.count[x]; k++) sum += weight[k] * s[k * channels];
    out[e] = clamp ? image_unit(sum) : sum;
  }
  __syncthreads();
}

/* A step of colour jitter, numbered as in the order argument of adjust_color, on n RGB pixels; out may be p. Pixel i is
** thread i's (modulo their number) before and after. shared: a number per warp. */
static inline __device__ void lun_adjust_block(const float *p, float *out, int64_t n, int step, float factor,
                                               double *shared) {
  float rest = 0;
  if (step == 2) {
    float sum = 0;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) sum += image_luma(p[3 * i], p[3 * i + 1], p[3 * i + 2]);
    rest = (float)(lun_block_reduce<lun_sum>((double)sum, 0.0, shared) / (double)n) * (1 - factor);
  }
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    float r = p[3 * i], g = p[3 * i + 1], b = p[3 * i + 2];
    if (step == 1 || step == 2) { /* brightness, contrast */
      r = image_unit(factor * r + rest);
      g = image_unit(factor * g + rest);
      b = image_unit(factor * b + rest);
    } else if (step == 3)
      image_saturation_of(&r, &g, &b, factor);
    else
      image_hue_of(&r, &g, &b, 6 * factor);
    out[3 * i] = r;
    out[3 * i + 1] = g;
    out[3 * i + 2] = b;
  }
}

/* One pass of a Gaussian blur: element `at` of the n along an axis that lie `stride` elements apart, the first at s. */
static inline __device__ float lun_blur_at(const float *s, int at, int n, int64_t stride, const float *weight,
                                           int radius, bool reflect) {
  float sum = weight[0] * s[at * stride];
  for (int t = 1; t <= radius; t++)
    sum += weight[t] * (s[image_border(at - t, n, reflect) * stride] + s[image_border(at + t, n, reflect) * stride]);
  return sum;
}

/* What pixels are multiplied with and what is added to them, of channel c: norm holds means, then deviations. A
** deviation that is not positive makes NaN. */
static inline __device__ void lun_norm_of(const float *norm, int64_t channels, int64_t c, float *gain, float *offset) {
  *gain = 1;
  *offset = 0;
  if (!norm) return;
  float deviation = norm[channels + c];
  *gain = deviation > 0 ? 1 / deviation : (float)NAN;
  *offset = -norm[c] * *gain;
}

#endif
