/* main.c: lunette_tests [SUITE]: runs one suite or all; exits non-zero on any failure. */
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  Suite *(*const make[])(void) = {suite_core,       suite_half,    suite_rng,    suite_tape,
                                  suite_memory,     suite_planted, suite_engine, suite_optable,
                                  suite_cuda_table, suite_pool,    suite_device};
  SRunner *runner = srunner_create(NULL);
  for (size_t i = 0; i < sizeof make / sizeof *make; i++) srunner_add_suite(runner, make[i]());
  srunner_run(runner, argc > 1 ? argv[1] : NULL, NULL, CK_NORMAL);
  int ran = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
  printf("# %d passed, %d failed\n", ran - failed, failed);
  srunner_free(runner);
  if (ran == 0) fprintf(stderr, "lunette_tests: no suite named %s\n", argc > 1 ? argv[1] : "");
  return failed || ran == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
