/* copies.h: the suite of copies.c. */
#ifndef CUDA_HOST_COPIES_H
#define CUDA_HOST_COPIES_H

#include <check.h>

Suite *suite_copies(void);

#endif
