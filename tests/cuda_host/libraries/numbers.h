/* numbers.h: elements of arrays of f32, f64 or bf16 as doubles. */
#ifndef LUN_LIBRARIES_NUMBERS_H
#define LUN_LIBRARIES_NUMBERS_H

#include "core/half.h"
#include "lunette.h"

static inline double number_get(const void *p, lun_dtype d, int64_t i) {
  return d == LUN_F32   ? (double)((const float *)p)[i]
         : d == LUN_F64 ? ((const double *)p)[i]
                        : (double)lun_bf16_float(((const uint16_t *)p)[i]);
}

static inline void number_put(void *p, lun_dtype d, int64_t i, double v) {
  if (d == LUN_F32)
    ((float *)p)[i] = (float)v;
  else if (d == LUN_F64)
    ((double *)p)[i] = v;
  else
    ((uint16_t *)p)[i] = lun_float_bf16((float)v);
}

static inline int64_t number_size(lun_dtype d) { return d == LUN_F64 ? 8 : d == LUN_F32 ? 4 : 2; }

/* Of any array; bf16 holds it exactly. */
static inline double number_sample(int64_t i) { return (double)(i * 7 % 13 - 6) / 8; }

#endif
