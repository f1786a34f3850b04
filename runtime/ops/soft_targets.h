/* soft_targets.h: what SwAV's and DINO's losses, both over (n,k) logits, share. */
#ifndef LUN_SOFT_TARGETS_H
#define LUN_SOFT_TARGETS_H

#include "core/op.h"

/* Rows are worked on in parts with scratch of their own. Depends on n alone: results are those of any thread count. */
static inline int64_t row_parts(int64_t n) { return n < 16 ? n : 16; }

/* Argument `arg` is (n,k) logits, neither 0; argument arg + 1 like it. */
static inline int need_logits(lun_call *c, int arg) {
  const lun_tensor *s = c->arg[arg].t;
  LUN_TRY(lun_need_real(c, arg));
  LUN_TRY(lun_need_ndim(c, arg, 2));
  if (s->shape[0] < 1 || s->shape[1] < 1)
    return lun_bad(c, LUN_ESHAPE, "%s must hold at least one sample and one column", lun_arg_name(c, arg));
  LUN_TRY(lun_need_same_dtype(c, arg + 1, arg));
  return lun_need_same_shape(c, arg + 1, arg);
}

static inline int need_temperature(lun_call *c, int arg) {
  if (c->arg[arg].f > 0) return LUN_OK;
  return lun_bad(c, LUN_EARG, "%s must be above 0, got %g", lun_arg_name(c, arg), c->arg[arg].f);
}

#endif
