/* each_float.h: includes the file named by KERNELS once per floating type, so that a kernel is written once.
**
** Inside it: FN(name) names the copy, ELEM is how elements are stored, ACC what they are computed in (also the dtype of
** weights and statistics beside such elements), LOAD and STORE convert between the two.
*/
#include "core/half.h"

#define FN(name) name##_f32
#define ELEM     float
#define ACC      float
#define LOAD(v)  (v)
#define STORE(v) (v)
#include KERNELS
#undef FN
#undef ELEM
#undef ACC

#define FN(name) name##_f64
#define ELEM     double
#define ACC      double
#include KERNELS
#undef FN
#undef ELEM
#undef ACC
#undef LOAD
#undef STORE

#define FN(name) name##_bf16
#define ELEM     uint16_t
#define ACC      float
#define LOAD(v)  lun_bf16_float(v)
#define STORE(v) lun_float_bf16(v)
#include KERNELS
#undef FN
#undef ELEM
#undef ACC
#undef LOAD
#undef STORE
#undef KERNELS

/* The copy of a kernel for elements of dtype d, which must be f32, f64 or bf16 (activation.h checks that). */
#define PICK(d, name) ((d) == LUN_F64 ? name##_f64 : (d) == LUN_BF16 ? name##_bf16 : name##_f32)
