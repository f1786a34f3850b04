/* blas.h: OpenBLAS, loaded with dlopen. */
#ifndef LUN_CPU_BLAS_H
#define LUN_CPU_BLAS_H

#include "lunette_backend.h"

#include <cblas.h>

typedef struct {
  bool tried;
  void *lib; /* NULL: not loaded, and why says why */
  char why[256];
  __typeof__(cblas_sgemm) *sgemm;
  __typeof__(cblas_dgemm) *dgemm;
  __typeof__(openblas_set_num_threads) *set_threads;
  __typeof__(openblas_get_config) *config;
  __typeof__(openblas_get_corename) *core;
  __typeof__(openblas_get_parallel) *parallel;
} lun_blas;

/* NULL where OpenBLAS cannot be loaded. */
lun_blas *lun_blas_of(lun_context *c);

/* y (m,n) = op(a) (m,k) op(b) (k,n) + beta y, row-major and dense, f32 or f64 (as `dtype` says).
** LUN_EUNSUPPORTED without OpenBLAS or for sizes its integers cannot hold. */
int lun_gemm(lun_context *c, lun_dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a,
             const void *b, double beta, void *y, int threads);

/* f32, y += op(a) op(b), with the distances between rows given. */
int lun_gemm_add(lun_context *c, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                 const float *b, int64_t ldb, float *y, int64_t ldy, int threads);

void lun_blas_close(lun_blas *b);

#endif
