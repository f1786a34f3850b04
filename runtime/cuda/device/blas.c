/* blas.c: cuda/gemm.h from cuBLAS, loaded when a product first asks for it.
**
** Row-major Y = A B is column-major Y' = B' A', so the operands change places. Sums are in f32 for f32 and bf16
** (no TF32, no sums in half precision) and f64 for f64. The same bits twice: one stream, and a workspace of our
** own instead of one that cuBLAS takes from a pool by circumstance. */
#include "device/state.h"
#include "gemm.h"

#include <cublas_v2.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define WORKSPACE ((int64_t)32 << 20) /* what NVIDIA advises for Hopper */

#define FUNCTIONS(F)                                                                                                   \
  F(cublasCreate_v2)                                                                                                   \
  F(cublasDestroy_v2)                                                                                                  \
  F(cublasGetVersion_v2)                                                                                               \
  F(cublasSetStream_v2)                                                                                                \
  F(cublasSetWorkspace_v2)                                                                                             \
  F(cublasSetMathMode)                                                                                                 \
  F(cublasGetStatusString)                                                                                             \
  F(cublasGemmStridedBatchedEx)

struct lun_cuda_blas {
  void *library;
#define F(name) __typeof__(name) *name;
  FUNCTIONS(F)
#undef F
  cublasHandle_t handle; /* NULL: it cannot be used, and why says the reason */
  void *workspace;
  int version;
  char why[256];
};

static bool load(lun_cuda_blas *b) {
  /* The major version of the toolkit that this was compiled with: its structures and constants. */
  char name[32];
  snprintf(name, sizeof name, "libcublas.so.%d", CUBLAS_VER_MAJOR);
  /* Not unmapped when the context closes: the run-time library inside does not survive that. */
  b->library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!b->library) {
    const char *text = dlerror();
    snprintf(b->why, sizeof b->why, "%.150s; it comes with the CUDA toolkit (LD_LIBRARY_PATH)", text ? text : name);
    return false;
  }
