/* dnn_state.h: what device/dnn.c keeps for a context, and what it needs of the rest of the backend. */
#ifndef LUN_CUDA_DNN_STATE_H
#define LUN_CUDA_DNN_STATE_H

#include "lunette_backend.h"

#include <cuda_runtime_api.h>

/* The most bytes a plan may need beside its tensors. f32 without tensor cores is NCHW inside, with copies of both sides: 1.2 GB at
** ResNet-50's largest. */
#define LUN_CUDA_DNN_WORKSPACE ((int64_t)2 << 30)

/* cuDNN as it was loaded for a context, its handle and the plans made so far. */
typedef struct lun_cuda_dnn lun_cuda_dnn;

/* From the backend: where the context's is kept (NULL before the first convolution); the stream of its work, and the
** same for one who is about to launch; and what comes before work that a graph cannot hold (device/graph.h). */
lun_cuda_dnn **lun_cuda_dnn_slot(lun_context *c);
cudaStream_t lun_cuda_bare_stream(const lun_context *c);
cudaStream_t lun_cuda_stream(lun_context *c);
int lun_cuda_pause(lun_context *c, const char *why);
/* After a library has launched `what`: with LUNETTE_CUDA_SYNC in the environment waits for it, so that the error is its own. */
int lun_cuda_settled(lun_call *c, const char *what);
/* Memory that the pool keeps goes back to the driver: before asking once more for what was refused. */
void lun_cuda_flush(lun_context *c);

/* When the context closes; nothing may be running any more. NULL is fine. */
void lun_cuda_dnn_close(lun_cuda_dnn *d);
/* One line: the version, or why there is none. */
void lun_cuda_dnn_describe(lun_context *c, char *buf, size_t size);

#endif
