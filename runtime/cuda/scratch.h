/* scratch.h: device memory for the time of one call. It is freed in stream order: a kernel that was launched with it
** has it for as long as it runs, even after lun_release. */
#ifndef LUN_CUDA_SCRATCH_H
#define LUN_CUDA_SCRATCH_H

#include "lunette_backend.h"

/* n elements on the call's device, 1-D, not initialised; lun_release when the last launch that uses it was made. */
static inline int lun_cuda_scratch(lun_call *c, lun_dtype d, int64_t n, lun_tensor **out) {
  return lun_empty(c->ctx, d, c->device, 1, &n, out);
}

#endif
