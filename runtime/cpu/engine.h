/* engine.h: the CPU engine: kernels built on OpenBLAS and oneDNN that replace the reference kernels of their ops.
**
** Both libraries are loaded with dlopen when first needed, not linked: OpenBLAS chooses its kernels while it is loaded,
** so the core type must be set before; and a missing library costs speed, not the program. What the engine keeps
** between calls (handles, compiled convolutions) belongs to the context.
**
** Environment: LUNETTE_ENGINE=onednn|openblas|reference limits the engine to what is named and what comes after it.
** LUNETTE_BF16=native|convert: whether bf16 convolutions run in bf16 or as f32 around bf16 activations; native is the
** default where the CPU has AMX, or AVX-512 bf16 at twice the rate of f32. LUNETTE_OPENBLAS=FILE loads another
** OpenBLAS, LUNETTE_OPENBLAS_CORE=NAME takes other kernels of it than those the CPU calls for. */
#ifndef LUN_CPU_ENGINE_H
#define LUN_CPU_ENGINE_H

#include "lunette_backend.h"

/* Ends with {NULL, NULL}. A kernel answers LUN_EUNSUPPORTED where the reference kernel must do. */
const lun_kernel *lun_cpu_kernels(void);

/* What was found, and why not, in lines of "name: text"; for people. */
void lun_cpu_describe(lun_context *c, char *buf, size_t size);

/* Whether bf16 activations make convolutions faster here: the CPU has the units and oneDNN uses them. */
bool lun_cpu_fast_bf16(lun_context *c);

/* Ends what the engine keeps; c may be used again afterwards. */
void lun_cpu_engine_close(lun_context *c);

/* Where the context keeps the engine's state (open.c). */
void **lun_engine_slot(lun_context *c);

#endif
