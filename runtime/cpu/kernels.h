/* kernels.h: the engine's kernels and what they share. */
#ifndef LUN_CPU_KERNELS_H
#define LUN_CPU_KERNELS_H

#include "ops/conv_geometry.h"

int lun_cpu_matmul(lun_call *c);
int lun_cpu_linear(lun_call *c);
int lun_cpu_linear_dx(lun_call *c);
int lun_cpu_linear_dw(lun_call *c);

/* 3 x 3 convolution as Winograd's F(4x4, 3x3). */
int lun_winograd_forward(lun_call *c);
int lun_winograd_dx(lun_call *c);
int lun_winograd_dw(lun_call *c);
/* Convolution as products per tap (small images), as im2col + GEMM, and on oneDNN. */
int lun_small_forward(lun_call *c);
int lun_small_dx(lun_call *c);
int lun_small_dw(lun_call *c);
int lun_im2col_forward(lun_call *c);
int lun_im2col_dx(lun_call *c);
int lun_im2col_dw(lun_call *c);
/* Columns of n images with elements of `size` bytes: a row of kh x kw x c per output pixel. */
void lun_im2col_fill(const conv_geometry *g, int64_t size, const char *x, int64_t n, char *cols, int threads);
/* Weights from (out,in,kh,kw) to (out,kh,kw,in), and back. */
void lun_im2col_pack(const conv_geometry *g, const float *oihw, float *ohwi, int threads);
void lun_im2col_unpack(const conv_geometry *g, const float *ohwi, float *oihw, int threads);
#ifdef LUNETTE_ONEDNN
int lun_onednn_forward(lun_call *c);
int lun_onednn_dx(lun_call *c);
int lun_onednn_dw(lun_call *c);
#endif

/* n elements converted by the op table's cast kernel, which is compiled for this CPU. */
int lun_cpu_cast(lun_call *c, const void *from, lun_dtype from_dtype, void *to, lun_dtype to_dtype, int64_t n);

#endif
