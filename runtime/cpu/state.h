/* state.h: what the engine keeps in a context. */
#ifndef LUN_CPU_STATE_H
#define LUN_CPU_STATE_H

#include "cpu/engine.h"
#include "cpu/blas.h"
#ifdef LUNETTE_ONEDNN
#include "cpu/dnnl.h"
#endif

typedef enum { LUN_ENGINE_ONEDNN, LUN_ENGINE_OPENBLAS, LUN_ENGINE_REFERENCE } lun_engine_level;

/* What makes bf16 arithmetic faster than f32 on this CPU. */
typedef enum { LUN_BF16_NONE, LUN_BF16_AMX, LUN_BF16_AVX512 } lun_bf16_units;

typedef struct {
  lun_engine_level level;
  lun_bf16_units bf16;
  lun_blas blas;
#ifdef LUNETTE_ONEDNN
  lun_dnnl dnnl;
#endif
} lun_engine;

/* Made on first use; NULL (with a message) when memory is short. Libraries in it are loaded on first use as well. */
lun_engine *lun_engine_of(lun_context *c);

#endif
