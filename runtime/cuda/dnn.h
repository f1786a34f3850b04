/* dnn.h: convolution from cuDNN (device/dnn.c), on images and weights that are stored channels-last. Each answers
** LUN_EUNSUPPORTED where cuDNN is absent or has no kernel of the kind we want: one that repeats bit for bit (unless lun_fast),
** sums in f32 and does not round its inputs. The caller goes on with its own (columns and cuda/gemm.h). On the host, where
** tests run, that is the answer too, or plain loops stand in (tests/cuda_host/dnn_host.cpp). */
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
  lun_dtype dtype; /* of x, y and weight: f32 or bf16; f64 is never supported */
} lun_cuda_conv;
/* y = conv(x, weight); dx = conv(dy, weight) transposed; dw = x * dy. Pointers: device memory, x and y (n,h,w,c),
** weight and dw (k,r,s,c). dw is f32 or of v's dtype, as `d` says. */
int lun_cuda_dnn_forward(lun_call *c, const lun_cuda_conv *v, const void *x, const void *weight, void *y);
int lun_cuda_dnn_dx(lun_call *c, const lun_cuda_conv *v, const void *dy, const void *weight, void *dx);
int lun_cuda_dnn_dw(lun_call *c, const lun_cuda_conv *v, const void *x, const void *dy, lun_dtype d, void *dw);

#ifdef __cplusplus
}
#endif

#endif
