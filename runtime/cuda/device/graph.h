/* graph.h: the launches of a step, recorded and submitted together as a CUDA graph. A step is what the program runs
** between begin and end: recording it anew costs the host what launching would, but the device gets up to 64 launches at once
** and leaves no gaps between kernels, and works while the host records the next ones.
**
** Every step is recorded and the graph of the step before is updated with it, so scalars (learning rate, draws of the
** random generator) and addresses may change from step to step; what is launched may not. Work that cannot be recorded
** (a copy to the host, a library that starts) pauses: what was recorded so far is submitted first, so that order and
** results are those of launching one by one, and another graph begins. The first step is launched one by one:
** libraries load, plans are made and memory grows in it. */
#ifndef LUN_CUDA_GRAPH_H
#define LUN_CUDA_GRAPH_H

#include "lunette_device.h"

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lun_cuda_graph lun_cuda_graph;

/* off: why nothing is to be recorded, or NULL; LUNETTE_CUDA_GRAPH=0 in the environment is a reason too. NULL where host memory is short. */
lun_cuda_graph *lun_cuda_graph_open(cudaStream_t stream, const char *off);
/* What is recorded and not submitted is dropped. The first error, if any; NULL is fine. */
cudaError_t lun_cuda_graph_close(lun_cuda_graph *g);

int lun_cuda_graph_begin(lun_context *c, lun_cuda_graph *g); /* steps inside a step are part of it */
int lun_cuda_graph_end(lun_context *c, lun_cuda_graph *g);

/* Before a launch on the stream: records it if it belongs to a step. A submission that fails here is told by the next pause or end. */
void lun_cuda_graph_launching(lun_context *c, lun_cuda_graph *g);
/* Before work that cannot be recorded; `why` in words, static. The next launch of the step records again. */
int lun_cuda_graph_pause(lun_context *c, lun_cuda_graph *g, const char *why);
/* As pause, where nobody can be told of a failure: the next pause or end tells. */
void lun_cuda_graph_drain(lun_context *c, lun_cuda_graph *g, const char *why);

void lun_cuda_graph_read(const lun_cuda_graph *g, lun_graphs *out);

#ifdef __cplusplus
}
#endif

#endif
