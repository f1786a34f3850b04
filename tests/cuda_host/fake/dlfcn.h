/* dlfcn.h: a driver that is found, for device.c. */
#ifndef CUDA_HOST_FAKE_DLFCN_H
#define CUDA_HOST_FAKE_DLFCN_H

#include <string.h>

enum { RTLD_NOW = 2, RTLD_LOCAL = 0 };
static inline void *dlopen(const char *name, int how) {
  (void)how;
  static int driver;
  return strcmp(name, "libcuda.so.1") ? NULL : &driver;
}
static inline int dlclose(void *library) {
  (void)library;
  return 0;
}

#endif
