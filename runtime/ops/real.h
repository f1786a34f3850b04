/* real.h: kernels written once for float and double. A family puts its loops in FAMILY_kernels.h, written with `real`
** and FN(name), and includes this file with KERNELS defined as that header's name:
**   #define KERNELS "softmax_kernels.h"
**   #include "real.h"
** then calls BY_REAL(dtype, name, arguments...).
*/
#include "exp.h"

#define real      float
#define FN(name)  name##_f32
#define REAL_SQRT sqrtf
#define REAL_EXP  lun_exp_f32
#define REAL_LOG  logf
#define REAL_ABS  fabsf
#define REAL_TINY 1e-30f
#define REAL_INT  int32_t
#include KERNELS
#undef real
#undef FN
#undef REAL_SQRT
#undef REAL_EXP
#undef REAL_LOG
#undef REAL_ABS
#undef REAL_TINY
#undef REAL_INT
#define real      double
#define FN(name)  name##_f64
#define REAL_SQRT sqrt
#define REAL_EXP  exp
#define REAL_LOG  log
#define REAL_ABS  fabs
#define REAL_TINY 1e-300
#define REAL_INT  int64_t
#include KERNELS
#undef real
#undef FN
#undef REAL_SQRT
#undef REAL_EXP
#undef REAL_LOG
#undef REAL_ABS
#undef REAL_TINY
#undef REAL_INT
#undef KERNELS

#ifndef BY_REAL
/* f32 or f64: the shape function has made sure of that. */
#define BY_REAL(dtype, name, ...) ((dtype) == LUN_F64 ? name##_f64(__VA_ARGS__) : name##_f32(__VA_ARGS__))
#endif
