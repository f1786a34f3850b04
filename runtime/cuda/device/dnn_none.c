/* dnn_none.c: cuda/dnn.h for a build without cuDNN's headers: every convolution is left to the caller's own way. */
#include "dnn.h"
#include "device/dnn_state.h"

#include <stdio.h>

void lun_cuda_dnn_close(lun_cuda_dnn *d) { (void)d; /* there never is one */ }

void lun_cuda_dnn_describe(lun_context *c, char *buf, size_t size) {
  (void)c;
  snprintf(buf, size, "none (its headers were absent from the build): convolutions are products of columns");
}

int lun_cuda_dnn_forward(lun_call *c, const lun_cuda_conv *v, const void *x, const void *weight, void *y) {
  (void)c, (void)v, (void)x, (void)weight, (void)y;
  return LUN_EUNSUPPORTED;
}
int lun_cuda_dnn_dx(lun_call *c, const lun_cuda_conv *v, const void *dy, const void *weight, void *dx) {
  (void)c, (void)v, (void)dy, (void)weight, (void)dx;
  return LUN_EUNSUPPORTED;
}
int lun_cuda_dnn_dw(lun_call *c, const lun_cuda_conv *v, const void *x, const void *dy, lun_dtype d, void *dw) {
  (void)c, (void)v, (void)x, (void)dy, (void)d, (void)dw;
  return LUN_EUNSUPPORTED;
}
