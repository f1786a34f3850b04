/* pointwise_kernels.h: flat loops for one element type; see real.h. Operand steps are 1, or 0 for a broadcast scalar.
 */

#define POINTWISE(name, forward, gradient, kept, doc, gen)                                                             \
  static void FN(name)(const real *px, real *py, int64_t n) {                                                          \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                              \
      const real x = px[i];                                                                                            \
      py[i] = (forward);                                                                                               \
    }                                                                                                                  \
  }                                                                                                                    \
  static void FN(name##_grad)(const real *pg, const real *pv, real *pd, int64_t n) {                                   \
    _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                              \
      const real g = pg[i], v = pv[i];                                                                                 \
      (void)v;                                                                                                         \
      pd[i] = (gradient);                                                                                              \
    }                                                                                                                  \
  }
#include "pointwise.def"
#undef POINTWISE

/* Both operands advance, or one stands still: three loops, so that each vectorises. */
#define BINARY_LOOP(name, type, expr)                                                                                  \
  static void FN(name)(const real *pa, int sa, const real *pb, int sb, type *py, int64_t n) {                          \
    if (sa && sb) {                                                                                                    \
      _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                            \
        const real a = pa[i], b = pb[i];                                                                               \
        py[i] = (expr);                                                                                                \
      }                                                                                                                \
    } else if (sa) {                                                                                                   \
      const real b = *pb;                                                                                              \
      _Pragma("omp simd") for (int64_t i = 0; i < n; i++) {                                                            \
        const real a = pa[i];                                                                                          \
        py[i] = (expr);                                                                                                \
      }                                                                                                                \
    } else {                                                                                                           \
      const real a = *pa;                                                                                              \
      for (int64_t i = 0; i < n; i++) {                                                                                \
        const real b = pb[sb ? i : 0];                                                                                 \
        py[i] = (expr);                                                                                                \
      }                                                                                                                \
    }                                                                                                                  \
  }
BINARY_LOOP(add, real, a + b)
BINARY_LOOP(sub, real, a - b)
BINARY_LOOP(mul, real, a *b)
BINARY_LOOP(div, real, a / b)
BINARY_LOOP(pow, real, POW(a, b))
BINARY_LOOP(maximum, real, a > b || a != a ? a : b)
BINARY_LOOP(minimum, real, a < b || a != a ? a : b)
BINARY_LOOP(eq, uint8_t, a == b)
BINARY_LOOP(lt, uint8_t, a < b)
BINARY_LOOP(le, uint8_t, a <= b)
#undef BINARY_LOOP
