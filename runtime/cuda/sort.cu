/* sort.cu: radix sort from the lowest digit of 8 bits up, each pass stable: counts of the digits in each tile, an
** exclusive sum over digits and tiles, then every element goes to its place. Nothing depends on the order in which
** blocks run. */
#include "sort.h"
#include "axes.h"
#include "number.h"
#include "scratch.h"

#ifdef LUN_CUDA_SMALL /* few, so that tests see several rounds of sum_counts */
enum { ROUNDS = 2 };
#else
enum { ROUNDS = 8 };
#endif
enum { DIGITS = 256, THREADS = 256, WARPS = THREADS / 32, TILE = THREADS * ROUNDS };

/* counts[digit * tiles + tile] */
static __global__ void count_digits(const uint64_t *keys, int64_t n, int shift, unsigned *counts, int64_t tiles) {
  LUN_SHARED(unsigned, mine);
  for (int64_t t = blockIdx.x; t < tiles; t += gridDim.x) {
    mine[threadIdx.x] = 0;
    __syncthreads();
    for (int64_t i = t * TILE + threadIdx.x; i < n && i < (t + 1) * TILE; i += THREADS)
      atomicAdd(&mine[keys[i] >> shift & (DIGITS - 1)], 1u);
    __syncthreads();
    counts[threadIdx.x * tiles + t] = mine[threadIdx.x];
  }
}

/* One block of 1024: exclusive sums of n counts in place. */
static __global__ void LUN_WIDE sum_counts(unsigned *v, int64_t n) {
  LUN_SHARED(unsigned, warps); /* 32 */
  int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
  unsigned before = 0;
  for (int64_t at = 0; at < n; at += blockDim.x) {
    int64_t i = at + threadIdx.x;
    unsigned own = i < n ? v[i] : 0, sum = own;
    for (int by = 1; by < 32; by *= 2) {
      unsigned o = __shfl_up_sync(0xffffffffu, sum, by);
      if (lane >= by) sum += o;
    }
    if (lane == 31) warps[warp] = sum;
    __syncthreads();
    unsigned all = 0, ahead = 0;
    for (int w = 0; w < (int)blockDim.x / 32; w++) {
      if (w == warp) ahead = all;
      all += warps[w];
    }
    if (i < n) v[i] = before + ahead + sum - own;
    before += all;
    __syncthreads(); /* before the next sums are written */
  }
}

/* Lanes of the warp that hold the same digit; those that are not `there` hold none. */
static __device__ unsigned alike(unsigned digit, bool there) {
  unsigned same = __ballot_sync(0xffffffffu, there);
  for (int b = 0; b < 8; b++) {
    unsigned set = __ballot_sync(0xffffffffu, digit >> b & 1);
    same &= digit >> b & 1 ? set : ~set;
  }
  return same;
}

static __global__ void place_digits(const uint64_t *keys, const uint32_t *places, uint64_t *keys_to,
                                    uint32_t *places_to, int64_t n, int shift, const unsigned *starts, int64_t tiles) {
  LUN_SHARED(unsigned, shared);
  unsigned *next = shared, *of_warp = shared + DIGITS; /* of_warp[warp * DIGITS + digit]: how many this round */
  int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
  for (int64_t t = blockIdx.x; t < tiles; t += gridDim.x) {
    next[threadIdx.x] = starts[threadIdx.x * tiles + t];
    for (int round = 0; round < ROUNDS && t * TILE + round * THREADS < n; round++) {
      int64_t i = t * TILE + round * THREADS + threadIdx.x;
      bool there = i < n;
      uint64_t key = there ? keys[i] : 0;
      unsigned digit = (unsigned)(key >> shift) & (DIGITS - 1), same = alike(digit, there);
      unsigned rank = (unsigned)__popc(same & ((1u << lane) - 1));
      for (int w = 0; w < WARPS; w++) of_warp[w * DIGITS + threadIdx.x] = 0;
      __syncthreads();
      if (there && rank == 0) of_warp[warp * DIGITS + digit] = (unsigned)__popc(same);
      __syncthreads();
      if (there) {
        unsigned to = next[digit] + rank;
        for (int w = 0; w < warp; w++) to += of_warp[w * DIGITS + digit];
        keys_to[to] = key;
        places_to[to] = places[i];
      }
      __syncthreads(); /* all have read next */
      unsigned sum = 0;
      for (int w = 0; w < WARPS; w++) sum += of_warp[w * DIGITS + threadIdx.x];
      next[threadIdx.x] += sum;
    }
  }
}

extern "C" int lun_cuda_sort_open(lun_call *c, int64_t n, lun_cuda_sorting *s) {
  memset(s, 0, sizeof *s);
  s->n = n;
  for (int k = 0; k < 2; k++) {
    LUN_TRY(lun_cuda_scratch(c, LUN_F64, n, &s->memory[k]));
    LUN_TRY(lun_cuda_scratch(c, LUN_F32, n, &s->memory[2 + k]));
  }
  LUN_TRY(lun_cuda_scratch(c, LUN_F32, (n + TILE - 1) / TILE * DIGITS, &s->memory[4]));
  s->keys = lun_elements<uint64_t>(s->memory[0]);
  s->places = lun_elements<uint32_t>(s->memory[2]);
  return LUN_OK;
}

extern "C" int lun_cuda_sort(lun_call *c, lun_cuda_sorting *s, int bits) {
  int64_t tiles = (s->n + TILE - 1) / TILE;
  unsigned blocks = lun_cuda_grid(tiles), *counts = lun_elements<unsigned>(s->memory[4]);
  if (s->n < 2) return LUN_OK;
  uint64_t *keys_to = lun_elements<uint64_t>(s->memory[1]);
  uint32_t *places_to = lun_elements<uint32_t>(s->memory[3]);
  for (int shift = 0; shift < bits; shift += 8) {
    LUN_TRY(
        LUN_LAUNCH(c, count_digits, blocks, THREADS, DIGITS * sizeof(unsigned), s->keys, s->n, shift, counts, tiles));
    LUN_TRY(LUN_LAUNCH(c, sum_counts, 1, 1024, 32 * sizeof(unsigned), counts, tiles * DIGITS));
    LUN_TRY(LUN_LAUNCH(c, place_digits, blocks, THREADS, (1 + WARPS) * DIGITS * sizeof(unsigned), s->keys, s->places,
                       keys_to, places_to, s->n, shift, counts, tiles));
    uint64_t *keys = s->keys;
    uint32_t *places = s->places;
    s->keys = keys_to, s->places = places_to;
    keys_to = keys, places_to = places;
  }
  if (bits > 0 && (bits + 7) / 8 % 2) { /* the next sort writes where this one read */
    lun_tensor *m = s->memory[0];
    s->memory[0] = s->memory[1], s->memory[1] = m;
    m = s->memory[2];
    s->memory[2] = s->memory[3], s->memory[3] = m;
  }
  return LUN_OK;
}

extern "C" void lun_cuda_sort_close(lun_cuda_sorting *s) {
  for (int k = 0; k < 5; k++) lun_release(s->memory[k]);
}
