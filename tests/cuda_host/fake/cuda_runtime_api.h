/* cuda_runtime_api.h: the part of CUDA's that runtime/cuda/device/graph.c asks for, so that it runs without a device:
** graphs_host.cpp. A stream is whatever pointer its user gives it. */
#ifndef CUDA_HOST_FAKE_RUNTIME_H
#define CUDA_HOST_FAKE_RUNTIME_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  cudaSuccess = 0,
  cudaErrorMemoryAllocation = 2,
  cudaErrorLaunchFailure = 719,
  cudaErrorNotSupported = 801,
  cudaErrorStreamCaptureInvalidated = 901,
  cudaErrorGraphExecUpdateFailure = 910
} cudaError_t;
typedef enum { cudaStreamCaptureModeRelaxed = 2 } cudaStreamCaptureMode;
typedef struct cuda_host_stream *cudaStream_t;
typedef struct cuda_host_graph *cudaGraph_t;
typedef struct cuda_host_exec *cudaGraphExec_t;
typedef struct {
  int result;
} cudaGraphExecUpdateResultInfo;

cudaError_t cudaGetLastError(void);
const char *cudaGetErrorName(cudaError_t e);
const char *cudaGetErrorString(cudaError_t e);
cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *out);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t g, unsigned long long flags);
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t e, cudaGraph_t g, cudaGraphExecUpdateResultInfo *info);
cudaError_t cudaGraphLaunch(cudaGraphExec_t e, cudaStream_t s);
cudaError_t cudaGraphDestroy(cudaGraph_t g);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t e);

#ifdef __cplusplus
}
#endif

#endif
