/* sort.h: whole-number keys put in ascending order, stably, with the places they came from (sort.cu). Bound by memory:
** each pass over 8 bits reads the keys twice, the places once, and writes both once. */
#ifndef LUN_CUDA_SORT_H
#define LUN_CUDA_SORT_H

#include "lunette_backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Device memory of a sort. keys and places hold n elements and are in order after lun_cuda_sort. */
typedef struct {
  int64_t n;
  uint64_t *keys;
  uint32_t *places;
  lun_tensor *memory[5];
} lun_cuda_sorting;

/* n < 2^32 elements; keys and places are for the caller to fill. lun_cuda_sort_close is due in every case. */
int lun_cuda_sort_open(lun_call *c, int64_t n, lun_cuda_sorting *s);
/* By bits 0 .. bits - 1 of the keys. */
int lun_cuda_sort(lun_call *c, lun_cuda_sorting *s, int bits);
void lun_cuda_sort_close(lun_cuda_sorting *s);

#ifdef __cplusplus
}
#endif

#endif
