/* qscore.c: Q-Score and activation shares of 50,000 x 2,048 representations in one op, beside the time that reading the
** matrix once takes with the same threads in the same run: ratio_to_read_limit, 1 is the limit.
*/
#include "lunette.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROWS = 50000, FEATURES = 2048, REPEATS = 9 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Half-rectified, with a few strong features, as an encoder's outputs are: a cheap generator is enough here. */
static void fill(float *h, int64_t n, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int64_t i = 0; i < n; i++) {
    uint64_t z = ((uint64_t)i + 1) * 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    float u = (float)((double)(int64_t)z * 0x1p-63);
    h[i] = u > 0 ? (z & 255) == 0 ? 8 * u : u : 0;
  }
}

/* Reads every byte once; the sum keeps the compiler from leaving it out. */
static uint64_t read_once(const float *h, int64_t n, int threads) {
  const uint64_t *p = (const uint64_t *)(const void *)h;
  uint64_t sum = 0;
#pragma omp parallel for simd num_threads(threads) schedule(static) reduction(+ : sum)
  for (int64_t i = 0; i < n / 2; i++) sum += p[i];
  return sum;
}

static int fail(const lun_context *c) {
  fprintf(stderr, "%s\n", c ? lun_message(c) : "out of memory");
  return EXIT_FAILURE;
}

int main(void) {
  lun_context *c = NULL;
  lun_tensor *h = NULL;
  const int64_t shape[] = {ROWS, FEATURES};
  if (lun_open(&c)) return fail(NULL);
  if (lun_empty(c, LUN_F32, LUN_CPU, 2, shape, &h)) return fail(c);
  int threads = lun_threads(c);
  int64_t n = lun_count(h);
  fill(lun_data(h), n, threads);
  const lun_op *op = lun_op_find(c, "qscore_summary");
  volatile uint64_t sink = 0;
  for (int e = 4; e >= 1; e -= 3) {
    double op_time[REPEATS], read_time[REPEATS];
    for (int k = -1; k < REPEATS; k++) { /* in turn; the first round warms up */
      lun_arg args[LUN_MAX_ARGS] = {{.given = true, .t = h}, {.given = true, .f = e}};
      lun_tensor *outs[LUN_MAX_OUTS] = {NULL};
      double t = now();
      sink += read_once(lun_data(h), n, threads);
      double between = now();
      if (lun_run(c, op, args, outs)) return fail(c);
      double end = now();
      for (int i = 0; i < LUN_MAX_OUTS; i++) lun_release(outs[i]);
      if (k >= 0) read_time[k] = between - t, op_time[k] = end - between;
    }
    qsort(op_time, REPEATS, sizeof *op_time, by_value);
    qsort(read_time, REPEATS, sizeof *read_time, by_value);
    double value = op_time[REPEATS / 2], limit = read_time[REPEATS / 2];
    printf("{\"bench\": \"qscore\", \"rows\": %d, \"features\": %d, \"epsilon\": %d, \"unit\": \"s\", \"value\": %.5f, "
           "\"spread\": %.5f, \"threads\": %d, \"isa\": \"%s\", \"read_limit\": %.5f, \"gb_per_s\": %.2f, "
           "\"ratio_to_read_limit\": %.3f, \"better\": \"lower\"}\n",
           ROWS, FEATURES, e, value, op_time[3 * REPEATS / 4] - op_time[REPEATS / 4], threads, lun_isa(c), limit,
           1e-9 * 4 * (double)n / value, value / limit);
  }
  lun_release(h);
  lun_close(c);
  return EXIT_SUCCESS;
}
