/* streams_host.h: what the files that stand in for CUDA's run-time library share. */
#ifndef CUDA_HOST_STREAMS_H
#define CUDA_HOST_STREAMS_H

#include "cuda_host_state.h"

#include <cuda_runtime_api.h>

#include <functional>
#include <string>

/* Work for a stream, in its order; at once where `s` is none of streams_host.cpp's. Not 0: it failed, and so has the stream
** from then on. An error: it ran at once and failed. */
cudaError_t cuda_host_queue(cudaStream_t s, const std::function<int()> &run);

/* graphs_host.cpp: whether this stream records. Keeps `run` for the graph that is being recorded; false where none is. name:
** what an update may not change. */
bool cuda_host_records(cudaStream_t s);
bool cuda_host_hold(const std::string &name, const std::function<int()> &run);

/* Whether this call of CUDA's is the one that the test lets fail, with `error`. */
bool cuda_host_refuse(int error);
cudaError_t cuda_host_error(cudaError_t e); /* e, which cudaGetLastError gives next */

bool cuda_host_broken(void);    /* a kernel has failed on a stream */
void cuda_host_count(int more); /* objects that exist: lun_cuda_host_objects */

#endif
