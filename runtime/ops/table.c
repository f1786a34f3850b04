/* table.c: gathers the rows of ops.def and pointwise.def into this instruction set's table. */
#include "core/op.h"

#define OP(name) extern const lun_op LUN_ROW(name);
#include "ops.def"
#undef OP

extern const lun_op *const LUN_CAT2(lun_table, LUN_ISA)[];
const lun_op *const LUN_CAT2(lun_table, LUN_ISA)[] = {
#define OP(name) &LUN_ROW(name),
#include "ops.def"
#undef OP
    NULL};
