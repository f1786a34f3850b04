/* isa.c: which compiled copy of the op table this CPU can run. The only CPUID question our own kernels ask. */
#include "ops/table.h"

#include <stdlib.h>
#include <string.h>

const lun_op *const *luni_choose_table(const char **isa) {
#ifdef LUN_X86_TABLES
  const char *ask = getenv("LUNETTE_ISA");
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (ask && !strcmp(ask, "baseline")) avx2 = avx512 = false;
  if (ask && !strcmp(ask, "avx2")) avx512 = false;
  if (avx512) {
    *isa = "avx512";
    return lun_table_avx512;
  }
  if (avx2) {
    *isa = "avx2";
    return lun_table_avx2;
  }
#endif
  *isa = "baseline";
  return lun_table_baseline;
}
