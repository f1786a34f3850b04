/* kernels.c: the kernels of kernels.def as the core joins them to the op table. */
#include "device.h"
#include "kernels.h"

const lun_kernel lun_cuda_kernels[] = {
#define KERNEL(op) {#op, lun_cuda_##op},
#include "kernels.def"
#undef KERNEL
    {NULL, NULL}};
