/* activation.h: the dtype rules of layers. Activations are f32, bf16 or f64; weights and statistics are f32 beside f32
** and bf16 activations, f64 beside f64.
*/
#ifndef LUN_OPS_ACTIVATION_H
#define LUN_OPS_ACTIVATION_H

#include "core/op.h"

static inline lun_dtype weight_dtype(const lun_tensor *activation) {
  return activation->dtype == LUN_F64 ? LUN_F64 : LUN_F32;
}

static inline int need_activation(lun_call *c, int arg) {
  lun_dtype d = c->arg[arg].t->dtype;
  if (d == LUN_F32 || d == LUN_BF16 || d == LUN_F64) return LUN_OK;
  return lun_bad(c, LUN_EDTYPE, "%s must be f32, bf16 or f64, got %s; convert it with :to(\"f32\")",
                 lun_arg_name(c, arg), lun_dtype_name(d));
}

/* arg is a parameter beside the activations `beside`. */
static inline int need_weight_dtype(lun_call *c, int arg, int beside) {
  lun_dtype want = weight_dtype(c->arg[beside].t), got = c->arg[arg].t->dtype;
  if (got == want) return LUN_OK;
  return lun_bad(c, LUN_EDTYPE, "%s must be %s beside %s in %s, got %s; convert it with :to(\"%s\")",
                 lun_arg_name(c, arg), lun_dtype_name(want), lun_arg_name(c, beside),
                 lun_dtype_name(c->arg[beside].t->dtype), lun_dtype_name(got), lun_dtype_name(want));
}

#endif
