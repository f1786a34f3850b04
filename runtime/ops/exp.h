/* exp.h: exp for floats in a form that compilers vectorise; libm's expf is a call per element. */
#ifndef LUN_EXP_H
#define LUN_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* e^x within 2e-7 relative: x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial of degree 7 for e^r (coefficients of
** Cephes), n added to the exponent bits. 0 below -87.6, where floats become subnormal, inf above 88.3; NaN stays. */
static inline float lun_exp_f32(float x) {
  float in = x < -87.6f ? -87.6f : x > 88.3f ? 88.3f : x;
  float shifted = in * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: the sum's last bits are n */
  float n = shifted - 12582912.0f, r = in - n * 0.693359375f + n * 2.12194440e-4f, scale, y;
  y = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r + 4.1665795894e-2f) * r +
       1.6666665459e-1f) *
          r +
      5.0000001201e-1f;
  y = y * r * r + r + 1;
  uint32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 23) + 0x3f800000u;
  memcpy(&scale, &bits, sizeof scale);
  y *= scale;
  return x < -87.6f ? 0 : x > 88.3f ? INFINITY : y;
}

#endif
