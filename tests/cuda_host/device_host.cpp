/* device_host.cpp: makes liblunette_cuda_host.so, a device "cuda" that is this machine's own memory and processor: the program
** runs its scripts and recipes on it, slowly, with the kernels that a GPU would run. LUNETTE_CUDA_LIBRARY names it.
**
** It is the backend, runtime/cuda, over what stands in for CUDA's run-time library: this file says which device there is, streams_host.cpp
** does work when somebody waits for it and not before, graphs_host.cpp records, memory_host.cpp keeps the host out. Products
** are gemm_host.cpp's in the place of cuBLAS; there is no cuDNN. */
#include "cuda_host.h"
#include "streams_host.h"

#include "gemm.h"
extern "C" int product_now(lun_call *c, const lun_cuda_product *p);
#define lun_cuda_gemm product_now
#include "gemm_host.cpp"
#undef lun_cuda_gemm

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
cudaStream_t lun_cuda_stream(lun_context *c);
int lun_cuda_launched(lun_call *c, const char *kernel, dim3 blocks, dim3 threads, size_t shared);
void lun_cuda_blas_close(void *state);
void lun_cuda_blas_describe(lun_context *c, char *buf, size_t size);
}

/* LUNETTE_CUDA_HOST_DEVICE in the environment: "none", "old" (a driver), or the compute capability, as "7.5". */
static const char *device(void) {
  const char *said = getenv("LUNETTE_CUDA_HOST_DEVICE");
  return said ? said : "9.0";
}
static bool is(const char *what) { return !strcmp(device(), what); }

cudaError_t cudaGetDeviceCount(int *out) {
  *out = !is("none");
  return cuda_host_error(is("none") ? cudaErrorNoDevice : is("old") ? cudaErrorInsufficientDriver : cudaSuccess);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int) {
  *out = {"emulated on the host, for tests", device()[0] - '0', strlen(device()) == 3 ? device()[2] - '0' : 0, 1};
  return cuda_host_refuse(cudaErrorNotSupported) ? cudaErrorNotSupported : cudaSuccess;
}
cudaError_t cudaSetDevice(int) { return cuda_host_refuse(cudaErrorNotSupported) ? cudaErrorNotSupported : cudaSuccess; }
cudaError_t cudaDriverGetVersion(int *out) {
  *out = is("old") ? 11080 : 12080;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int *out) {
  *out = 12080;
  return cudaSuccess;
}

/* The launch itself may be the call that fails. */
static int launched(lun_call *c, const char *kernel, dim3 blocks, dim3 threads, size_t shared) {
  cuda_host_refuse(cudaErrorLaunchFailure);
  return lun_cuda_launched(c, kernel, blocks, threads, shared);
}

/* The caller's call is gone when the product runs; of its copy, context and op are looked at. */
int lun_cuda_gemm(lun_call *call, const lun_cuda_product *product) {
  cudaStream_t s = lun_cuda_stream(call->ctx);
  auto later = [c = *call, p = *product]() mutable {
    int st = product_now(&c, &p);
    if (st) snprintf(lun_cuda_host.fault, sizeof lun_cuda_host.fault, "%s", lun_message(c.ctx));
    return st;
  };
  if (!cuda_host_hold("product", later)) cuda_host_queue(s, later);
  return launched(call, "product", 1, 1, 0);
}

void lun_cuda_blas_close(void *) {}
void lun_cuda_blas_describe(lun_context *, char *buf, size_t size) { snprintf(buf, size, "blas: plain loops\n"); }

static struct at_load {
  at_load() {
    lun_cuda_host.stream = lun_cuda_stream;
    lun_cuda_host.launched = launched;
    const char *said = getenv("LUNETTE_CUDA_HOST_FAIL"); /* which call of CUDA's fails */
    lun_cuda_host_fail_call(said ? atoi(said) : 0);
    said = getenv("LUNETTE_CUDA_HOST_FAULT"); /* which kernel goes wrong */
    lun_cuda_host.fail_kernel = said ? atoi(said) : 0;
  }
} at_load;
