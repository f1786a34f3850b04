/* stand_ins.h: what blas.c and dnn.c need of the rest of the backend, on the host; and the libraries that stand in for NVIDIA's. */
#ifndef LUN_LIBRARIES_STAND_INS_H
#define LUN_LIBRARIES_STAND_INS_H

#include "device/state.h"
#include "libraries_host.h"

#include <check.h>

/* A context and a call in it, for every test. */
extern lun_call call;
void stand_ins_open(void);
void stand_ins_close(void); /* checks that nothing is left */

extern int stand_ins_flushes, stand_ins_pauses;

/* Switches of a library, by its name for dlopen. */
lun_library_host_state *stand_ins_library(const char *name);

Suite *suite_products(void);
Suite *suite_convolutions(void);

#endif
