/* gelu.h: the Gaussian error linear unit x F(x), F the normal distribution function, and its derivative.
** For floats they are in a form that compilers vectorise; libm's erfc is a call per element.
*/
#ifndef LUN_GELU_H
#define LUN_GELU_H

#include "ops/exp.h"

/* F(x) within 1.5e-6 relative for |x| < 6, and *bell = exp(-x^2 / 2). The tail beyond a = |x| is bell/2 times
** erfcx(a / sqrt 2), for which t Q(t) with t = 1 / (1 + 0.4 a / sqrt 2) and Q of degree 8, fitted to a / sqrt 2 in
** 0..10, is within 7e-8. */
static inline float lun_normal_f32(float x, float *bell) {
  float a = fabsf(x), t = 1 / (1 + 0.28284271f * a), q;
  q = (((0.0412564438f * t - 0.140335492f) * t + 0.0840201641f) * t + 0.0879276733f) * t + 0.0797810707f;
  q = (((q * t + 0.193383101f) * t + 0.201890072f) * t + 0.226442779f) * t + 0.22563425f;
  *bell = lun_exp_f32(-0.5f * a * a);
  float tail = 0.5f * *bell * t * q;
  return x < 0 ? tail : 1 - tail;
}

static inline float lun_gelu_f32(float x) {
  float bell;
  return x * lun_normal_f32(x, &bell);
}

static inline float lun_gelu_slope_f32(float x) {
  float bell, f = lun_normal_f32(x, &bell);
  return f + x * 0.39894228f * bell;
}

static inline double lun_gelu_f64(double x) { return x * erfc(-x * 0.70710678118654752) / 2; }

static inline double lun_gelu_slope_f64(double x) {
  return erfc(-x * 0.70710678118654752) / 2 + x * 0.3989422804014327 * exp(-x * x / 2);
}

#endif
