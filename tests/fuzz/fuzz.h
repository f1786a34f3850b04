/* fuzz.h: a deterministic mutator for the readers. A driver gives a valid file and a function that reads bytes; the
** reader must answer every mutation with a status, never with a crash, a leak or an access outside its bytes (build
** with LUNETTE_SANITIZE). What it accepts must be a tensor that holds what its shape says. */
#ifndef LUN_FUZZ_H
#define LUN_FUZZ_H

#include "core/rng.h"
#include "io/io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*fuzz_reader)(lun_context *c, const uint8_t *bytes, int64_t size, lun_tensor **out);

typedef struct {
  lun_stream stream;
  uint32_t at;
} fuzz_dice;

static inline uint32_t fuzz_roll(fuzz_dice *d) { return lun_philox(d->stream, d->at++, 0, 0, 0).v[0]; }

/* Copies the seed and damages it: bits, bytes, chosen numbers, cuts, repetitions. Exact size, so that ASan sees the
 * end. */
static inline uint8_t *fuzz_mutate(fuzz_dice *d, const uint8_t *seed, int64_t size, int64_t *out) {
  static const uint8_t chosen[] = {0, 1, 0x7f, 0x80, 0xff, '0', '9', '-', '(', '{', '"', ','};
  int64_t n = size;
  uint32_t how = fuzz_roll(d) % 8;
  if (how == 0 && size) n = fuzz_roll(d) % (uint32_t)(size + 1);
  if (how == 1) n = size + fuzz_roll(d) % 64;
  uint8_t *p = malloc((size_t)(n ? n : 1));
  if (!p) exit(2);
  for (int64_t i = 0; i < n; i++) p[i] = i < size ? seed[i] : (uint8_t)fuzz_roll(d);
  uint32_t changes = fuzz_roll(d) % 6 + (how > 1);
  for (uint32_t k = 0; k < changes && n; k++) {
    /* Headers decide what happens: half of the changes fall into the first 128 bytes. */
    int64_t range = fuzz_roll(d) % 2 && n > 128 ? 128 : n, at = fuzz_roll(d) % (uint32_t)range;
    switch (fuzz_roll(d) % 4) {
    case 0: p[at] ^= (uint8_t)(1u << fuzz_roll(d) % 8); break;
    case 1: p[at] = (uint8_t)fuzz_roll(d); break;
    case 2: p[at] = chosen[fuzz_roll(d) % sizeof chosen]; break;
    default: memset(p + at, chosen[fuzz_roll(d) % 5], (size_t)(n - at < 4 ? n - at : 4));
    }
  }
  *out = n;
  return p;
}

static inline void fuzz_check(lun_context *c, const lun_tensor *t) {
  int64_t need = lun_numel(t) * lun_dtype_size(t->dtype);
  if (!t->storage || t->storage->bytes < need || t->ctx != c) {
    fprintf(stderr, "fuzz: an accepted tensor does not hold its elements\n");
    exit(1);
  }
  const uint8_t *p = lun_data(t);
  unsigned sum = 0;
  for (int64_t i = 0; i < need; i++) sum += p[i];
  if (sum == 0xdeadbeef) puts("");
}

/* Reads the seed, which must be accepted, then `rounds` mutations of it. */
static inline int fuzz_run(const char *name, lun_context *c, const uint8_t *seed, int64_t size, fuzz_reader read,
                           int rounds) {
  fuzz_dice d = {lun_stream_make(1, name), 0};
  int accepted = 0;
  lun_memory before, after;
  lun_memory_read(c, LUN_CPU, &before);
  for (int round = -1; round < rounds; round++) {
    int64_t n = size;
    uint8_t *bytes = round < 0 ? NULL : fuzz_mutate(&d, seed, size, &n);
    lun_tensor *t = NULL;
    int st = read(c, bytes ? bytes : seed, n, &t);
    if (st == LUN_OK && t) fuzz_check(c, t), accepted++;
    if (st != LUN_OK && (t || !lun_message(c)[0])) {
      fprintf(stderr, "fuzz %s: round %d failed with a tensor or without a message\n", name, round);
      return 1;
    }
    lun_release(t);
    if (round < 0 && st) {
      fprintf(stderr, "fuzz %s: the seed is refused: %s\n", name, lun_message(c));
      return 1;
    }
    free(bytes);
  }
  lun_memory_read(c, LUN_CPU, &after);
  if (after.live_blocks != before.live_blocks || after.core_blocks != before.core_blocks) {
    fprintf(stderr, "fuzz %s: %lld blocks leaked\n", name, (long long)(after.live_blocks - before.live_blocks));
    return 1;
  }
  printf("fuzz %s: %d rounds, %d accepted\n", name, rounds, accepted - 1);
  return 0;
}

static inline int fuzz_rounds(int argc, char **argv) { return argc > 1 ? atoi(argv[1]) : 3000; }

#endif