#define F(symbol)                                                                                                      \
  *(void **)(void *)&b->symbol = dlsym(b->library, #symbol);                                                           \
  if (!b->symbol) {                                                                                                    \
    snprintf(b->why, sizeof b->why, "%s has no %s", name, #symbol);                                                    \
    return false;                                                                                                      \
  }
  FUNCTIONS(F)
#undef F
  return true;
}

static void destroy(lun_cuda_blas *b) {
  cublasStatus_t st = b->handle ? b->cublasDestroy_v2(b->handle) : CUBLAS_STATUS_SUCCESS;
  if (st) fprintf(stderr, "lunette: cuBLAS: closing: %s\n", b->cublasGetStatusString(st));
  b->handle = NULL;
}

/* A handle, or why there is none. What may be otherwise next time, memory that is short, is an error instead. */
static int set_up(lun_context *c, lun_cuda_blas *b) {
  cublasStatus_t st = b->cublasCreate_v2(&b->handle);
  if (st == CUBLAS_STATUS_ALLOC_FAILED) {
    lun_cuda_flush(c);
    st = b->cublasCreate_v2(&b->handle);
  }
  if (st) {
    b->handle = NULL;
    snprintf(b->why, sizeof b->why, "cublasCreate: %s", b->cublasGetStatusString(st));
    return st == CUBLAS_STATUS_ALLOC_FAILED ? lun_fail(c, LUN_EMEM, "out of memory on cuda: %s", b->why) : LUN_OK;
  }
  st = b->cublasGetVersion_v2(b->handle, &b->version);
  if (!st) st = b->cublasSetStream_v2(b->handle, lun_cuda_of(c)->stream); /* this resets the workspace */
  if (!st) st = b->cublasSetWorkspace_v2(b->handle, b->workspace, (size_t)WORKSPACE);
  if (!st) st = b->cublasSetMathMode(b->handle, CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);
  if (!st) return LUN_OK;
  snprintf(b->why, sizeof b->why, "setting cuBLAS up: %s", b->cublasGetStatusString(st));
  destroy(b);
  return LUN_OK;
}

static int need(lun_context *c, lun_cuda_blas **out) {
  lun_cuda_state *s = lun_cuda_of(c);
  if (!s->blas) {
    LUN_TRY(lun_cuda_pause(c, "cuBLAS is loaded"));
    lun_cuda_blas *b = calloc(1, sizeof *b);
    if (!b) return lun_fail(c, LUN_EMEM, "out of memory: the state of cuBLAS");
    int st = lun_cuda_alloc(c, WORKSPACE, &b->workspace);
    if (st) {
      free(b);
      return st;
    }
    if (load(b)) st = set_up(c, b);
    if (st) {
      lun_cuda_free(c, b->workspace, WORKSPACE);
      dlclose(b->library);
      free(b);
      return st;
    }
    s->blas = b;
  }
  *out = s->blas;
  return LUN_OK;
}

void lun_cuda_blas_close(lun_cuda_state *s) {
  lun_cuda_blas *b = s->blas;
  if (!b) return;
  destroy(b);
  if (b->library) dlclose(b->library);
  lun_pool_free(s->pool, b->workspace);
  free(b);
  s->blas = NULL;
}

void lun_cuda_blas_describe(lun_context *c, char *buf, size_t size) {
  lun_cuda_blas *b;
  if (need(c, &b))
    snprintf(buf, size, "cublas: %s\n", lun_message(c));
  else if (!b->handle)
    snprintf(buf, size, "cublas: absent: %s\n", b->why);
  else
    snprintf(buf, size, "cublas: %d.%d.%d\n", b->version / 10000, b->version / 100 % 100, b->version % 100);
}

/* ---- products ---- */

static bool type_of(lun_dtype d, cudaDataType_t *out) {
  *out = d == LUN_F32 ? CUDA_R_32F : d == LUN_F64 ? CUDA_R_64F : CUDA_R_16BF;
  return d == LUN_F32 || d == LUN_F64 || d == LUN_BF16;
}

static bool fits(int64_t n) { return n >= 0 && n <= INT_MAX; }

int lun_cuda_gemm(lun_call *c, const lun_cuda_product *p) {
  cudaDataType_t in, out;
  lun_cuda_blas *b;
  if (!type_of(p->in, &in) || !type_of(p->out, &out) || (p->in != p->out && (p->in != LUN_BF16 || p->out != LUN_F32)))
    return lun_bad(c, LUN_EUNSUPPORTED, "no product of %s into %s", lun_dtype_name(p->in), lun_dtype_name(p->out));
  if (!fits(p->m) || !fits(p->n) || !fits(p->k) || !fits(p->batch) || !fits(p->a.ld) || !fits(p->b.ld) || !fits(p->ldy))
    return lun_bad(c, LUN_EUNSUPPORTED, "a product of %lld x %lld x %lld, %lld times, is beyond cuBLAS's 32 bits",
                   (long long)p->m, (long long)p->n, (long long)p->k, (long long)p->batch);
  if (!p->m || !p->n || !p->batch) return LUN_OK;
  LUN_TRY(need(c->ctx, &b));
  if (!b->handle) return lun_bad(c, LUN_EDEVICE, "matrix products need cuBLAS: %s", b->why);
  float alpha32 = (float)p->alpha, beta32 = (float)p->beta;
  bool wide = p->in == LUN_F64;
  const void *alpha = wide ? (const void *)&p->alpha : &alpha32, *beta = wide ? (const void *)&p->beta : &beta32;
  /* A leading dimension of 0 (matrices of one row or none) is not accepted; nothing is read through it. */
  int lda = (int)(p->a.ld > 0 ? p->a.ld : 1), ldb = (int)(p->b.ld > 0 ? p->b.ld : 1),
      ldy = (int)(p->ldy > 0 ? p->ldy : 1);
  lun_cuda_stream(c->ctx);
  cublasStatus_t st = b->cublasGemmStridedBatchedEx(
      b->handle, p->b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N, p->a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N, (int)p->n,
      (int)p->m, (int)p->k, alpha, p->b.p, in, ldb, (long long)p->b.stride, p->a.p, in, lda, (long long)p->a.stride,
      beta, p->y, out, ldy, (long long)p->y_stride, (int)p->batch, wide ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F,
      CUBLAS_GEMM_DEFAULT);
  if (!st) return lun_cuda_settled(c, "a product of cuBLAS");
  return lun_bad(c, LUN_EDEVICE, "cuBLAS: product of %lld x %lld x %lld, %lld times, %s: %s", (long long)p->m,
                 (long long)p->n, (long long)p->k, (long long)p->batch, lun_dtype_name(p->in),
                 b->cublasGetStatusString(st));
}
