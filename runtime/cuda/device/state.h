/* state.h: what the backend keeps for a context: device, stream, memory, staging buffers, libraries. */
#ifndef LUN_CUDA_STATE_H
#define LUN_CUDA_STATE_H

#include "device/device.h"
#include "device/dnn_state.h"
#include "device/graph.h"
#include "device/pool.h"

#include <cuda_runtime_api.h>

typedef struct lun_cuda_blas lun_cuda_blas;

/* Pinned memory that copies between host and device pass through, in turns: while one part is on its way the host fills
** or empties the other. */
enum { LUN_STAGES = 2 };
typedef struct {
  char *p; /* NULL before the first copy */
  cudaEvent_t done;
} lun_cuda_stage;

typedef struct lun_cuda_sent lun_cuda_sent; /* send.c */

typedef struct {
  lun_context *c;        /* whose it is */
  int ordinal;           /* of the device */
  cudaStream_t stream;   /* to launch on it: lun_cuda_stream, which records */
  lun_cuda_graph *graph; /* of steps */
  bool waits;            /* for every launch: LUNETTE_CUDA_SYNC */
  struct cudaDeviceProp properties;
  lun_pool *pool;
  bool exact;          /* LUNETTE_CUDA_POOL=0: no block is kept */
  cudaError_t refusal; /* why memory was refused last */
  lun_cuda_stage stage[LUN_STAGES];
  int turn;
  cudaStream_t copies; /* of what is sent ahead; NULL before the first */
  lun_cuda_sent *sent; /* its blocks */
  lun_cuda_blas *blas; /* NULL before the first product */
  lun_cuda_dnn *dnn;   /* NULL before the first convolution */
} lun_cuda_state;

lun_cuda_state *lun_cuda_of(const lun_context *c);

/* LUN_OK, or a failure that says what was attempted and what CUDA calls the reason. */
int lun_cuda_check(lun_context *c, cudaError_t e, const char *what);

/* memory.c */
int lun_cuda_memory_open(lun_context *c, lun_cuda_state *s);
int lun_cuda_alloc(lun_context *c, int64_t bytes, void **out);
void lun_cuda_free(lun_context *c, void *p, int64_t bytes);
int64_t lun_cuda_cached(const lun_context *c);

/* copy.c */
int lun_cuda_copy_bytes(lun_context *c, void *dst, lun_device to, const void *src, lun_device from, int64_t bytes);
/* Bytes of the host, read before it returns, behind what is on the stream. */
int lun_cuda_upload(lun_context *c, lun_cuda_state *s, cudaStream_t stream, void *dst, const void *src, int64_t bytes);
cudaError_t lun_cuda_copy_close(lun_cuda_state *s); /* the first error, if any */

/* send.c */
int lun_cuda_send(lun_context *c, const void *src, int64_t bytes, void **out);
int lun_cuda_arrive(lun_context *c, const void *block);
bool lun_cuda_send_free(lun_context *c, void *p);      /* false: it is no block that was sent */
int64_t lun_cuda_send_cached(const lun_cuda_state *s); /* bytes of blocks that are kept */
bool lun_cuda_send_flush(lun_cuda_state *s);           /* those go back to the pool; false: there were none */
/* When the kernels have ended and before the pool closes. The first error, if any. */
cudaError_t lun_cuda_send_close(lun_cuda_state *s);

/* blas.c */
void lun_cuda_blas_close(lun_cuda_state *s);
void lun_cuda_blas_describe(lun_context *c, char *buf, size_t size);

#endif
