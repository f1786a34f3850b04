/* dnn.h: convolution and pooling from cuDNN (device/dnn.c), on images that are stored channels-last. Each answers
** LUN_EUNSUPPORTED where cuDNN is absent or has no such kernel: the caller goes on with its own (im2col and
*cuda/gemm.h).
** On the host, where tests run, that is always the answer. */
#ifndef LUN_CUDA_DNN_H
#define LUN_CUDA_DNN_H

#include "lunette_backend.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int64_t n, c, h, w; /* input */
  int64_t k, p, q;    /* output channels, height, width */
  int64_t r, s;       /* kernel height, width */
  int64_t stride, padding;
  lun_dtype dtype; /* of x, y and w: f32, f64 or bf16 */
} lun_cuda_conv;
/* y = conv(x, weight); dx = conv(dy, weight) transposed; dw = x * dy. Pointers: device memory, x and y channels-last,
** weight (k,c,r,s) row-major as the ops hold it. */
int lun_cuda_dnn_forward(lun_call *c, const lun_cuda_conv *v, const void *x, const void *weight, void *y);
int lun_cuda_dnn_dx(lun_call *c, const lun_cuda_conv *v, const void *dy, const void *weight, void *dx);
int lun_cuda_dnn_dw(lun_call *c, const lun_cuda_conv *v, const void *x, const void *dy, void *dw);

#ifdef __cplusplus
}
#endif

#endif
