/* engine.c: the table of engine kernels, the state behind them, and the choice between the libraries. */
#include "cpu/state.h"
#include "cpu/kernels.h"
#include "core/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* AMX tiles with bf16, and tile state enabled by the system (XCR0 bits 17 and 18; the permission a process has to ask
** for is asked by oneDNN). Or AVX-512 bf16 products on AMD, twice the f32 rate (measured on Zen 5: 484 against 262
** GFLOP/s a core); Intel's run at half of it. */
static lun_bf16_units bf16_units(void) {
#if defined(__x86_64__)
  unsigned a, b, c, d, lo, hi;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return LUN_BF16_NONE; /* OSXSAVE */
  __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  if ((lo >> 17 & 3) == 3 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1))
    return LUN_BF16_AMX;
  bool wide = (lo & 0xe6) == 0xe6 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
  __builtin_cpu_init();
  if (wide && __builtin_cpu_is("amd")) return LUN_BF16_AVX512;
#endif
  return LUN_BF16_NONE;
}

lun_engine *lun_engine_of(lun_context *c) {
  void **slot = lun_engine_slot(c);
  if (*slot) return *slot;
  lun_engine *e = calloc(1, sizeof *e); /* not counted: it stays until the context ends */
  if (!e) {
    lun_fail(c, LUN_EMEM, "out of memory: the CPU engine");
    return NULL;
  }
  const char *level = getenv("LUNETTE_ENGINE");
  if (level && !strcmp(level, "openblas")) e->level = LUN_ENGINE_OPENBLAS;
  if (level && !strcmp(level, "reference")) e->level = LUN_ENGINE_REFERENCE;
  e->bf16 = bf16_units();
  *slot = e;
  return e;
}

void lun_cpu_engine_close(lun_context *c) {
  void **slot = lun_engine_slot(c);
  lun_engine *e = *slot;
  if (!e) return;
#ifdef LUNETTE_ONEDNN
  lun_dnnl_close(&e->dnnl);
#endif
  lun_blas_close(&e->blas);
  free(e);
  *slot = NULL;
}

int lun_cpu_cast(lun_call *c, const void *from, lun_dtype from_dtype, void *to, lun_dtype to_dtype, int64_t n) {
  lun_storage s = {.refs = 1, .ctx = c->ctx, .data = (void *)from, .bytes = n * lun_dtype_size(from_dtype)};
  lun_storage d = {.refs = 1, .ctx = c->ctx, .data = to, .bytes = n * lun_dtype_size(to_dtype)};
  lun_tensor x = {.refs = 1, .ctx = c->ctx, .storage = &s, .dtype = from_dtype, .ndim = 1, .shape = {n}, .stride = {1}};
  lun_tensor y = {.refs = 1, .ctx = c->ctx, .storage = &d, .dtype = to_dtype, .ndim = 1, .shape = {n}, .stride = {1}};
  lun_call call = {.ctx = c->ctx, .op = lun_op_find(c->ctx, "cast"), .nargs = 2, .nouts = 1, .threads = c->threads};
  call.arg[0].t = &x;
  call.arg[1].d = to_dtype;
  call.out[0] = &y;
  return call.op->cpu(&call);
}

/* The first way that takes the call. */
#ifdef LUNETTE_ONEDNN
#define ONEDNN(name, c) lun_onednn_##name(c)
#else
#define ONEDNN(name, c) LUN_EUNSUPPORTED
#endif
#define CHOOSE(name)                                                                                                   \
  static int name(lun_call *c) {                                                                                       \
    int st = lun_winograd_##name(c);                                                                                   \
    if (st == LUN_EUNSUPPORTED) st = ONEDNN(name, c);                                                                  \
    if (st == LUN_EUNSUPPORTED) st = lun_small_##name(c);                                                              \
    return st == LUN_EUNSUPPORTED ? lun_im2col_##name(c) : st;                                                         \
  }
CHOOSE(forward)
CHOOSE(dx)
CHOOSE(dw)

static const lun_kernel kernels[] = {{"matmul", lun_cpu_matmul},
                                     {"linear", lun_cpu_linear},
                                     {"linear_dx", lun_cpu_linear_dx},
                                     {"linear_dw", lun_cpu_linear_dw},
                                     {"conv2d", forward},
                                     {"conv2d_dx", dx},
                                     {"conv2d_dw", dw},
                                     {NULL, NULL}};

const lun_kernel *lun_cpu_kernels(void) { return kernels; }

bool lun_cpu_fast_bf16(lun_context *c) {
#ifdef LUNETTE_ONEDNN
  lun_engine *e = lun_engine_of(c);
  lun_dnnl *d = lun_dnnl_of(c);
  return e && e->bf16 && d && d->native_bf16;
#else
  (void)c;
  return false;
#endif
}

void lun_cpu_describe(lun_context *c, char *buf, size_t size) {
  size_t at = 0;
  lun_engine *e = lun_engine_of(c);
  lun_blas *b = lun_blas_of(c);
#define LINE(...)                                                                                                      \
  do {                                                                                                                 \
    int n_ = at < size ? snprintf(buf + at, size - at, __VA_ARGS__) : 0;                                               \
    at += n_ > 0 ? (size_t)n_ : 0;                                                                                     \
  } while (0)
  if (size) buf[0] = 0;
  if (!e) return;
  LINE("kernels: %s, %d threads\n", lun_isa(c), lun_threads(c));
  if (b)
    LINE("OpenBLAS: %s, core %s, %s threads%s\n", b->config(), b->core(), b->parallel() == 2 ? "OpenMP" : "pthread",
         b->parallel() == 1 ? "; they compete with oneDNN's: install libopenblas0-openmp" : "");
  else
    LINE("OpenBLAS: not used: %s\n", e->level > LUN_ENGINE_OPENBLAS ? "LUNETTE_ENGINE says so" : e->blas.why);
#ifdef LUNETTE_ONEDNN
  lun_dnnl *d = lun_dnnl_of(c);
  if (d) {
    const dnnl_version_t *v = d->f.version();
    LINE("oneDNN: %d.%d.%d, instruction set %s\n", v->major, v->minor, v->patch, lun_dnnl_isa(d));
  } else
    LINE("oneDNN: not used: %s; convolutions are im2col + OpenBLAS\n",
         e->level > LUN_ENGINE_ONEDNN ? "LUNETTE_ENGINE says so" : e->dnnl.why);
  static const char *const units[] = {NULL, "AMX", "AVX-512 bf16"};
  if (d && d->native_bf16)
    LINE("bf16: %s\n", e->bf16 ? units[e->bf16] : "native, as LUNETTE_BF16 asks (slow on this CPU)");
  else if (e->bf16)
    LINE("bf16: as f32 around bf16 activations: the CPU has %s, but oneDNN does not use it\n", units[e->bf16]);
  else
    LINE("bf16: as f32 around bf16 activations: the CPU has neither AMX nor AVX-512 bf16 at full rate\n");
#else
  LINE("oneDNN: not built in (LUNETTE_ONEDNN=OFF); convolutions are im2col + OpenBLAS\n");
  LINE("bf16: as f32 around bf16 activations\n");
#endif
#undef LINE
}
