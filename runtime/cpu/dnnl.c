/* dnnl.c: loads oneDNN and hides what its versions 2 and 3 do differently. */
#include "cpu/state.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
#define SONAME   "libdnnl.so." TEXT(DNNL_VERSION_MAJOR) /* one major version is one ABI */

static bool uses(const lun_dnnl *d, unsigned isa) { return ((unsigned)d->f.get_effective_cpu_isa() & isa) == isa; }

/* Whether oneDNN uses the units that make bf16 fast on this CPU. */
static bool bf16_pays(const lun_dnnl *d, lun_bf16_units units) {
  return units && uses(d, units == LUN_BF16_AMX ? dnnl_cpu_isa_avx512_core_amx : dnnl_cpu_isa_avx512_core_bf16);
}

static int bind(lun_dnnl *d) {
  struct {
    const char *name;
    void **to;
  } f[] = {
#define ROW(name) {"dnnl_" #name, (void **)&d->f.name},
      LUN_DNNL_FUNCTIONS(ROW)
#undef ROW
  };
  for (size_t i = 0; i < sizeof f / sizeof *f; i++) {
    *f[i].to = dlsym(d->lib, f[i].name);
    if (!*f[i].to) {
      snprintf(d->why, sizeof d->why, "%s has no %s", SONAME, f[i].name);
      return LUN_EUNSUPPORTED;
    }
  }
  return LUN_OK;
}

static int start(lun_dnnl *d, lun_bf16_units units) {
  if (d->f.engine_create(&d->engine, dnnl_cpu, 0) || d->f.stream_create(&d->stream, d->engine, 0x1u) ||
      d->f.primitive_attr_create(&d->attr) ||
      d->f.primitive_attr_set_scratchpad_mode(d->attr, dnnl_scratchpad_mode_user)) {
    snprintf(d->why, sizeof d->why, "%s was loaded, but its CPU engine does not start", SONAME);
    return LUN_EUNSUPPORTED;
  }
  const char *ask = getenv("LUNETTE_BF16");
  d->native_bf16 = bf16_pays(d, units);
  if (ask && !strcmp(ask, "native")) d->native_bf16 = true;
  if (ask && !strcmp(ask, "convert")) d->native_bf16 = false;
  return LUN_OK;
}

static void stop(lun_dnnl *d) {
  if (d->attr) d->f.primitive_attr_destroy(d->attr);
  if (d->stream) d->f.stream_destroy(d->stream);
  if (d->engine) d->f.engine_destroy(d->engine);
  if (d->lib) dlclose(d->lib);
  d->attr = NULL;
  d->stream = NULL;
  d->engine = NULL;
  d->lib = NULL;
}

lun_dnnl *lun_dnnl_of(lun_context *c) {
  lun_engine *e = lun_engine_of(c);
  if (!e || e->level > LUN_ENGINE_ONEDNN) return NULL;
  lun_dnnl *d = &e->dnnl;
  if (!d->tried) {
    d->tried = true;
    d->lib = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!d->lib)
      snprintf(d->why, sizeof d->why, "%s; install libdnnl%d", dlerror(), DNNL_VERSION_MAJOR);
    else if (bind(d) || start(d, e->bf16))
      stop(d);
  }
  return d->lib ? d : NULL;
}

void lun_dnnl_close(lun_dnnl *d) {
  lun_conv_cache_clear(d);
  stop(d);
  memset(d, 0, sizeof *d);
}

const char *lun_dnnl_isa(const lun_dnnl *d) {
  static const struct {
    unsigned isa;
    const char *name;
  } known[] = {{dnnl_cpu_isa_avx512_core_amx, "AVX-512 + AMX"},
               {dnnl_cpu_isa_avx512_core_bf16, "AVX-512 + bf16"},
               {dnnl_cpu_isa_avx512_core_vnni, "AVX-512 + VNNI"},
               {dnnl_cpu_isa_avx512_core, "AVX-512"},
               {dnnl_cpu_isa_avx2, "AVX2"},
               {dnnl_cpu_isa_avx, "AVX"},
               {dnnl_cpu_isa_sse41, "SSE4.1"}};
  unsigned isa = (unsigned)d->f.get_effective_cpu_isa();
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if ((isa & known[i].isa) == known[i].isa) return known[i].name;
  return "generic";
}

static int answer(dnnl_status_t st) {
  return st == dnnl_success ? LUN_OK : st == dnnl_out_of_memory ? LUN_EMEM : LUN_EUNSUPPORTED;
}

static void to_dims(dnnl_dims_t to, int n, const int64_t *from) {
  for (int i = 0; i < n; i++) to[i] = from[i];
}

#if DNNL_VERSION_MAJOR >= 3

int lun_md_tag(lun_dnnl *d, lun_md *m, int ndims, const int64_t *dims, dnnl_data_type_t type, dnnl_format_tag_t tag) {
  dnnl_dims_t v;
  to_dims(v, ndims, dims);
  return answer(d->f.memory_desc_create_with_tag(&m->md, ndims, v, type, tag));
}

