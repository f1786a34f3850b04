/* planted.cu: small kernels for the tests of the host emulation: right ones, and ones with a planted mistake each. */
#include "launch.h"

#include "cuda_host_state.h"

static __global__ void reverse(const float *x, float *y, int n, bool with_barrier) {
  LUN_SHARED(float, s);
  int i = (int)threadIdx.x;
  s[i] = x[i];
  if (with_barrier) __syncthreads();
  y[i] = s[n - 1 - i];
}
int planted_reverse(lun_call *c, const float *x, float *y, int n, bool with_barrier) {
  return LUN_LAUNCH(c, reverse, 1, n, n * sizeof(float), x, y, n, with_barrier);
}

/* Sums of blocks of two warps, two ways. */
static __global__ void sums(const float *x, int n, float *by_shuffle, float *by_atomics) {
  LUN_SHARED(float, warps);
  int i = (int)(blockIdx.x * blockDim.x + threadIdx.x), lane = (int)threadIdx.x % 32;
  float v = i < n ? x[i] : 0, sum = v;
  for (int by = 16; by; by /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, by);
  if (lane == 0) warps[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) by_shuffle[blockIdx.x] = warps[0] + warps[1];
  atomicAdd(&by_atomics[blockIdx.x], v);
}
int planted_sums(lun_call *c, const float *x, int n, float *by_shuffle, float *by_atomics) {
  return LUN_LAUNCH(c, sums, (n + 63) / 64, 64, 2 * sizeof(float), x, n, by_shuffle, by_atomics);
}

static __global__ void vote(const float *x, int n, unsigned *bits) {
  int i = (int)threadIdx.x;
  unsigned b = __ballot_sync(0xffffffffu, i < n && x[i] > 0);
  if (i % 32 == 0) bits[i / 32] = b;
}
int planted_vote(lun_call *c, const float *x, int n, unsigned *bits) {
  return LUN_LAUNCH(c, vote, 1, (n + 31) / 32 * 32, 0, x, n, bits);
}

static __global__ void half_barrier(int n) {
  if ((int)threadIdx.x < n / 2) __syncthreads();
}
int planted_half_barrier(lun_call *c, int n) { return LUN_LAUNCH(c, half_barrier, 1, n, 0, n); }

static __global__ void half_shuffle(float *x) {
  float v = x[threadIdx.x];
  if (threadIdx.x < 16) v = __shfl_xor_sync(0xffffffffu, v, 1);
  x[threadIdx.x] = v;
}
int planted_half_shuffle(lun_call *c, float *x, int n) { return LUN_LAUNCH(c, half_shuffle, 1, n, 0, x); }

static __global__ void write_at(float *x, int at) { x[at] = 1; }
int planted_write(lun_call *c, float *x, int at) { return LUN_LAUNCH(c, write_at, 1, 1, 0, x, at); }

static __global__ void shared_write_at(float *x, int at) {
  LUN_SHARED(float, s);
  s[at] = 1;
  x[0] = s[0];
}
int planted_shared_write(lun_call *c, float *x, int n, int at) {
  return LUN_LAUNCH(c, shared_write_at, 1, 1, n * sizeof(float), x, at);
}

/* ---- of two threads at one place ---- */

enum { LANES = 32 };

/* Lanes of a warp pass numbers on through shared memory; those below `lanes` meet between, by a fence or by a shuffle. */
static __global__ void pass_on(const float *x, float *y, int lanes, bool fence) {
  LUN_SHARED(float, s);
  int i = (int)threadIdx.x;
  unsigned mask = lanes == LANES ? 0xffffffffu : (1u << lanes) - 1;
  s[i] = x[i];
  if (i < lanes) {
    if (fence)
      __syncwarp(mask);
    else
      y[i] = __shfl_sync(mask, s[i], 0);
  }
  y[i] = s[i ^ 1];
}
int planted_pass_on(lun_call *c, const float *x, float *y, int lanes, bool fence) {
  return LUN_LAUNCH(c, pass_on, 1, LANES, LANES * sizeof(float), x, y, lanes, fence);
}

/* Each thread writes byte `of` times its number, modulo n; each block one too. */
static __global__ void write_bytes(unsigned char *y, int n, int of) {
  y[((int)threadIdx.x * of + (int)blockIdx.x) % n] = 1;
}
int planted_write_bytes(lun_call *c, unsigned char *y, int n, int of, int blocks, int threads) {
  return LUN_LAUNCH(c, write_bytes, blocks, threads, 0, y, n, of);
}

/* Blocks count themselves; where asked, the first thread looks at the count while others may add. */
static __global__ void count_blocks(int *count, int *seen, bool look) {
  atomicAdd(count, 1);
  if (look && threadIdx.x == 0) *seen = *count;
}
int planted_count_blocks(lun_call *c, int *count, int *seen, bool look, int blocks) {
  return LUN_LAUNCH(c, count_blocks, blocks, 2, 0, count, seen, look);
}

/* ---- of blocks with many threads ---- */

static __global__ void with_few_threads(float *x) { x[threadIdx.x] = 1; }
static __global__ void LUN_WIDE with_many_threads(float *x) { x[threadIdx.x] = 1; }
template <class T> static __global__ void LUN_WIDE with_many_of(T *x) { x[threadIdx.x] = 1; }
int planted_wide(lun_call *c, float *x, int n, int which) {
  if (which == 0) return LUN_LAUNCH(c, with_few_threads, 1, n, 0, x);
  if (which == 1) return LUN_LAUNCH(c, with_many_threads, 1, n, 0, x);
  return LUN_LAUNCH(c, (with_many_of<float>), 1, n, 0, x);
}

/* ---- of what memory moves ---- */

static __global__ void strided(const float *x, float *y, int step) { y[threadIdx.x] = x[(int)threadIdx.x * step]; }
int planted_strided(lun_call *c, const float *x, float *y, int n, int step) {
  return LUN_LAUNCH(c, strided, 1, n, 0, x, y, step);
}

/* Of two bytes each. */
static __global__ void strided_halves(const unsigned short *x, unsigned short *y, int step) {
  y[threadIdx.x] = x[(int)threadIdx.x * step];
}
int planted_strided_halves(lun_call *c, const unsigned short *x, unsigned short *y, int n, int step) {
  return LUN_LAUNCH(c, strided_halves, 1, n, 0, x, y, step);
}

static __global__ void rounds(const float *x, float *y, int n) {
  float sum = 0;
  for (int i = 0; i < n; i++) {
    sum += x[threadIdx.x];
    __syncwarp();
  }
  y[threadIdx.x] = sum;
}
int planted_rounds(lun_call *c, const float *x, float *y, int n) { return LUN_LAUNCH(c, rounds, 1, 32, 0, x, y, n); }

static __global__ void banks(float *y, int step) {
  LUN_SHARED(float, s);
  y[threadIdx.x] = s[(int)threadIdx.x * step];
}
int planted_banks(lun_call *c, float *y, int step) {
  return LUN_LAUNCH(c, banks, 1, 32, 33 * 32 * sizeof(float), y, step);
}
