/* suites.h: the suites of this folder's programs. */
#ifndef CUDA_HOST_SUITES_H
#define CUDA_HOST_SUITES_H

#include <check.h>

/* ops: the only ones whose kernels are checked, ended by NULL; NULL: all. The other suites have no use for them. */
Suite *suite_emulation(char **ops); /* emulation.c */
Suite *suite_copies(char **ops);    /* copies.c */
Suite *suite_graphs(char **ops);    /* graphs.c */
Suite *suite_sends(char **ops);     /* sends.c */
Suite *suite_kernels(char **ops);   /* op_kernels.c */
Suite *suite_races(char **ops);     /* watch/planted_races.c */
Suite *suite_traffic(char **ops);   /* watch/planted_traffic.c */

#endif
