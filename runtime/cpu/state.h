/* state.h: what the engine keeps in a context. */
#ifndef LUN_CPU_STATE_H
#define LUN_CPU_STATE_H

#include "cpu/engine.h"
#include "cpu/blas.h"
#ifdef LUNETTE_ONEDNN
#include "cpu/dnnl.h"
#endif

typedef enum { LUN_ENGINE_ONEDNN, LUN_ENGINE_OPENBLAS, LUN_ENGINE_REFERENCE } lun_engine_level;

typedef struct {
  lun_engine_level level;
  bool amx; /* the CPU has AMX with bf16 and the system saves its registers */
  lun_blas blas;
#ifdef LUNETTE_ONEDNN
  lun_dnnl dnnl;
#endif
} lun_engine;

/* Made on first use; NULL (with a message) when memory is short. Libraries in it are loaded on first use as well. */
lun_engine *lun_engine_of(lun_context *c);

#endif
