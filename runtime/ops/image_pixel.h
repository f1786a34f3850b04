/* image_pixel.h: what the image ops do to single pixels and taps, for the loops of image.h and for the CUDA kernels. */
#ifndef LUN_OPS_IMAGE_PIXEL_H
#define LUN_OPS_IMAGE_PIXEL_H

#include "core/pure.h"

#include <math.h>
#include <stdbool.h>

#define IMAGE_BLUR_RADIUS 64 /* taps on each side at most: sigma 20 at three sigmas */

typedef enum { IMAGE_BICUBIC, IMAGE_BILINEAR } image_filter;

typedef struct {
  int top, left, height, width; /* counted from 0 */
} image_box;

/* ---- resize weights, as Pillow computes them ---- */

LUN_PURE double image_filter_at(image_filter f, double x) {
  x = fabs(x);
  if (f == IMAGE_BILINEAR) return x < 1 ? 1 - x : 0;
  const double a = -0.5; /* Keys 1981; Pillow's value, torch uses -0.75 */
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

LUN_PURE double image_support(image_filter f, int size, int out) {
  double scale = (double)size / out;
  return (f == IMAGE_BICUBIC ? 2.0 : 1.0) * (scale > 1 ? scale : 1);
}

LUN_PURE int image_taps(image_filter f, int size, int out) {
  int t = (int)ceil(image_support(f, size, out)) * 2 + 1;
  return t < size ? t : size;
}

/* The taps of output i: the first one's place, their number and, in w, their weights. The kernel widens by size/out
** when shrinking (antialiasing); taps outside are dropped and the rest sums to gain. */
LUN_PURE int image_tap_weights(image_filter f, int size, int out, int i, double gain, float *w, int *count) {
  double scale = (double)size / out, wide = scale > 1 ? scale : 1, support = image_support(f, size, out);
  double centre = (i + 0.5) * scale, sum = 0;
  int taps = image_taps(f, size, out), lo = (int)(centre - support + 0.5), hi = (int)(centre + support + 0.5);
  if (centre - support + 0.5 < 0) lo = 0;
  if (hi > size) hi = size;
  if (hi - lo > taps) hi = lo + taps;
  for (int j = lo; j < hi; j++) sum += image_filter_at(f, (j + 0.5 - centre) / wide);
  for (int j = lo; j < hi; j++) w[j - lo] = (float)(image_filter_at(f, (j + 0.5 - centre) / wide) / sum * gain);
  *count = hi - lo;
  return lo;
}

/* ---- colours ---- */

LUN_PURE float image_unit(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

/* The weights of ITU-R 601 as torchvision rounds them. */
LUN_PURE float image_luma(float r, float g, float b) { return 0.2989f * r + 0.587f * g + 0.114f * b; }

LUN_PURE void image_saturation_of(float *r, float *g, float *b, float factor) {
  float rest = (1 - factor) * image_luma(*r, *g, *b);
  *r = image_unit(factor * *r + rest);
  *g = image_unit(factor * *g + rest);
  *b = image_unit(factor * *b + rest);
}

/* One channel of HSV -> RGB without branches: k = (offset + 6 hue) mod 6, v - v s clamp(min(k, 4 - k), 0, 1). */
LUN_PURE float image_hsv_channel(float offset, float hue6, float v, float chroma) {
  float k = offset + hue6;
  k = k >= 6 ? k - 6 : k;
  float m = k < 4 - k ? k : 4 - k;
  return image_unit(v - chroma * image_unit(m));
}

/* Shifts the hue of HSV by shift / 6 turns in [-0.5, 0.5]. A gray pixel has no hue and stays. */
LUN_PURE void image_hue_of(float *r, float *g, float *b, float shift) {
  float x = *r, y = *g, z = *b;
  float high = x > y ? x : y, low = x < y ? x : y;
  high = high > z ? high : z;
  low = low < z ? low : z;
  float chroma = high - low, inverse = 1 / (chroma > 0 ? chroma : 1);
  float h = x == high ? (y - z) * inverse : y == high ? 2 + (z - x) * inverse : 4 + (x - y) * inverse;
  h += shift; /* in [-4, 8): hue in [-1, 5), shift in [-3, 3] */
  h = h < 0 ? h + 6 : h;
  h = h >= 6 ? h - 6 : h;
  *r = image_hsv_channel(5, h, high, chroma);
  *g = image_hsv_channel(3, h, high, chroma);
  *b = image_hsv_channel(1, h, high, chroma);
}

/* Inverts what is at or above the threshold. */
LUN_PURE float image_solarized(float x, float threshold) { return x >= threshold ? 1 - x : x; }

/* ---- Gaussian blur ---- */

/* Where pixel i of n is taken from: outside, the edge pixel (as Pillow), or its reflection, the edge not repeated. */
LUN_PURE int image_border(int i, int n, bool reflect) {
  if (n == 1) return 0;
  if (!reflect) return i < 0 ? 0 : i >= n ? n - 1 : i;
  int period = 2 * (n - 1);
  i = (i % period + period) % period;
  return i < n ? i : period - i;
}

LUN_PURE double image_gaussian(int t, double sigma) { return exp(-0.5 * t * t / (sigma * sigma)); }

#endif
