/* gemm_gated.cpp: the products of gemm_host.cpp under another name: backend_host.cpp opens the device's memory for
 * them. */
#include "gemm.h"
#define lun_cuda_gemm lun_cuda_gemm_open
int lun_cuda_gemm_open(lun_call *c, const lun_cuda_product *p);
#include "gemm_host.cpp"
