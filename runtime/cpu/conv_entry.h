/* conv_entry.h: compiled oneDNN convolutions, kept in the engine's state. */
#ifndef LUN_CPU_CONV_ENTRY_H
#define LUN_CPU_CONV_ENTRY_H

#include "cpu/state.h"
#include "cpu/kernels.h"

/* What a primitive is compiled for. type: a lun_dtype, f32 or bf16; kind: a lun_conv_kind. */
typedef struct {
  conv_geometry g;
  int64_t kind, type, bias, threads;
} conv_key;

struct lun_conv_entry {
  conv_key key;
  lun_conv_entry *next;
  dnnl_primitive_t conv, reorder; /* reorder NULL: the plain format is the one wanted */
  dnnl_memory_t x, y, bias, weights, plain, pad;
  int64_t weight_bytes, pad_bytes;
};

/* The entry of a key, compiled when it is asked for first. LUN_EUNSUPPORTED where oneDNN has no such convolution. */
int lun_conv_find(lun_call *c, lun_dnnl *d, const conv_key *key, lun_conv_entry **out);

/* Runs one batch of images. w: plain weights, read, or for LUN_CONV_DW written. packed: room for weight_bytes of
** blocked weights, which hold them already where `ready`. pad: room for pad_bytes. bias may be NULL. */
int lun_conv_execute(lun_call *c, lun_dnnl *d, lun_conv_entry *e, void *x, void *w, void *bias, void *y, void *packed,
                     bool ready, void *pad);

/* A memory object without data; running a primitive to its end. */
int lun_dnnl_memory(lun_dnnl *d, lun_md_ref md, dnnl_memory_t *out);
int lun_dnnl_run(lun_call *c, lun_dnnl *d, dnnl_primitive_t p, int n, const dnnl_exec_arg_t *args);

/* conv_product_dnnl.c: the weight gradient of native bf16 as a matrix product, where that is faster. */
bool lun_dw_as_product(const conv_geometry *g);
int lun_native_dw(lun_call *c, lun_dnnl *d, conv_geometry g, const uint16_t *x, const uint16_t *dy, float *dw);

#endif
