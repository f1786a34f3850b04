/* isa.c: which compiled copy of our own kernels this CPU can run. The only CPUID question they ask. */
#include "cpu/isa/winograd_tiles.h"
#include "ops/table.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *name;
  const lun_op *const *table;
  const lun_winograd_tiles *winograd;
} copy;

static copy choose(void) {
#ifdef LUN_X86_TABLES
  const char *ask = getenv("LUNETTE_ISA");
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#ifdef LUN_X86_AVX512
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  bool less = ask && (!strcmp(ask, "baseline") || !strcmp(ask, "avx2"));
  if (avx512 && !less) return (copy){"avx512", lun_table_avx512, &lun_winograd_avx512};
#endif
  if (avx2 && !(ask && !strcmp(ask, "baseline"))) return (copy){"avx2", lun_table_avx2, &lun_winograd_avx2};
#endif
  return (copy){"baseline", lun_table_baseline, &lun_winograd_baseline};
}

const lun_op *const *luni_choose_table(const char **isa) {
  copy found = choose();
  *isa = found.name;
  return found.table;
}

const lun_winograd_tiles *luni_choose_winograd(void) { return choose().winograd; }
