// cublas_host.cpp: what blas.c asks of cuBLAS, after its documentation, on the host: column-major matrices in plain loops.
// Arguments that cuBLAS refuses are refused; what is read beyond them AddressSanitizer sees.
#include "libraries_host.h"
#include "numbers.h"

#include <cublas_v2.h>

#include <string.h>

#include <algorithm>

#define EXPORT extern "C" __attribute__((visibility("default")))

__attribute__((visibility("default"))) lun_library_host_state lun_library_host;
static lun_library_host_state &host = lun_library_host;

struct cublasContext {
  cudaStream_t stream;
  void *workspace;
  size_t bytes;
  unsigned math;
};

static bool refused(cublasStatus_t *st) {
  if (++host.calls != host.fail_call) return false;
  *st = (cublasStatus_t)host.fail_status;
  return true;
}

#define CALL                                                                                                           \
  cublasStatus_t st = CUBLAS_STATUS_SUCCESS;                                                                           \
  if (refused(&st)) return st

EXPORT cublasStatus_t cublasCreate_v2(cublasHandle_t *out) {
  CALL;
  *out = new cublasContext();
  host.objects++;
  return st;
}
EXPORT cublasStatus_t cublasDestroy_v2(cublasHandle_t h) {
  delete h;
  host.objects--;
  return CUBLAS_STATUS_SUCCESS;
}
EXPORT cublasStatus_t cublasGetVersion_v2(cublasHandle_t, int *out) {
  CALL;
  *out = CUBLAS_VERSION;
  return st;
}
EXPORT cublasStatus_t cublasSetStream_v2(cublasHandle_t h, cudaStream_t s) {
  CALL;
  h->stream = s;
  h->workspace = nullptr;
  h->bytes = 0;
  return st;
}
EXPORT cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t h, void *p, size_t bytes) {
  CALL;
  if (reinterpret_cast<uintptr_t>(p) % 256) return CUBLAS_STATUS_INVALID_VALUE;
  h->workspace = p;
  h->bytes = bytes;
  return st;
}
EXPORT cublasStatus_t cublasSetMathMode(cublasHandle_t h, cublasMath_t mode) {
  CALL;
  h->math = mode;
  return st;
}
EXPORT const char *cublasGetStatusString(cublasStatus_t st) {
  return st == CUBLAS_STATUS_INVALID_VALUE      ? "CUBLAS_STATUS_INVALID_VALUE"
         : st == CUBLAS_STATUS_NOT_SUPPORTED    ? "CUBLAS_STATUS_NOT_SUPPORTED"
         : st == CUBLAS_STATUS_ALLOC_FAILED     ? "CUBLAS_STATUS_ALLOC_FAILED"
         : st == CUBLAS_STATUS_EXECUTION_FAILED ? "CUBLAS_STATUS_EXECUTION_FAILED"
                                                : "another status";
}

static lun_dtype dtype(cudaDataType_t type) {
  return type == CUDA_R_32F ? LUN_F32 : type == CUDA_R_64F ? LUN_F64 : LUN_BF16;
}
static double read(const void *p, cudaDataType_t type, int64_t i) { return number_get(p, dtype(type), i); }
static void write(void *p, cudaDataType_t type, int64_t i, double v) { number_put(p, dtype(type), i, v); }

static bool types_fit(cudaDataType_t a, cudaDataType_t b, cudaDataType_t c, cublasComputeType_t compute) {
  if (a != b) return false;
  if (compute == CUBLAS_COMPUTE_64F) return a == CUDA_R_64F && c == CUDA_R_64F;
  return compute == CUBLAS_COMPUTE_32F &&
         ((a == CUDA_R_32F && c == CUDA_R_32F) || (a == CUDA_R_16BF && (c == CUDA_R_16BF || c == CUDA_R_32F)));
}

EXPORT cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m,
                                                 int n, int k, const void *alpha, const void *A, cudaDataType_t at,
                                                 int lda, long long sa, const void *B, cudaDataType_t bt, int ldb,
                                                 long long sb, const void *beta, void *C, cudaDataType_t ct, int ldc,
                                                 long long sc, int batch, cublasComputeType_t compute,
                                                 cublasGemmAlgo_t) {
  CALL;
  if (!h || m < 0 || n < 0 || k < 0 || batch < 0) return CUBLAS_STATUS_INVALID_VALUE;
  if ((ta != CUBLAS_OP_N && ta != CUBLAS_OP_T) || (tb != CUBLAS_OP_N && tb != CUBLAS_OP_T))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (lda < std::max(1, ta == CUBLAS_OP_N ? m : k) || ldb < std::max(1, tb == CUBLAS_OP_N ? k : n) ||
      ldc < std::max(1, m))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (!types_fit(at, bt, ct, compute)) return CUBLAS_STATUS_NOT_SUPPORTED;
  // Ours: sums in full, on a workspace of the caller's.
  if (h->math != (CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION) || !h->workspace || !h->bytes)
    return CUBLAS_STATUS_INVALID_VALUE;
  memset(h->workspace, 0xA5, h->bytes);
  host.runs++;
  bool doubles = compute == CUBLAS_COMPUTE_64F;
  double al = doubles ? *static_cast<const double *>(alpha) : (double)*static_cast<const float *>(alpha);
  double be = doubles ? *static_cast<const double *>(beta) : (double)*static_cast<const float *>(beta);
  for (int64_t g = 0; g < batch; g++)
    for (int64_t j = 0; j < n; j++)
      for (int64_t i = 0; i < m; i++) {
        double sum = 0;
        for (int64_t p = 0; p < k; p++)
          sum += read(A, at, g * sa + (ta == CUBLAS_OP_N ? i + p * lda : p + i * lda)) *
                 read(B, bt, g * sb + (tb == CUBLAS_OP_N ? p + j * ldb : j + p * ldb));
        int64_t at_c = g * sc + i + j * ldc;
        write(C, ct, at_c, al * sum + (be == 0 ? 0 : be * read(C, ct, at_c)));
      }
  return st;
}
