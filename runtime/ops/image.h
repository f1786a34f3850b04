/* image.h: the image kernels that the augmentation and its single-step ops share, for one image at a time.
**
** Working layout: planes of float in [0, 1], column by column: pixel (y, x) of channel c is p[(c * w + x) * h + y].
** Both passes of a separable resize then run along contiguous memory, a flip is a change of the order of columns, and
** the pixelwise steps do not care. Only reading (load) and writing (store) see the channels-last storage.
** No function allocates: the caller brings scratch of image_scratch_floats().
*/
#ifndef LUN_OPS_IMAGE_H
#define LUN_OPS_IMAGE_H

#include "core/half.h"
#include "core/op.h"
#include "ops/image_pixel.h"

#include <string.h>

/* ---- resize weights, as Pillow computes them ---- */

typedef struct {
  int size, out, taps; /* taps: the most any output has; rows of weight are that long */
  int *first, *count;  /* per output: first input pixel, number of pixels */
  float *weight;
} image_axis;

/* Floats that an axis of this size takes from scratch. */
static inline int64_t image_axis_floats(image_filter f, int size, int out) {
  return (int64_t)out * (2 + image_taps(f, size, out));
}

static inline float *image_axis_make(image_axis *a, image_filter f, int size, int out, double gain, float *memory) {
  a->size = size;
  a->out = out;
  a->taps = image_taps(f, size, out);
  a->first = (int *)memory;
  a->count = a->first + out;
  a->weight = memory + 2 * (int64_t)out;
  for (int i = 0; i < out; i++)
    a->first[i] = image_tap_weights(f, size, out, i, gain, a->weight + (int64_t)i * a->taps, &a->count[i]);
  return memory + image_axis_floats(f, size, out);
}

/* ---- crop and resize ---- */

/* Scratch of image_resize: both axes, one row of the source, and the crop after its vertical pass. */
static inline int64_t image_resize_floats(image_filter f, int channels, int box_h, int box_w, int h, int w) {
  return image_axis_floats(f, box_h, h) + image_axis_floats(f, box_w, w) + (int64_t)channels * box_w * (h + 1) + 64;
}

/* One image in channels-last storage, `columns` pixels wide, u8 or f32 -> planes (channels, w, h). u8 becomes x/255.
** Pixels outside the box have no part. Not clamped: a cubic overshoots. */
static inline void image_resize(const void *source, lun_dtype dtype, int columns, int channels, image_box box,
                                image_filter f, int h, int w, float *out, float *scratch) {
  image_axis vertical, horizontal;
  scratch = image_axis_make(&vertical, f, box.height, h, dtype == LUN_U8 ? 1.0 / 255 : 1.0, scratch);
  scratch = image_axis_make(&horizontal, f, box.width, w, 1.0, scratch);
  int64_t row = (int64_t)channels * box.width, pitch = (int64_t)channels * columns;
  int64_t corner = box.top * pitch + (int64_t)channels * box.left;
  float *line = scratch, *middle = scratch + row; /* middle: (channels, box.width, h) */
  for (int y = 0; y < h; y++) {
    const float *weight = vertical.weight + (int64_t)y * vertical.taps;
    for (int k = 0; k < vertical.count[y]; k++) {
      float v = weight[k];
      int64_t at = corner + (vertical.first[y] + k) * pitch;
      if (dtype == LUN_U8) {
        const uint8_t *s = (const uint8_t *)source + at;
        if (k == 0) {
#pragma omp simd
          for (int64_t i = 0; i < row; i++) line[i] = v * (float)s[i];
        } else {
#pragma omp simd
          for (int64_t i = 0; i < row; i++) line[i] += v * (float)s[i];
        }
      } else {
        const float *s = (const float *)source + at;
        if (k == 0) {
#pragma omp simd
          for (int64_t i = 0; i < row; i++) line[i] = v * s[i];
        } else {
#pragma omp simd
          for (int64_t i = 0; i < row; i++) line[i] += v * s[i];
        }
      }
    }
    for (int c = 0; c < channels; c++)
      for (int x = 0; x < box.width; x++)
        middle[((int64_t)c * box.width + x) * h + y] = line[(int64_t)x * channels + c];
  }
  for (int c = 0; c < channels; c++)
    for (int x = 0; x < w; x++) {
      const float *weight = horizontal.weight + (int64_t)x * horizontal.taps;
      const float *s = middle + ((int64_t)c * box.width + horizontal.first[x]) * h;
      float *d = out + ((int64_t)c * w + x) * h;
#pragma omp simd
      for (int y = 0; y < h; y++) d[y] = weight[0] * s[y];
      for (int k = 1; k < horizontal.count[x]; k++) {
        float v = weight[k];
        const float *t = s + (int64_t)k * h;
#pragma omp simd
        for (int y = 0; y < h; y++) d[y] += v * t[y];
      }
    }
}

/* ---- pixelwise steps on planes of n = h * w pixels ---- */

static inline void image_clamp(float *p, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) p[i] = image_unit(p[i]);
}

static inline void image_brightness(float *p, int64_t n, float factor) {
#pragma omp simd
  for (int64_t i = 0; i < 3 * n; i++) p[i] = image_unit(p[i] * factor);
}

