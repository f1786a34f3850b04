/* cuda_host_state.h: switches and counters of the host emulation, for the tests (C and C++). */
#ifndef CUDA_HOST_STATE_H
#define CUDA_HOST_STATE_H

#include "lunette_backend.h"

#ifdef __cplusplus
extern "C" {
#endif

struct dim3;

typedef struct {
  bool reversed;           /* the last thread and block run first */
  bool dnn;                /* plain loops stand in for cuDNN; else there is none */
  long launches;           /* kernels run so far */
  char fault[256];         /* what went wrong in the last launch; empty: nothing */
  int graphs;              /* recordings and graphs that exist */
  int fail_kernel;         /* which kernel that runs goes wrong, from 1; 0: none */
  int fail_call;           /* which call of CUDA's functions fails, from 1; lun_cuda_host_fail_call */
  int fail_more;           /* how many after it fail too */
  void (*gate)(bool open); /* called around every launch, where device memory is closed to the host; NULL: it is not */
  /* The stream that a launch of the context's is for, and what is looked at after it: lun_cuda_stream and lun_cuda_launched
  ** of runtime/cuda/launch.h. NULL: there is no stream, a kernel runs at once. */
  struct cuda_host_stream *(*stream)(lun_context *c);
  int (*launched)(lun_call *c, const char *kernel, struct dim3 blocks, struct dim3 threads, size_t shared);
} lun_cuda_host_state;
extern lun_cuda_host_state lun_cuda_host;

/* graphs_host.cpp: the n-th of its functions called from now on fails (0: none); whether launches are kept for a graph. */
void lun_cuda_host_fail_call(int n);
bool lun_cuda_host_recording(void);

/* streams_host.cpp: work for a stream, as a kernel would be; a stream's work done so far; how many streams, events and blocks
** of memory there are; how much the device has (0: what it has at first). */
struct cuda_host_stream;
void lun_cuda_host_memory(int64_t bytes);
void lun_cuda_host_launch(struct cuda_host_stream *s, void (*work)(void *), void *with);
void lun_cuda_host_run(struct cuda_host_stream *s);
int lun_cuda_host_objects(void);

/* Kernels with mistakes and kernels without, for the tests of the emulation: planted.cu. call: any, for messages. */
int planted_reverse(lun_call *c, const float *x, float *y, int n, bool with_barrier);
int planted_sums(lun_call *c, const float *x, int n, float *by_shuffle, float *by_atomics);
int planted_vote(lun_call *c, const float *x, int n, unsigned *bits);
int planted_half_barrier(lun_call *c, int n);
int planted_half_shuffle(lun_call *c, float *x, int n);
int planted_write(lun_call *c, float *x, int at);
int planted_shared_write(lun_call *c, float *x, int n, int at);
int planted_wide(lun_call *c, float *x, int n, int which);
int planted_strided(lun_call *c, const float *x, float *y, int n, int step);
int planted_strided_halves(lun_call *c, const unsigned short *x, unsigned short *y, int n, int step);
int planted_rounds(lun_call *c, const float *x, float *y, int n);
int planted_banks(lun_call *c, float *y, int step);
int planted_pass_on(lun_call *c, const float *x, float *y, int lanes, bool fence);
int planted_write_bytes(lun_call *c, unsigned char *y, int n, int of, int blocks, int threads);
int planted_count_blocks(lun_call *c, int *count, int *seen, bool look, int blocks);

#ifdef __cplusplus
}
#endif

#endif
