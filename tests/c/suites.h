/* suites.h: the suites of lunette_tests. */
#ifndef TEST_SUITES_H
#define TEST_SUITES_H

#include <check.h>

Suite *suite_optable(void);
Suite *suite_planted(void);
Suite *suite_core(void);
Suite *suite_tape(void);
Suite *suite_rng(void);
Suite *suite_half(void);
Suite *suite_memory(void);
Suite *suite_engine(void);
Suite *suite_cuda_table(void);
Suite *suite_pool(void);
Suite *suite_device(void);

#endif
