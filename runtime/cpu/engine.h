/* engine.h: the CPU engine: kernels built on OpenBLAS and oneDNN that replace the reference kernels of their ops. */
#ifndef LUN_CPU_ENGINE_H
#define LUN_CPU_ENGINE_H

#include "lunette_backend.h"

/* Ends with {NULL, NULL}. A kernel answers LUN_EUNSUPPORTED where the reference kernel must do. */
const lun_kernel *lun_cpu_kernels(void);

#endif
