/* gemm.h: matrix products on the call's device. device/blas.c has them from cuBLAS; tests on the host, from plain loops
** (tests/cuda_host/gemm_host.cpp). */
#ifndef LUN_CUDA_GEMM_H
#define LUN_CUDA_GEMM_H

#include "lunette_backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A matrix in device memory, row-major as stored: row i starts at p + i * ld elements, ld at least a row's length. transposed: its
** transpose is meant. stride: elements from one matrix of a batch to the next (0: all products share it). */
typedef struct {
  const void *p;
  int64_t ld, stride;
  bool transposed;
} lun_cuda_matrix;

/* Y = alpha A B + beta Y, `batch` times; A is m x k and B k x n after transposition, Y m x n.
** in: dtype of A and B, f32, f64 or bf16. out: of Y, the same, or f32 for bf16. Sums are in f32 (f64 for f64). */
typedef struct {
  int64_t m, n, k, batch;
  double alpha, beta;
  lun_dtype in, out;
  lun_cuda_matrix a, b;
  void *y;
  int64_t ldy, y_stride;
} lun_cuda_product;
int lun_cuda_gemm(lun_call *c, const lun_cuda_product *p);

#ifdef __cplusplus
}
#endif

#endif
