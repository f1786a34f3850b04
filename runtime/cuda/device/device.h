/* device.h: what the files of device/ share and what is the same for a backend of the tests: no CUDA in it. */
#ifndef LUN_CUDA_DEVICE_H
#define LUN_CUDA_DEVICE_H

#include "lunette_device.h"

#ifdef __cplusplus
extern "C" {
#endif

extern const lun_kernel lun_cuda_kernels[]; /* ends with {NULL, NULL} */
int lun_cuda_has_nan(lun_call *c, lun_tensor *t, bool infinities, bool *out);

#ifdef __cplusplus
}
#endif

#endif
