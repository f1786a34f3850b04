/* blas.c: loads OpenBLAS and calls its GEMM. */
#include "cpu/state.h"

#include <dlfcn.h>
#include <limits.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* OpenBLAS 0.3.21 takes its SSE3 kernels on CPUs newer than it, five times slower, and AVX2 ones on AMD's AVX-512
** CPUs. NULL: let it choose. */
static const char *core_type(void) {
  const char *asked = getenv("LUNETTE_OPENBLAS_CORE");
  if (asked) return asked;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return "SKYLAKEX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return __builtin_cpu_is("amd") ? "ZEN" : "HASWELL";
#endif
  return NULL;
}

/* The OpenMP flavour first: it shares its threads with oneDNN and with our own kernels, where the pthread flavour's
** threads compete with theirs. Debian and Ubuntu keep every flavour in a folder of its own. */
static void *load(char *why, size_t size) {
  static const char *const names[] = {
      "$ORIGIN/../lib/lunette/libopenblas.so.0", /* of the bundle that the program came in */
#ifdef LUN_MULTIARCH
      "/usr/lib/" LUN_MULTIARCH "/openblas-openmp/libopenblas.so.0",
#endif
      "libopenblas.so.0", "libopenblas.so"};
  const char *asked = getenv("LUNETTE_OPENBLAS");
  void *lib = NULL;
  if (asked)
    lib = dlopen(asked, RTLD_NOW | RTLD_LOCAL);
  else
    for (size_t i = 0; i < sizeof names / sizeof *names && !lib; i++) lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!lib) snprintf(why, size, "%s; install libopenblas0-openmp", dlerror());
  return lib;
}

static void open_blas(lun_blas *b) {
  /* OpenBLAS reads the core type from this variable while it is loaded. One that is set already yields: systems set it
  ** for programs that do not look at the CPU, and results would depend on it. Children find it as it was. */
  const char *core = core_type(), *found = getenv("OPENBLAS_CORETYPE");
  char *before = found ? strdup(found) : NULL;
  b->tried = true;
  if (core && (before || !found)) setenv("OPENBLAS_CORETYPE", core, 1);
  b->lib = load(b->why, sizeof b->why);
  if (before)
    setenv("OPENBLAS_CORETYPE", before, 1);
  else if (!found)
    unsetenv("OPENBLAS_CORETYPE");
  free(before);
  if (!b->lib) return;
  struct {
    const char *name;
    void **to;
  } f[] = {{"cblas_sgemm", (void **)&b->sgemm},
           {"cblas_dgemm", (void **)&b->dgemm},
           {"openblas_set_num_threads", (void **)&b->set_threads},
           {"openblas_get_config", (void **)&b->config},
           {"openblas_get_corename", (void **)&b->core},
           {"openblas_get_parallel", (void **)&b->parallel}};
  for (size_t i = 0; i < sizeof f / sizeof *f; i++) {
    *f[i].to = dlsym(b->lib, f[i].name);
    if (*f[i].to) continue;
    snprintf(b->why, sizeof b->why, "the library found as libopenblas.so.0 has no %s", f[i].name);
    dlclose(b->lib);
    b->lib = NULL;
    return;
  }
  if (b->parallel() == 1) b->set_threads(1); /* the pthread flavour does not ask OpenMP */
}

lun_blas *lun_blas_of(lun_context *c) {
  lun_engine *e = lun_engine_of(c);
  if (!e || e->level > LUN_ENGINE_OPENBLAS) return NULL;
  if (!e->blas.tried) open_blas(&e->blas);
  return e->blas.lib ? &e->blas : NULL;
}

void lun_blas_close(lun_blas *b) {
  if (b->lib) dlclose(b->lib);
  memset(b, 0, sizeof *b);
}

static enum CBLAS_TRANSPOSE flag(bool transposed) { return transposed ? CblasTrans : CblasNoTrans; }

typedef struct {
  lun_dtype dtype;
  bool ta, tb;
  int64_t m, n, k, lda, ldb, ldy;
  const void *a, *b;
  double beta;
  void *y;
} product;

