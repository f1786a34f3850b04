/* ready_gradient.h: losses whose forward pass makes the gradient as well, because it costs little beside it. */
#ifndef LUN_READY_GRADIENT_H
#define LUN_READY_GRADIENT_H

#include "core/op.h"

/* Output 0 is the loss, output 1 + i its gradient to argument i, for the first `count` arguments. */
static inline int ready_gradients(lun_call *c, lun_tensor *const *dout, lun_tensor **din, int count) {
  for (int i = 0; i < count; i++)
    if (dout[0] && c->needs[i]) LUN_TRY(lun_do(c->ctx, "mul", &din[i], "tt", c->out[1 + i], dout[0]));
  return LUN_OK;
}

#endif
