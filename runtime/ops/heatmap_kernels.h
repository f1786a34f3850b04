/* heatmap_kernels.h: loops over one map (see real.h). Activations are channels-last: channels of a pixel adjoin. */

static void FN(gradcam_image)(const void *activation, const void *gradient, int64_t image, int64_t channels,
                              int64_t pixels, double *weight, bool relu, void *map) {
  const real *a = (const real *)activation + image * channels * pixels;
  const real *g = (const real *)gradient + image * channels * pixels;
  real *out = (real *)map + image * pixels;
  for (int64_t k = 0; k < channels; k++) weight[k] = 0;
  for (int64_t p = 0; p < pixels; p++)
#pragma omp simd
    for (int64_t k = 0; k < channels; k++) weight[k] += (double)g[p * channels + k];
  for (int64_t p = 0; p < pixels; p++) {
    double s = 0;
#pragma omp simd reduction(+ : s)
    for (int64_t k = 0; k < channels; k++) s += weight[k] * (double)a[p * channels + k];
    s /= (double)pixels;
    out[p] = (real)(relu && s < 0 ? 0 : s);
  }
}

static void FN(largest_magnitude)(const void *x, int64_t pixels, int64_t channels, void *map) {
  const real *v = x;
  real *out = map;
  for (int64_t p = 0; p < pixels; p++) {
    real most = 0;
    for (int64_t k = 0; k < channels; k++) {
      real a = REAL_ABS(v[p * channels + k]);
      most = a > most ? a : most;
    }
    out[p] = most;
  }
}

static void FN(score_map)(const void *map, const uint8_t *masks, int64_t image, int64_t pixels,
                          const double *thresholds, int64_t count, double *iou, double *hit, double *energy) {
  const real *m = (const real *)map + image * pixels;
  const uint8_t *mask = masks + image * pixels;
  double all = 0, inside = 0, top = 0;
  int64_t at = -1;
  for (int64_t p = 0; p < pixels; p++) {
    double v = (double)m[p];
    if (!(v > 0)) continue;
    all += v;
    if (mask[p]) inside += v;
    if (v > top) top = v, at = p;
  }
  *hit = at >= 0 && mask[at] ? 1 : 0;
  *energy = all > 0 ? inside / all : 0;
  for (int64_t k = 0; k < count; k++) {
    int64_t both = 0, either = 0;
    for (int64_t p = 0; p < pixels; p++) {
      int chosen = top > 0 && (double)m[p] >= thresholds[k] * top, marked = mask[p] != 0;
      both += chosen & marked;
      either += chosen | marked;
    }
    iou[k] = either ? (double)both / (double)either : 0;
  }
}