/* Blends with the mean of the gray image. Sums of 4,096 pixels in float, of those in double. */
static inline void image_contrast(float *p, int64_t n, float factor) {
  const float *r = p, *g = p + n, *b = p + 2 * n;
  double total = 0;
  for (int64_t at = 0; at < n; at += 4096) {
    int64_t end = at + 4096 < n ? at + 4096 : n;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = at; i < end; i++) sum += image_luma(r[i], g[i], b[i]);
    total += sum;
  }
  float rest = (float)(total / (double)n) * (1 - factor);
#pragma omp simd
  for (int64_t i = 0; i < 3 * n; i++) p[i] = image_unit(factor * p[i] + rest);
}

static inline void image_saturation(float *p, int64_t n, float factor) {
  float *r = p, *g = p + n, *b = p + 2 * n;
#pragma omp simd
  for (int64_t i = 0; i < n; i++) image_saturation_of(&r[i], &g[i], &b[i], factor);
}

static inline void image_hue(float *p, int64_t n, float turns) {
  float *r = p, *g = p + n, *b = p + 2 * n;
#pragma omp simd
  for (int64_t i = 0; i < n; i++) image_hue_of(&r[i], &g[i], &b[i], 6 * turns);
}

static inline void image_gray(float *p, int64_t n) {
  float *r = p, *g = p + n, *b = p + 2 * n;
#pragma omp simd
  for (int64_t i = 0; i < n; i++) r[i] = g[i] = b[i] = image_luma(r[i], g[i], b[i]);
}

static inline void image_solarize(float *p, int64_t n, float threshold) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) p[i] = image_solarized(p[i], threshold);
}

/* The four steps of colour jitter, numbered as in the order argument of adjust_color. */
static inline void image_adjust(float *p, int64_t n, int step, float factor) {
  switch (step) {
  case 1: image_brightness(p, n, factor); break;
  case 2: image_contrast(p, n, factor); break;
  case 3: image_saturation(p, n, factor); break;
  default: image_hue(p, n, factor);
  }
}

/* ---- Gaussian blur ---- */

static inline int64_t image_blur_floats(int h, int w) { return (int64_t)h * w + h + 2 * IMAGE_BLUR_RADIUS; }

/* Separable, 2 radius + 1 taps at whole pixels with sum 1. Outside: the edge pixel (as Pillow), or its reflection. */
static inline void image_blur(float *p, int channels, int h, int w, double sigma, int radius, bool reflect,
                              float *scratch) {
  double tap[2 * IMAGE_BLUR_RADIUS + 1], sum = 0;
  float kernel[2 * IMAGE_BLUR_RADIUS + 1];
  int taps = 2 * radius + 1;
  for (int t = 0; t < taps; t++) sum += tap[t] = image_gaussian(t - radius, sigma);
  for (int t = 0; t < taps; t++) kernel[t] = (float)(tap[t] / sum);
  float *across = scratch, *padded = scratch + (int64_t)h * w;
  for (int c = 0; c < channels; c++) {
    float *plane = p + (int64_t)c * h * w;
    for (int x = 0; x < w; x++) {
      float *d = across + (int64_t)x * h;
      const float *middle = plane + (int64_t)x * h;
#pragma omp simd
      for (int y = 0; y < h; y++) d[y] = kernel[radius] * middle[y];
      for (int t = 1; t <= radius; t++) {
        const float *a = plane + (int64_t)image_border(x - t, w, reflect) * h;
        const float *b = plane + (int64_t)image_border(x + t, w, reflect) * h;
        float k = kernel[radius + t];
#pragma omp simd
        for (int y = 0; y < h; y++) d[y] += k * (a[y] + b[y]);
      }
    }
    for (int x = 0; x < w; x++) {
      const float *s = across + (int64_t)x * h;
      float *d = plane + (int64_t)x * h, *q = padded + radius;
      memcpy(q, s, (size_t)h * sizeof *s);
      for (int t = 1; t <= radius; t++) {
        q[-t] = s[image_border(-t, h, reflect)];
        q[h - 1 + t] = s[image_border(h - 1 + t, h, reflect)];
      }
#pragma omp simd
      for (int y = 0; y < h; y++) d[y] = kernel[radius] * q[y];
      for (int t = 1; t <= radius; t++) {
        float k = kernel[radius + t];
#pragma omp simd
        for (int y = 0; y < h; y++) d[y] += k * (q[y - t] + q[y + t]);
      }
    }
  }
}

/* ---- between planes and channels-last storage ---- */

static inline void image_load(const float *source, int channels, int h, int w, float *p) {
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      for (int c = 0; c < channels; c++) p[((int64_t)c * w + x) * h + y] = *source++;
}

/* Writes p * gain[c] + offset[c], mirrored left to right if flip, as f32 or bf16. */
static inline void image_store(const float *p, int channels, int h, int w, bool flip, const float *gain,
                               const float *offset, lun_dtype dtype, void *out) {
  for (int x = 0; x < w; x++)
    for (int c = 0; c < channels; c++) {
      const float *s = p + ((int64_t)c * w + (flip ? w - 1 - x : x)) * h;
      int64_t at = (int64_t)x * channels + c, pitch = (int64_t)w * channels;
      float g = gain ? gain[c] : 1, o = offset ? offset[c] : 0;
      if (dtype == LUN_BF16)
        for (int y = 0; y < h; y++) ((uint16_t *)out)[at + y * pitch] = lun_float_bf16(s[y] * g + o);
      else
        for (int y = 0; y < h; y++) ((float *)out)[at + y * pitch] = s[y] * g + o;
    }
}

#endif
