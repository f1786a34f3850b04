/* copy.h: the elements of one tensor into another of the same shape and device, whatever the strides and dtypes of the
** two (copy.cu): what lun_copy does between tensors on the host. */
#ifndef LUN_CUDA_COPY_H
#define LUN_CUDA_COPY_H

#include "lunette_backend.h"

#ifdef __cplusplus
extern "C" {
#endif
int lun_cuda_copy(lun_call *c, const lun_tensor *to, const lun_tensor *from);
/* Every element of y, which is dense in some order, becomes value. */
int lun_cuda_fill_with(lun_call *c, const lun_tensor *y, double value);
#ifdef __cplusplus
}
#endif

#endif