/* Rows [i, i + m) and columns [j, j + n) of y. */
static void part(const lun_blas *blas, const product *p, int64_t i, int64_t m, int64_t j, int64_t n) {
  int64_t size = lun_dtype_size(p->dtype);
  const void *a = (const char *)p->a + (p->ta ? i : i * p->lda) * size;
  const void *b = (const char *)p->b + (p->tb ? j * p->ldb : j) * size;
  void *y = (char *)p->y + (i * p->ldy + j) * size;
  blasint M = (blasint)m, N = (blasint)n, K = (blasint)p->k;
  if (p->dtype == LUN_F64)
    blas->dgemm(CblasRowMajor, flag(p->ta), flag(p->tb), M, N, K, 1.0, a, (blasint)p->lda, b, (blasint)p->ldb, p->beta,
                y, (blasint)p->ldy);
  else
    blas->sgemm(CblasRowMajor, flag(p->ta), flag(p->tb), M, N, K, 1.0f, a, (blasint)p->lda, b, (blasint)p->ldb,
                (float)p->beta, y, (blasint)p->ldy);
}

/* Below so many multiplications a second thread costs more than it takes over. */
enum { WORTH_A_THREAD = 1 << 18, ALIGN = 16 };

/* Each of our threads has its own part of y: OpenBLAS's threads wait for each other inside a product by yielding the
** CPU in a loop, which takes a time slice each time where a neighbour wants the CPU too. Parts begin at whole tiles. */
static void multiply(const lun_blas *blas, const product *p, int threads) {
  double work = (double)p->m * (double)p->n * (double)p->k / WORTH_A_THREAD;
  bool rows = p->m >= p->n;
  int64_t count = rows ? p->m : p->n, tiles = (count + ALIGN - 1) / ALIGN;
  int64_t parts = threads < tiles ? threads : tiles;
  if (work < (double)parts) parts = work < 1 ? 1 : (int64_t)work;
  if (parts == 1) { /* OpenBLAS asks OpenMP how many threads it may have */
    int before = omp_get_max_threads();
    omp_set_num_threads(1);
    part(blas, p, 0, p->m, 0, p->n);
    omp_set_num_threads(before);
    return;
  }
#pragma omp parallel for num_threads((int)parts) schedule(static)
  for (int64_t t = 0; t < parts; t++) { /* inside a parallel region it has one */
    int64_t from = tiles * t / parts * ALIGN, to = tiles * (t + 1) / parts * ALIGN;
    if (to > count) to = count;
    if (rows)
      part(blas, p, from, to - from, 0, p->n);
    else
      part(blas, p, 0, p->m, from, to - from);
  }
}

static bool too_large(int64_t size) { return size > INT_MAX; }

int lun_gemm(lun_context *c, lun_dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a,
             const void *b, double beta, void *y, int threads) {
  lun_blas *blas = lun_blas_of(c);
  if (!blas || too_large(m) || too_large(n) || too_large(k)) return LUN_EUNSUPPORTED;
  if (m == 0 || n == 0) return LUN_OK;
  if (k == 0) return LUN_EUNSUPPORTED; /* leading dimensions of 0 are not allowed */
  product p = {dtype, ta, tb, m, n, k, ta ? m : k, tb ? k : n, n, a, b, beta, y};
  multiply(blas, &p, threads);
  return LUN_OK;
}

int lun_gemm_add(lun_context *c, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda,
                 const float *b, int64_t ldb, float *y, int64_t ldy, int threads) {
  lun_blas *blas = lun_blas_of(c);
  if (!blas || too_large(m) || too_large(n) || too_large(k) || too_large(lda) || too_large(ldb) || too_large(ldy))
    return LUN_EUNSUPPORTED;
  if (m == 0 || n == 0 || k == 0) return LUN_OK;
  product p = {LUN_F32, ta, tb, m, n, k, lda, ldb, ldy, a, b, 1, y};
  multiply(blas, &p, threads);
  return LUN_OK;
}
