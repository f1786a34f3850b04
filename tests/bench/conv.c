/* conv.c: times the layers of a CIFAR ResNet-18 at a given batch: convolution in its three directions and the batch
** norm ops. One JSON object per line; figures are medians.
**   bench_conv [BATCH=128] [f32|bf16|all] [REPEATS=5] [THREADS=all]
** With one thread it is processor time that is measured, which a busy machine disturbs less.
*/
#include "lunette.h"
#include "cpu/engine.h"
#include "core/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static clockid_t watch = CLOCK_MONOTONIC;

static double now(void) {
  struct timespec t;
  clock_gettime(watch, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  double d = *(const double *)a - *(const double *)b;
  return (d > 0) - (d < 0);
}

static lun_tensor *image(lun_context *c, lun_dtype d, int64_t n, int64_t ch, int64_t h) {
  lun_tensor *t = NULL;
  if (lun_empty_image(c, d, LUN_CPU, (int64_t[]){n, ch, h, h}, &t)) return NULL;
  for (int64_t i = 0; i < lun_count(t); i++) {
    float v = (float)((i * 2654435761u) % 1000) / 500.0f - 1;
    if (d == LUN_F32)
      ((float *)lun_data(t))[i] = v;
    else
      ((uint16_t *)lun_data(t))[i] = (uint16_t)(*(uint32_t *)&v >> 16);
  }
  return t;
}

static int repeats = 5;

#define TIME(result, outs, call)                                                                                       \
  do {                                                                                                                 \
    double t_[64];                                                                                                     \
    for (int r_ = -1; r_ < repeats; r_++) {                                                                            \
      lun_tensor *o_[LUN_MAX_OUTS] = {NULL};                                                                           \
      double start_ = now();                                                                                           \
      if (call) {                                                                                                      \
        fprintf(stderr, "%s\n", lun_message(c));                                                                       \
        return 1;                                                                                                      \
      }                                                                                                                \
      if (r_ >= 0) t_[r_] = now() - start_;                                                                            \
      for (int k_ = 0; k_ < (outs); k_++) lun_release(o_[k_]);                                                         \
    }                                                                                                                  \
    qsort(t_, (size_t)repeats, sizeof *t_, by_size);                                                                   \
    result = t_[repeats / 2];                                                                                          \
  } while (0)

typedef struct {
  int64_t in, out, size, kernel, stride;
} layer;

/* Layer, and how often ResNet-18 has it. */
static const struct {
  layer l;
  int times;
} layers[] = {{{3, 64, 32, 3, 1}, 1},    {{64, 64, 32, 3, 1}, 4},   {{64, 128, 32, 3, 2}, 1},  {{64, 128, 32, 1, 2}, 1},
              {{128, 128, 16, 3, 1}, 3}, {{128, 256, 16, 3, 2}, 1}, {{128, 256, 16, 1, 2}, 1}, {{256, 256, 8, 3, 1}, 3},
              {{256, 512, 8, 3, 2}, 1},  {{256, 512, 8, 1, 2}, 1},  {{512, 512, 4, 3, 1}, 3}};

static int bench_conv(lun_context *c, lun_dtype d, int64_t n, layer l, double *total) {
  int64_t pad = l.kernel / 2, os = (l.size + 2 * pad - l.kernel) / l.stride + 1;
  lun_tensor *x = image(c, d, n, l.in, l.size), *dy = image(c, d, n, l.out, os);
  lun_tensor *wi = image(c, LUN_F32, l.out, l.in, l.kernel), *w = NULL;
  if (!x || !dy || !wi || lun_do(c, "contiguous", &w, "t", wi)) return 1;
  double f, a, b, flop = 2.0 * (double)(n * os * os * l.out) * (double)(l.in * l.kernel * l.kernel);
  TIME(f, 1, lun_do(c, "conv2d", o_, "tt-ii", x, w, l.stride, pad));
  TIME(a, 1, lun_do(c, "conv2d_dx", o_, "ttiiii", dy, w, l.size, l.size, l.stride, pad));
  TIME(b, 1, lun_do(c, "conv2d_dw", o_, "ttiiii", x, dy, l.kernel, l.kernel, l.stride, pad));
  printf("{\"bench\":\"conv\",\"op\":\"conv2d\",\"dtype\":\"%s\",\"in\":%lld,\"out\":%lld,\"size\":%lld,\"kernel\":%"
         "lld,\"stride\":%lld,"
         "\"forward_ms\":%.2f,\"dx_ms\":%.2f,\"dw_ms\":%.2f,\"forward_gflops\":%.0f,\"dx_gflops\":%.0f,"
         "\"dw_gflops\":%.0f}\n",
         lun_dtype_name(d), (long long)l.in, (long long)l.out, (long long)l.size, (long long)l.kernel,
         (long long)l.stride, 1e3 * f, 1e3 * a, 1e3 * b, 1e-9 * flop / f, 1e-9 * flop / a, 1e-9 * flop / b);
  *total = f + (l.in == 3 ? 0 : a) + b;
  lun_release(x), lun_release(dy), lun_release(wi), lun_release(w);
  return 0;
}

static int bench_norm(lun_context *c, lun_dtype d, int64_t n, int64_t ch, int64_t size) {
  lun_tensor *x = image(c, d, n, ch, size), *r = image(c, d, n, ch, size), *first[3];
  if (!x || !r || lun_do(c, "batch_norm_add_relu", first, "tt", x, r)) return 1;
  double f, fa, b, ba, bytes = (double)lun_storage_bytes(x);
  TIME(f, 3, lun_do(c, "batch_norm_relu", o_, "t", x));
  TIME(fa, 3, lun_do(c, "batch_norm_add_relu", o_, "tt", x, r));
  TIME(b, 3, lun_do(c, "batch_norm_relu_grad", o_, "tttt", r, x, first[1], first[2]));
  TIME(ba, 4, lun_do(c, "batch_norm_add_relu_grad", o_, "ttttt", r, x, first[0], first[1], first[2]));
  printf(
      "{\"bench\":\"conv\",\"op\":\"batch_norm\",\"dtype\":\"%s\",\"channels\":%lld,\"size\":%lld,\"relu_ms\":%.2f,"
      "\"add_relu_ms\":%.2f,"
      "\"relu_grad_ms\":%.2f,\"add_relu_grad_ms\":%.2f,\"relu_gbs\":%.1f,\"add_relu_gbs\":%.1f,\"relu_grad_gbs\":%.1f,"
      "\"add_relu_grad_gbs\":%.1f}\n",
      lun_dtype_name(d), (long long)ch, (long long)size, 1e3 * f, 1e3 * fa, 1e3 * b, 1e3 * ba, 3e-9 * bytes / f,
      4e-9 * bytes / fa, 5e-9 * bytes / b, 8e-9 * bytes / ba);
  for (int k = 0; k < 3; k++) lun_release(first[k]);
  lun_release(x), lun_release(r);
  return 0;
}

int main(int argc, char **argv) {
  int64_t n = argc > 1 ? atoi(argv[1]) : 128;
  const char *what = argc > 2 ? argv[2] : "all";
  repeats = argc > 3 ? atoi(argv[3]) : 5;
  if (n < 2 || repeats < 1 || repeats > 64) return 2;
  lun_context *c;
  char text[2048];
  if (lun_open(&c)) return 1;
  if (argc > 4 && atoi(argv[4]) > 0) lun_set_threads(c, atoi(argv[4]));
  if (lun_threads(c) == 1) watch = CLOCK_PROCESS_CPUTIME_ID;
  lun_cpu_describe(c, text, sizeof text);
  fprintf(stderr, "%s", text);
  for (int k = 0; k < 2; k++) {
    lun_dtype d = k ? LUN_BF16 : LUN_F32;
    if (strcmp(what, "all") && strcmp(what, lun_dtype_name(d))) continue;
    double sum = 0, t;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
      if (bench_conv(c, d, n, layers[i].l, &t)) return 1;
      sum += layers[i].times * t;
    }
    printf("{\"bench\":\"conv\",\"op\":\"all convolutions of a step\",\"dtype\":\"%s\",\"batch\":%lld,\"ms\":%.0f}\n",
           lun_dtype_name(d), (long long)n, 1e3 * sum);
    for (int64_t ch = 64; ch <= 512; ch *= 2)
      if (bench_norm(c, d, n, ch, 2048 / ch)) return 1;
  }
  lun_close(c);
  return 0;
}
