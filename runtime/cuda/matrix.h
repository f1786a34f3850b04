/* matrix.h: products of matrices without gaps, in few words; see gemm.h. */
#ifndef LUN_CUDA_MATRIX_H
#define LUN_CUDA_MATRIX_H

#include "gemm.h"

/* A matrix as the product takes it: `columns` of its storage, which is row-major; transposed or not. */
static inline lun_cuda_matrix lun_matrix(const void *p, int64_t columns, bool transposed) {
  lun_cuda_matrix m = {p, columns, 0, transposed};
  return m;
}

/* y (m,n) = alpha a b + beta y, a (m,k), b (k,n) after transposition, all of one dtype. */
static inline int lun_product(lun_call *c, lun_dtype type, int64_t m, int64_t n, int64_t k, double alpha,
                              lun_cuda_matrix a, lun_cuda_matrix b, double beta, void *y) {
  lun_cuda_product p = {m, n, k, 1, alpha, beta, type, type, a, b, y, n, 0};
  return lun_cuda_gemm(c, &p);
}

#endif
