/* launch.h: what every .cu file includes. Kernels are written once: nvcc makes a device's code of them, and a C++
** compiler with LUN_CUDA_HOST makes code that the tests run without a device (tests/cuda_host/cuda_host.h), with LUN_CUDA_SMALL
** in smaller tiles and grids than a device's, so that small tensors reach every branch.
**
**   LUN_LAUNCH(call, kernel, blocks, threads, shared, arguments...)   a status; an error names op, kernel and launch
**   LUN_SHARED(type, name)                                            the block's dynamic shared memory, `shared`
** bytes */
#ifndef LUN_CUDA_LAUNCH_H
#define LUN_CUDA_LAUNCH_H

#include "lunette_backend.h"

#ifdef LUN_CUDA_HOST
#include "cuda_host.h"
#define LUN_UNROLL
#define LUN_UNROLL_BY(times)
#else
#include <cuda_runtime.h>
#define LUN_PRAGMA(text)     _Pragma(#text)
#define LUN_UNROLL           LUN_PRAGMA(unroll) /* in front of a loop over an array that shall stay in registers */
#define LUN_UNROLL_BY(times) LUN_PRAGMA(unroll times)
#define LUN_SHARED(type, name)                                                                                         \
  extern __shared__ __align__(16) unsigned char lun_shared_bytes[];                                                    \
  type *name = reinterpret_cast<type *>(lun_shared_bytes)
#define LUN_LAUNCH(call, kernel, blocks, threads, shared, ...)                                                         \
  (kernel<<<(blocks), (threads), (shared), lun_cuda_stream((call)->ctx)>>>(__VA_ARGS__),                               \
   lun_cuda_launched(call, #kernel, blocks, threads, shared))
extern "C" {
cudaStream_t lun_cuda_stream(lun_context *c);
/* LUN_OK, or why the launch before it failed. */
int lun_cuda_launched(lun_call *c, const char *kernel, dim3 blocks, dim3 threads, size_t shared);
}
#endif

enum { LUN_CUDA_THREADS = 256 };
/* Of kernels whose blocks may have 1024 threads: the compiler leaves each few enough registers, on every device. */
#define LUN_WIDE __launch_bounds__(1024)

/* Blocks of a launch, at most; where there is more to do, a kernel's blocks go on by the size of the grid. */
#ifdef LUN_CUDA_SMALL /* few, so that the tests see them go on */
static const int64_t LUN_MOST_BLOCKS = 3, LUN_MOST_ROW_BLOCKS = 2;
#else
static const int64_t LUN_MOST_BLOCKS = 65536, LUN_MOST_ROW_BLOCKS = 1 << 20;
#endif

static inline unsigned lun_cuda_grid(int64_t blocks) {
  return (unsigned)(blocks < LUN_MOST_BLOCKS ? blocks : LUN_MOST_BLOCKS);
}
static inline unsigned lun_cuda_row_grid(int64_t blocks) { /* of kernels that keep little between rows */
  return (unsigned)(blocks < LUN_MOST_ROW_BLOCKS ? blocks : LUN_MOST_ROW_BLOCKS);
}

/* Blocks for n elements, one each; a kernel's threads go on by the size of the grid where there are more. */
static inline unsigned lun_cuda_blocks(int64_t n) {
  return lun_cuda_grid((n + LUN_CUDA_THREADS - 1) / LUN_CUDA_THREADS);
}

/* The elements of one thread of such a grid. */
#define EACH(i, n)                                                                                                     \
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += (int64_t)gridDim.x * blockDim.x)

#endif
