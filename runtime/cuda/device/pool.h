/* pool.h: device memory handed out again without asking the driver, which would wait for the device each time.
** Nothing here knows CUDA: raw memory comes through two functions, so tests on the host drive it, failures
** included.
**
** Users work in one order (a stream), so a freed block may be handed out at once: who gets it writes after those
** who had it before; send.c, which writes in another, waits itself. Segments are cut into blocks; freed neighbours
** join; a request takes the smallest free block that fits.
*/
#ifndef LUN_CUDA_POOL_H
#define LUN_CUDA_POOL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lun_pool lun_pool;

typedef struct {
  void *self;
  bool (*get)(void *self, int64_t bytes, void **out); /* false: there is not so much */
  void (*put)(void *self, void *p, int64_t bytes);
  void (*drain)(void *self); /* called before put: wait until nothing uses what was freed. May be NULL. */
  bool
      exact; /* for tools that watch memory: every block is raw memory of its own, of just the bytes asked for, and goes back at once */
} lun_pool_source;

typedef struct {
  int64_t used;           /* bytes in blocks that were handed out, as rounded */
  int64_t held;           /* bytes of all segments */
  int64_t segments, gets; /* segments now; times raw memory was asked for */
  int64_t largest_free;
} lun_pool_state;

lun_pool *lun_pool_open(lun_pool_source source); /* NULL: no host memory */
void lun_pool_close(lun_pool *p);                /* every segment goes back, whatever is in use */
/* NULL: raw memory is short even after everything free was given back and it was asked for once more. */
void *lun_pool_alloc(lun_pool *p, int64_t bytes);
void lun_pool_free(lun_pool *p, void *block);
void lun_pool_flush(lun_pool *p); /* segments without a block in use go back */
lun_pool_state lun_pool_read(lun_pool *p);

#ifdef __cplusplus
}
#endif

enum { LUN_POOL_UNIT = 512 }; /* every block starts at a multiple of it within its segment, and is one in size */

#endif
