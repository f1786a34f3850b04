/* main.c: the CUDA kernels on the host, as two programs:
**   lunette_cuda_host_tests [SUITE [OP...]]     emulation, copies, graphs, sends or kernels, with AddressSanitizer and
**                                               UndefinedBehaviorSanitizer: they see a kernel leave its memory
**   lunette_cuda_watch_tests [SUITE [OP...]]    races, traffic or kernels, with every access watched: see watch/watch.h
** All suites without arguments; only these ops' kernels.
*/
#include "suites.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  Suite *(*make)(char **ops);
} suites[] = {
#ifdef LUN_CUDA_WATCH
    {"races", suite_races},
    {"traffic", suite_traffic},
#else
    {"emulation", suite_emulation}, {"copies", suite_copies}, {"graphs", suite_graphs}, {"sends", suite_sends},
#endif
    {"kernels", suite_kernels},
};

int main(int argc, char **argv) {
  SRunner *r = srunner_create(NULL);
  for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
    if (argc < 2 || !strcmp(argv[1], suites[i].name)) srunner_add_suite(r, suites[i].make(argc > 2 ? argv + 2 : NULL));
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r), ran = srunner_ntests_run(r);
  srunner_free(r);
  printf("# %d passed, %d failed\n", ran - failed, failed);
  return failed || !ran;
}
