/* rng.h: counter-based random numbers, Philox4x32-10 (Salmon et al., SC'11). number = f(seed, stream name, counter):
** no state, so worker count, batch order, resuming and added stages change nothing, and CPU and CUDA draw the same
** bits. */
#ifndef LUN_RNG_H
#define LUN_RNG_H

#include "pure.h"

#include <stdint.h>
#include <math.h>

typedef struct {
  uint32_t key[2];
} lun_stream;

typedef struct {
  uint32_t v[4];
} lun_draw4;

/* A stream's key mixes the seed with the FNV-1a hash of its name; equal names under equal seeds are equal streams. */
LUN_PURE lun_stream lun_stream_make(uint64_t seed, const char *name) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (const char *p = name; *p; p++) h = (h ^ (uint8_t)*p) * 0x100000001b3ull;
  uint64_t z = seed + 0x9e3779b97f4a7c15ull * (h | 1); /* splitmix64's finaliser */
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  z ^= z >> 31;
  lun_stream s = {{(uint32_t)z, (uint32_t)(z >> 32)}};
  return s;
}

LUN_PURE lun_draw4 lun_philox(lun_stream s, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  uint32_t k0 = s.key[0], k1 = s.key[1];
  for (int r = 0; r < 10; r++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  lun_draw4 d = {{c0, c1, c2, c3}};
  return d;
}

/* Uniform in [0, 1), 24 bits: exact in float. */
LUN_PURE float lun_uniform(uint32_t u) { return (float)(u >> 8) * 0x1p-24f; }

/* Two standard normals from two words (Box and Muller); the first is moved into (0, 1] so that its logarithm is finite.
 */
LUN_PURE void lun_normal2(uint32_t a, uint32_t b, double *x, double *y) {
  double u = ((double)a + 1.0) * 0x1p-32, v = (double)b * 0x1p-32;
  double r = sqrt(-2.0 * log(u)), t = 6.283185307179586476925287 * v;
  *x = r * cos(t);
  *y = r * sin(t);
}

/* Uniform integer in [0, n), n >= 1, by multiplication (bias below n / 2^32). */
LUN_PURE uint32_t lun_below(uint32_t u, uint32_t n) { return (uint32_t)(((uint64_t)u * n) >> 32); }

#endif
