/* graphs.h: the suite of graphs.c. */
#ifndef CUDA_HOST_GRAPHS_H
#define CUDA_HOST_GRAPHS_H

#include <check.h>

Suite *suite_graphs(void);

#endif
