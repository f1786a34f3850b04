/* watch_state.h: what accesses.cpp knows of the thread that runs, for those who look at accesses. */
#ifndef CUDA_HOST_WATCH_STATE_H
#define CUDA_HOST_WATCH_STATE_H

#include "traffic.h"
#include "watch.h"

struct cuda_watch_state {
  const char *op, *kernel;
  uint64_t launch; /* counts from 1 */
  int64_t block;   /* its number in the grid */
  int thread;
};
extern cuda_watch_state cuda_watch;

void cuda_races_launch(void);
void cuda_races_block(int threads, uintptr_t shared, size_t size);
void cuda_races_barrier(void);
void cuda_races_meet(int warp, unsigned lanes);
void cuda_races_access(uintptr_t p, size_t size, touch how);
const char *cuda_races_found(void);

void cuda_traffic_launch(void);
void cuda_traffic_block(int threads, uintptr_t shared, size_t size);
void cuda_traffic_access(uintptr_t p, size_t size, touch how, const void *code); /* code: which instruction */
void cuda_traffic_end(void);

#endif
