/* cuda_host_state.h: switches and counters of the host emulation, for the tests (C and C++). */
#ifndef CUDA_HOST_STATE_H
#define CUDA_HOST_STATE_H

#include "lunette_backend.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  bool reversed;           /* the last thread and block run first */
  bool dnn;                /* plain loops stand in for cuDNN; else there is none */
  long launches;           /* kernels run so far */
  char fault[256];         /* what went wrong in the last launch; empty: nothing */
  void (*gate)(bool open); /* called around every launch, where device memory is closed to the host; NULL: it is not */
} lun_cuda_host_state;
extern lun_cuda_host_state lun_cuda_host;

/* Kernels with mistakes and kernels without, for the tests of the emulation: planted.cu. call: any, for messages. */
int planted_reverse(lun_call *c, const float *x, float *y, int n, bool with_barrier);
int planted_sums(lun_call *c, const float *x, int n, float *by_shuffle, float *by_atomics);
int planted_vote(lun_call *c, const float *x, int n, unsigned *bits);
int planted_half_barrier(lun_call *c, int n);
int planted_half_shuffle(lun_call *c, float *x, int n);
int planted_write(lun_call *c, float *x, int at);
int planted_shared_write(lun_call *c, float *x, int n, int at);

#ifdef __cplusplus
}
#endif

#endif
