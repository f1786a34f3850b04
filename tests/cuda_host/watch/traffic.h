/* traffic.h: what traffic.cpp counted. */
#ifndef CUDA_HOST_TRAFFIC_H
#define CUDA_HOST_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int64_t requests; /* of a warp */
  int64_t bytes;    /* that they touched, each once a request */
  int64_t sectors;  /* that they touched, likewise */
  int64_t distinct; /* sectors touched, each once a launch */
} cuda_traffic_way;

typedef struct {
  int64_t launches;
  cuda_traffic_way loads, stores; /* of the device's memory; an atomic is a store */
  int64_t shared_requests, passes, least_passes;
} cuda_traffic;

/* Of all launches of a kernel, by its name in LUN_LAUNCH, until now. False: none. */
bool cuda_traffic_of(const char *kernel, cuda_traffic *out);
/* A table, a line for each op and kernel. */
void cuda_traffic_print(FILE *f);

#ifdef __cplusplus
}
#endif

#endif