int lun_md_strides(lun_dnnl *d, lun_md *m, int ndims, const int64_t *dims, dnnl_data_type_t type,
                   const int64_t *strides) {
  dnnl_dims_t v, s;
  to_dims(v, ndims, dims);
  to_dims(s, ndims, strides);
  return answer(d->f.memory_desc_create_with_strides(&m->md, ndims, v, type, s));
}

void lun_md_drop(lun_dnnl *d, lun_md *m) {
  if (m->md) d->f.memory_desc_destroy(m->md);
  m->md = NULL;
}

lun_md_ref lun_md_of(const lun_md *m) { return m ? m->md : NULL; }

int lun_dnnl_conv(lun_dnnl *d, lun_conv_kind kind, const lun_md *x, const lun_md *w, const lun_md *b, const lun_md *y,
                  const int64_t stride[2], const int64_t pad_before[2], const int64_t pad_after[2],
                  dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out) {
  dnnl_dims_t s, l, r, dilate = {0, 0};
  to_dims(s, 2, stride);
  to_dims(l, 2, pad_before);
  to_dims(r, 2, pad_after);
  lun_md_ref mx = lun_md_of(x), mw = lun_md_of(w), mb = lun_md_of(b), my = lun_md_of(y);
  if (kind == LUN_CONV_FORWARD)
    return answer(d->f.convolution_forward_primitive_desc_create(
        out, d->engine, dnnl_forward_training, dnnl_convolution_direct, mx, mw, mb, my, s, dilate, l, r, d->attr));
  if (kind == LUN_CONV_DX)
    return answer(d->f.convolution_backward_data_primitive_desc_create(out, d->engine, dnnl_convolution_direct, mx, mw,
                                                                       my, s, dilate, l, r, hint, d->attr));
  return answer(d->f.convolution_backward_weights_primitive_desc_create(out, d->engine, dnnl_convolution_direct, mx, mw,
                                                                        NULL, my, s, dilate, l, r, hint, d->attr));
}

int lun_dnnl_matmul(lun_dnnl *d, const lun_md *a, const lun_md *b, const lun_md *y, dnnl_primitive_desc_t *out) {
  return answer(
      d->f.matmul_primitive_desc_create(out, d->engine, lun_md_of(a), lun_md_of(b), NULL, lun_md_of(y), d->attr));
}

#else

int lun_md_tag(lun_dnnl *d, lun_md *m, int ndims, const int64_t *dims, dnnl_data_type_t type, dnnl_format_tag_t tag) {
  dnnl_dims_t v;
  to_dims(v, ndims, dims);
  return answer(d->f.memory_desc_init_by_tag(&m->md, ndims, v, type, tag));
}

int lun_md_strides(lun_dnnl *d, lun_md *m, int ndims, const int64_t *dims, dnnl_data_type_t type,
                   const int64_t *strides) {
  dnnl_dims_t v, s;
  to_dims(v, ndims, dims);
  to_dims(s, ndims, strides);
  return answer(d->f.memory_desc_init_by_strides(&m->md, ndims, v, type, s));
}

void lun_md_drop(lun_dnnl *d, lun_md *m) {
  (void)d;
  memset(m, 0, sizeof *m);
}

lun_md_ref lun_md_of(const lun_md *m) { return m ? &m->md : NULL; }

int lun_dnnl_conv(lun_dnnl *d, lun_conv_kind kind, const lun_md *x, const lun_md *w, const lun_md *b, const lun_md *y,
                  const int64_t stride[2], const int64_t pad_before[2], const int64_t pad_after[2],
                  dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out) {
  dnnl_dims_t s, l, r;
  dnnl_convolution_desc_t op;
  to_dims(s, 2, stride);
  to_dims(l, 2, pad_before);
  to_dims(r, 2, pad_after);
  lun_md_ref mx = lun_md_of(x), mw = lun_md_of(w), mb = lun_md_of(b), my = lun_md_of(y);
  dnnl_status_t st;
  if (kind == LUN_CONV_FORWARD)
    st = d->f.convolution_forward_desc_init(&op, dnnl_forward_training, dnnl_convolution_direct, mx, mw, mb, my, s, l,
                                            r);
  else if (kind == LUN_CONV_DX)
    st = d->f.convolution_backward_data_desc_init(&op, dnnl_convolution_direct, mx, mw, my, s, l, r);
  else
    st = d->f.convolution_backward_weights_desc_init(&op, dnnl_convolution_direct, mx, mw, NULL, my, s, l, r);
  if (st == dnnl_success) st = d->f.primitive_desc_create(out, &op, d->attr, d->engine, hint);
  return answer(st);
}

int lun_dnnl_matmul(lun_dnnl *d, const lun_md *a, const lun_md *b, const lun_md *y, dnnl_primitive_desc_t *out) {
  dnnl_matmul_desc_t op;
  dnnl_status_t st = d->f.matmul_desc_init(&op, lun_md_of(a), lun_md_of(b), NULL, lun_md_of(y));
  if (st == dnnl_success) st = d->f.primitive_desc_create(out, &op, d->attr, d->engine, NULL);
  return answer(st);
}

#endif
