/* libraries_host.h: switches and counters of the libraries that stand in for NVIDIA's. Each has them under the name
** lun_library_host. */
#ifndef LUN_LIBRARIES_HOST_H
#define LUN_LIBRARIES_HOST_H

#include <stdbool.h>
#include <stdint.h>

enum { LUN_LAST_RESORT = 1000 };

typedef struct {
  int calls;       /* of functions that can fail, so far */
  int fail_call;   /* which of them fails, from 1; 0: none */
  int fail_status; /* and what it answers */
  int objects;     /* that exist: handles, descriptors */
  int runs;        /* products or convolutions so far */
  bool dry;        /* plans are not run, only looked at */
  /* cuDNN, of the last convolution: the engine that ran it, its numerical notes as bits, its place among those proposed,
  ** from LUN_LAST_RESORT on where those were of no use */
  int64_t engine;
  uint32_t notes;
  int place;
  int64_t workspace; /* its bytes */
} lun_library_host_state;

#ifdef __cplusplus
extern "C" {
#endif
extern lun_library_host_state lun_library_host;
const char *lun_library_host_unusable(void); /* cuDNN's: why the real one is of no use here; NULL: it is */
#ifdef __cplusplus
}
#endif

#endif
