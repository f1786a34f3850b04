/* lunette_device.h: devices that are found and loaded when they are first asked for, and what their backends say of
** themselves beside lun_backend's part in running ops.
*/
#ifndef LUNETTE_DEVICE_H
#define LUNETTE_DEVICE_H

#include "lunette_backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- for programs ---- */
/* Brings the device up; nothing of it is loaded before. LUN_EDEVICE, and the message says why not. */
int lun_device_need(lun_context *c, lun_device d);
/* What was found of the device, or why it cannot be used, in lines of "name: text", for people. */
void lun_device_describe(lun_context *c, lun_device d, char *buf, size_t size);
/* Waits for what was launched; its errors come out here at the latest. */
int lun_device_sync(lun_context *c, lun_device d);
/* Bytes held ready for reuse, in no tensor; and giving them back. */
int64_t lun_device_cached(const lun_context *c, lun_device d);
void lun_device_flush(lun_context *c, lun_device d);
/* A copy of a host tensor on d, as lun_copy makes it, but what d was given before goes on meanwhile: the first op on the copy
** waits, on the device, for its bytes. For data of a next step. Of a tensor that is on d: itself. */
int lun_send(lun_tensor *t, lun_device d, lun_tensor **out);
/* Between the two, what is launched on any device may be held back and submitted together, in its order: as CUDA graphs.
** Results are the same; a step that failed ends too. Steps inside a step are part of it. */
int lun_device_step_begin(lun_context *c);
int lun_device_step_end(lun_context *c);
typedef struct {
  int64_t steps;    /* ended so far */
  int64_t launched; /* graphs, one for every piece of a step */
  int64_t made;     /* graphs made new; the others were those of the step before, */
  int64_t updated;  /* updated */
  int pieces;       /* of the last step */
  char reason[80];  /* why the last step was not one graph; empty: it was, or none has ended */
} lun_graphs;
void lun_device_graphs(const lun_context *c, lun_device d, lun_graphs *out); /* zeros for a device without */

/* ---- for backends ---- */
/* A backend that is a shared object exports one function of this name and type. Work is done in the order in which
** it is asked for; a function that returns LUN_OK may leave it under way, except where the host reads the result. */
typedef struct {
  lun_backend base;              /* abi is LUN_DEVICE_ABI */
  int (*open)(lun_context *c);   /* for a context; the message of a failure says why the device cannot be used */
  void (*close)(lun_context *c); /* frees what open and the calls since have made */
  int64_t (*cached)(const lun_context *c);
  void (*flush)(lun_context *c);
  /* t: dense, floating; infinities: they count as well */
  int (*has_nan)(lun_call *c, lun_tensor *t, bool infinities, bool *out);
  void (*describe)(lun_context *c, char *buf, size_t size); /* lines of "name: text" */
  int (*step_begin)(lun_context *c);                        /* this and the two below: all or none */
  int (*step_end)(lun_context *c);
  void (*graphs)(const lun_context *c, lun_graphs *out);
  /* A block with these bytes of the host's, which are read before it returns and may arrive later; free gives it back. */
  int (*send)(lun_context *c, const void *src, int64_t bytes, void **out);
  int (*arrive)(lun_context *c, const void *block); /* what is asked for from now on comes after the block's bytes */
} lun_device_backend;

#define LUN_DEVICE_ABI    (LUN_BACKEND_ABI * 1000 + 3)
#define LUN_DEVICE_SYMBOL "lun_device_backend_get"
typedef const lun_device_backend *(*lun_device_backend_fn)(void);

/* Where a backend keeps what it has per context. */
void **lun_device_slot(lun_context *c, lun_device d);

#ifdef __cplusplus
}
#endif

#endif
