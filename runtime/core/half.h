/* half.h: bf16 and f16 as bit patterns, converted with round to nearest even. Inline so that loops vectorise. */
#ifndef LUN_HALF_H
#define LUN_HALF_H

#include "pure.h"

#include <stdint.h>
#include <string.h>

LUN_PURE float lun_bf16_float(uint16_t b) {
  uint32_t u = (uint32_t)b << 16;
  float f;
  memcpy(&f, &u, 4);
  return f;
}

LUN_PURE uint16_t lun_float_bf16(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
  uint32_t nan = (u >> 16) | 0x40u; /* rounding could carry a NaN into infinity */
  return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

LUN_PURE float lun_f16_float(uint16_t h) {
  uint32_t sign = (uint32_t)(h & 0x8000u) << 16, e = (h >> 10) & 31u, m = h & 0x3ffu, u;
  if (e == 31)
    u = sign | 0x7f800000u | (m << 13);
  else if (e)
    u = sign | ((e + 112) << 23) | (m << 13);
  else if (m) { /* subnormal: shift the leading one into place */
    int shift = 0;
    while (!(m & 0x400u)) m <<= 1, shift++;
    u = sign | ((uint32_t)(113 - shift) << 23) | ((m & 0x3ffu) << 13);
  } else
    u = sign;
  float f;
  memcpy(&f, &u, 4);
  return f;
}

LUN_PURE uint16_t lun_float_f16(float f) {
  uint32_t u;
  memcpy(&u, &f, 4);
  uint32_t sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
  if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
  if (a >= 0x47800000u) return (uint16_t)(sign | 0x7c00u); /* 65536 and above */
  if (a < 0x38800000u) {                                   /* below the smallest normal, 2^-14 */
    if (a < 0x33000000u) return (uint16_t)sign;            /* at most half of the smallest subnormal rounds to 0 */
    uint32_t e = a >> 23, m = (a & 0x7fffffu) | 0x800000u, shift = 126 - e;
    uint32_t half = m >> shift, rest = m & ((1u << shift) - 1), tie = 1u << (shift - 1);
    return (uint16_t)(sign | (half + (rest > tie || (rest == tie && (half & 1)))));
  }
  uint32_t r = a + 0xfffu + ((a >> 13) & 1);
  return (uint16_t)(sign | ((r - 0x38000000u) >> 13));
}

#endif
