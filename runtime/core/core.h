/* core.h: inside of the core. Only files of runtime/core and runtime/open.c include it. */
#ifndef LUN_CORE_H
#define LUN_CORE_H

#include "op.h"
#include "lunette_device.h"

#include <stdatomic.h>
#include <signal.h>

/* One op as registered: its row, the parsed signature, the kernel of each device, what its gradient keeps. */
typedef struct {
  const lun_op *row;
  lun_signature sig;
  lun_kernel_fn kernel[LUN_NDEVICES];
  uint32_t keep_args, keep_outs; /* bit masks */
  lun_op_profile profile;
} luni_entry;

struct lun_context {
  char message[1024];
  int code;
  /* allocation */
  _Atomic int64_t live[LUN_NDEVICES], peak[LUN_NDEVICES], blocks[LUN_NDEVICES], total[LUN_NDEVICES];
  int64_t limit[LUN_NDEVICES];
  struct luni_blocks *blocks_kept; /* blocks.c */
  _Atomic int64_t core_bytes, core_blocks;
  _Atomic int64_t fail_in; /* allocations until one fails; negative: never */
  /* ops and devices */
  luni_entry *entry;
  int nentries;
  int *bucket; /* open-addressing hash of names -> entry index + 1 */
  int nbuckets;
  const lun_backend *backend[LUN_NDEVICES];
  struct {
    bool tried;
    char path[512], reason[512]; /* the library; why the device cannot be used, empty: it can */
    const lun_device_backend *backend;
    void *library, *state; /* from dlopen; what the backend keeps */
    int steps;             /* open ones that it was told of */
  } loaded[LUN_NDEVICES];
  const char *isa;
  int threads;
  bool fast;    /* lun_set_fast */
  void *engine; /* what the CPU engine keeps between calls */
  /* tape */
  bool grad_enabled, trace_nan, trace_infinities;
  uint64_t sequence;
  struct {
    bool on, backward; /* backward: inside lun_backward */
    double nested;     /* seconds of the ops that the running one ran */
  } profile;
  volatile sig_atomic_t interrupted;
};

/* alloc.c: every byte of the runtime comes from here. */
/* The message becomes "BEFORE NAME: message", before with its own space; the code stays. status.c */
void luni_prefix(lun_context *c, const char *before, const char *name);
void *luni_alloc(lun_context *c, int64_t bytes); /* zeroed; NULL sets LUN_EMEM */
void luni_free(lun_context *c, void *p, int64_t bytes);
int luni_storage_new(lun_context *c, lun_device d, int64_t bytes, lun_storage **out);
int luni_storage_sent(lun_context *c, lun_device d, const void *src, int64_t bytes,
                      lun_storage **out); /* see lun_send */
void luni_storage_release(lun_storage *s);

/* blocks.c: host blocks of LUNI_BLOCK_MIN bytes and more. */
#define LUNI_BLOCK_MIN (1 << 20)
int luni_blocks_open(lun_context *c);
void luni_blocks_close(lun_context *c);
void *luni_block_alloc(lun_context *c, int64_t bytes); /* page-aligned, not zeroed; NULL: the system is out of memory */
void luni_block_free(lun_context *c, void *p, int64_t bytes);

/* tensor.c */
int luni_tensor_new(lun_context *c, lun_tensor **out); /* a blank header */
int luni_ghost(const lun_tensor *of, lun_tensor **out);
int luni_alias(lun_tensor *of, lun_tensor **out); /* same storage, no tape, no requires_grad */
int luni_count_checked(lun_context *c, int ndim, const int64_t *shape, int64_t *out);

/* signature.c */
int luni_signature_parse(lun_context *c, const lun_op *op, lun_signature *sig);

/* device.c */
/* Before t's bytes are touched: those on their way come first. */
int luni_arrive(lun_storage *s);
static inline int luni_here(const lun_tensor *t) {
  return t->storage && t->storage->arriving ? luni_arrive(t->storage) : LUN_OK;
}
void luni_devices_close(lun_context *c);

/* registry.c */
int luni_register_ops(lun_context *c, const lun_op *const *rows); /* NULL-terminated */
void luni_register_kernels(lun_context *c, lun_device d, const lun_kernel *k);
luni_entry *luni_find(const lun_context *c, const char *name);
void luni_registry_free(lun_context *c);

/* tape.c */
bool luni_call_needs_grad(const lun_context *c, const luni_entry *e, const lun_call *call);
int luni_record(lun_context *c, const luni_entry *e, const lun_call *given, lun_call *call);
void luni_node_release(lun_node *n);

/* profile.c: between begin and run or gradient lies what is measured; only while c->profile.on. */
typedef struct {
  double start, outer;
} luni_span;
luni_span luni_profile_begin(lun_context *c);
void luni_profile_run(lun_context *c, luni_entry *e, luni_span s);      /* a run of the op */
void luni_profile_gradient(lun_context *c, luni_entry *e, luni_span s); /* its gradient, ops it ran included */

/* dispatch.c */
void luni_call_outputs_release(lun_call *call);

#endif
