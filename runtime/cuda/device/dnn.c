/* dnn.c: cuda/dnn.h without cuDNN: every convolution is im2col and a product. */
#include "dnn.h"
#include "device/dnn_state.h"

#include <stdio.h>

int lun_cuda_dnn_forward(lun_call *c, const lun_cuda_conv *v, const void *x, const void *weight, void *y) {
  (void)c, (void)v, (void)x, (void)weight, (void)y;
  return LUN_EUNSUPPORTED;
}

int lun_cuda_dnn_dx(lun_call *c, const lun_cuda_conv *v, const void *dy, const void *weight, void *dx) {
  (void)c, (void)v, (void)dy, (void)weight, (void)dx;
  return LUN_EUNSUPPORTED;
}

int lun_cuda_dnn_dw(lun_call *c, const lun_cuda_conv *v, const void *x, const void *dy, void *dw) {
  (void)c, (void)v, (void)x, (void)dy, (void)dw;
  return LUN_EUNSUPPORTED;
}

void lun_cuda_dnn_close(lun_cuda_dnn *d) { (void)d; }

void lun_cuda_dnn_describe(lun_context *c, char *buf, size_t size) {
  (void)c;
  snprintf(buf, size, "not used by this build");
}
