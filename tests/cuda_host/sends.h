/* sends.h: the suite of sends.c. */
#ifndef CUDA_HOST_SENDS_H
#define CUDA_HOST_SENDS_H

#include <check.h>

Suite *suite_sends(void);

#endif
