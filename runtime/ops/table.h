/* table.h: the op tables this binary holds, one per instruction set, and the choice between them. */
#ifndef LUN_OPS_TABLE_H
#define LUN_OPS_TABLE_H

#include "lunette_backend.h"

extern const lun_op *const lun_table_baseline[]; /* NULL-terminated */
#ifdef LUN_X86_TABLES
extern const lun_op *const lun_table_avx2[];
extern const lun_op *const lun_table_avx512[];
#endif

/* The table for the CPU this runs on; LUNETTE_ISA=baseline|avx2|avx512 in the environment asks for a lesser one. */
const lun_op *const *luni_choose_table(const char **isa);

#endif
