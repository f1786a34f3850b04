// dnn_host.cpp: cuda/dnn.h where there is no cuDNN.
#include "dnn.h"

int lun_cuda_dnn_forward(lun_call *, const lun_cuda_conv *, const void *, const void *, void *) {
  return LUN_EUNSUPPORTED;
}
int lun_cuda_dnn_dx(lun_call *, const lun_cuda_conv *, const void *, const void *, void *) { return LUN_EUNSUPPORTED; }
int lun_cuda_dnn_dw(lun_call *, const lun_cuda_conv *, const void *, const void *, void *) { return LUN_EUNSUPPORTED; }
