/* kernels.h: the kernels of kernels.def. Each is called as an op's CPU kernel is, with tensors on a device. */
#ifndef LUN_CUDA_KERNELS_H
#define LUN_CUDA_KERNELS_H

#include "lunette_backend.h"

#ifdef __cplusplus
extern "C" {
#endif
#define KERNEL(op) int lun_cuda_##op(lun_call *c);
#include "kernels.def"
#undef KERNEL
#ifdef __cplusplus
}
#endif

#endif
