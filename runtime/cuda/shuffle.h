/* shuffle.h: Fisher and Yates' shuffle on a device, with the result it has when the swaps are made one after the other:
** swap i, from n - 1 down to 1, exchanges places i and j(i) <= i. Many are made at a time: those which share no place
** with an earlier one that is still to be made. */
#ifndef LUN_CUDA_SHUFFLE_H
#define LUN_CUDA_SHUFFLE_H

#include "axes.h"

/* p[i] = from + i; claims: n zeros. */
static __global__ void lun_in_order(int64_t *p, unsigned *claims, int64_t n, int64_t from) {
  LUN_EACH(i, n) {
    p[i] = from + i;
    claims[i] = 0;
  }
}

/* One block; DRAW::of(stream, i, epoch) is j(i). Each round, every swap of a window that is still to be made claims its
** two places; the earliest, that with the largest i, gets them; who has both swaps. claims: zeros before and after. */
template <class DRAW>
static __global__ void LUN_WIDE lun_shuffle(int64_t *p, unsigned *claims, int64_t n, lun_stream s, uint32_t epoch) {
  LUN_SHARED(int, left); /* swaps of the window that remain */
  for (int64_t top = n - 1; top > 0; top -= blockDim.x) {
    int64_t i = top - (int64_t)threadIdx.x, j = 0;
    bool mine = i > 0;
    if (mine) j = DRAW::of(s, i, epoch);
    for (;;) {
      if (threadIdx.x == 0) *left = 0;
      if (mine) {
        atomicMax(&claims[i], (unsigned)i);
        atomicMax(&claims[j], (unsigned)i);
      }
      __syncthreads();
      bool first = mine && claims[i] == (unsigned)i && claims[j] == (unsigned)i;
      if (mine && !first) atomicAdd(left, 1);
      __syncthreads();
      if (mine) { /* every claim of this round was by one of the window's swaps, of which several may claim one place */
        atomicExch(&claims[i], 0u);
        atomicExch(&claims[j], 0u);
      }
      if (first) {
        int64_t was = p[i];
        p[i] = p[j];
        p[j] = was;
        mine = false;
      }
      int remain = *left;
      __syncthreads();
      if (!remain) break;
    }
  }
}

static inline int lun_shuffle_threads(int64_t n) { return n < 32 ? 32 : n < 1024 ? (int)((n + 31) / 32 * 32) : 1024; }

#endif
