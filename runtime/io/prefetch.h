/* prefetch.h: op calls made ahead of time by background threads and taken in the order in which they were submitted.
**
** The submitting thread checks arguments and makes the outputs (the op's shape function); a worker runs the op's
** reference kernel on one thread, so workers do not meet the OpenMP threads of the step that computes meanwhile.
** Kernels are functions of their arguments alone: results do not depend on the number of workers. Each worker has a
** context of its own for messages and scratch memory, because a context belongs to one thread. */
#ifndef LUN_PREFETCH_H
#define LUN_PREFETCH_H

#include "core/op.h"

typedef struct lun_prefetch lun_prefetch;

int lun_prefetch_open(lun_context *c, int threads, lun_prefetch **out); /* 1..64 workers */
/* args: one entry per argument of the signature, as for lun_run. Tensors must be laid out as the signature says (there
** is no copy here) and stay unchanged until the call was taken; they are retained. */
int lun_prefetch_submit(lun_prefetch *p, const lun_op *op, const lun_arg *args);
int lun_prefetch_pending(const lun_prefetch *p); /* submitted and not taken */
/* Waits for the oldest call. Its failure is this function's; outs gets new references as from lun_run. */
int lun_prefetch_take(lun_prefetch *p, lun_tensor **outs);
void lun_prefetch_clear(lun_prefetch *p); /* forgets what is pending; waits for calls that run */
void lun_prefetch_close(lun_prefetch *p); /* clears, ends the workers; NULL does nothing */

#endif
