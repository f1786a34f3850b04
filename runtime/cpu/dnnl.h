/* dnnl.h: oneDNN, loaded with dlopen, through its C interface of version 2 or 3, whichever the headers are of.
**
** Version 2 keeps memory descriptors as structs and makes primitive descriptors from operation descriptors; version 3
** hides descriptors behind pointers. The few lines that differ are here and in dnnl.c.
*/
#ifndef LUN_CPU_DNNL_H
#define LUN_CPU_DNNL_H

#include "lunette_backend.h"

#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_version.h>

#define LUN_DNNL_COMMON(X)                                                                                             \
  X(version)                                                                                                           \
  X(sgemm)                                                                                                             \
  X(get_effective_cpu_isa)                                                                                             \
  X(engine_create)                                                                                                     \
  X(engine_destroy)                                                                                                    \
  X(stream_create)                                                                                                     \
  X(stream_destroy)                                                                                                    \
  X(stream_wait)                                                                                                       \
  X(primitive_attr_create)                                                                                             \
  X(primitive_attr_set_scratchpad_mode)                                                                                \
  X(primitive_attr_destroy)                                                                                            \
  X(primitive_desc_query_md)                                                                                           \
  X(primitive_desc_destroy)                                                                                            \
  X(primitive_create)                                                                                                  \
  X(primitive_execute)                                                                                                 \
  X(primitive_destroy)                                                                                                 \
  X(reorder_primitive_desc_create)                                                                                     \
  X(memory_desc_equal)                                                                                                 \
  X(memory_desc_get_size)                                                                                              \
  X(memory_create)                                                                                                     \
  X(memory_set_data_handle)                                                                                            \
  X(memory_destroy)

#if DNNL_VERSION_MAJOR >= 3
#define LUN_DNNL_FUNCTIONS(X)                                                                                          \
  LUN_DNNL_COMMON(X)                                                                                                   \
  X(memory_desc_create_with_tag)                                                                                       \
  X(memory_desc_create_with_strides)                                                                                   \
  X(memory_desc_destroy)                                                                                               \
  X(convolution_forward_primitive_desc_create)                                                                         \
  X(convolution_backward_data_primitive_desc_create)                                                                   \
  X(convolution_backward_weights_primitive_desc_create)                                                                \
  X(matmul_primitive_desc_create)
typedef const_dnnl_memory_desc_t lun_md_ref;
typedef struct {
  dnnl_memory_desc_t md;
} lun_md;
#else
#define LUN_DNNL_FUNCTIONS(X)                                                                                          \
  LUN_DNNL_COMMON(X)                                                                                                   \
  X(memory_desc_init_by_tag)                                                                                           \
  X(memory_desc_init_by_strides)                                                                                       \
  X(primitive_desc_create)                                                                                             \
  X(convolution_forward_desc_init)                                                                                     \
  X(convolution_backward_data_desc_init)                                                                               \
  X(convolution_backward_weights_desc_init)                                                                            \
  X(matmul_desc_init)
typedef const dnnl_memory_desc_t *lun_md_ref;
typedef struct {
  dnnl_memory_desc_t md;
} lun_md;
#endif

typedef struct {
#define LUN_DNNL_MEMBER(name) __typeof__(dnnl_##name) *name;
  LUN_DNNL_FUNCTIONS(LUN_DNNL_MEMBER)
#undef LUN_DNNL_MEMBER
} lun_dnnl_functions;

typedef struct lun_conv_entry lun_conv_entry; /* a compiled convolution (conv_dnnl.c) */

enum { LUN_CONV_BUCKETS = 64, LUN_CONV_MAX = 512 };

typedef struct {
  bool tried;
  void *lib; /* NULL: not loaded, and why says why */
  char why[256];
  lun_dnnl_functions f;
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  dnnl_primitive_attr_t attr; /* scratchpad given by the caller */
  bool native_bf16;           /* bf16 convolutions run in bf16 */
  lun_conv_entry *conv[LUN_CONV_BUCKETS];
  int nconv;
} lun_dnnl;

/* NULL where oneDNN cannot be loaded. */
lun_dnnl *lun_dnnl_of(lun_context *c);
const char *lun_dnnl_isa(const lun_dnnl *d);
void lun_dnnl_close(lun_dnnl *d);
void lun_conv_cache_clear(lun_dnnl *d);

/* Memory descriptors: made from a tag or strides, dropped when done, referred to as the library wants them. */
int lun_md_tag(lun_dnnl *d, lun_md *m, int ndims, const int64_t *dims, dnnl_data_type_t type, dnnl_format_tag_t tag);
int lun_md_strides(lun_dnnl *d, lun_md *m, int ndims, const int64_t *dims, dnnl_data_type_t type,
                   const int64_t *strides);
void lun_md_drop(lun_dnnl *d, lun_md *m);
lun_md_ref lun_md_of(const lun_md *m);

typedef enum { LUN_CONV_FORWARD, LUN_CONV_DX, LUN_CONV_DW } lun_conv_kind;

/* A convolution's primitive descriptor. hint: the forward one, for the two gradients. b may be NULL. */
int lun_dnnl_conv(lun_dnnl *d, lun_conv_kind kind, const lun_md *x, const lun_md *w, const lun_md *b, const lun_md *y,
                  const int64_t stride[2], const int64_t pad_before[2], const int64_t pad_after[2],
                  dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *out);
int lun_dnnl_matmul(lun_dnnl *d, const lun_md *a, const lun_md *b, const lun_md *y, dnnl_primitive_desc_t *out);

#endif
