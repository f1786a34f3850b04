/* device.c: devices other than the CPU. A backend is a shared object that is looked for when its device is first asked
** for and not before: a program that computes on the CPU starts and runs as if there were none.
*/
#define _GNU_SOURCE
#include "core.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
  const char *file, *variable, *target;
} libraries[LUN_NDEVICES] = {[LUN_CUDA] = {"liblunette_cuda.so", "LUNETTE_CUDA_LIBRARY", "lunette_cuda"}};

/* The folder of the running program, without the last slash; empty where the system does not say. */
static void program_folder(char *buf, size_t size) {
  ssize_t n = readlink("/proc/self/exe", buf, size - 1);
  buf[n > 0 ? n : 0] = 0;
  char *slash = strrchr(buf, '/');
  *(slash ? slash : buf) = 0;
}

enum { TEXT = 512 };

/* Where the library lies, or false and the reason. */
static bool find(lun_device d, char *path, char *reason) {
  static const char *const places[] = {"%s/%s", "%s/../lib/lunette/%s"}; /* in the build folder; installed */
  char folder[400];
  const char *named = getenv(libraries[d].variable);
  if (named && *named) {
    snprintf(path, TEXT, "%s", named);
    if (access(path, R_OK) == 0) return true;
    snprintf(reason, TEXT, "%s names %.300s, and no such file can be read", libraries[d].variable, named);
    return false;
  }
  program_folder(folder, sizeof folder);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    snprintf(path, TEXT, places[i], folder, libraries[d].file);
    if (access(path, R_OK) == 0) return true;
  }
  path[0] = 0;
  snprintf(
      reason, TEXT,
      "%s is neither in %.200s nor in ../lib/lunette beside it: build it with \"cmake --build build --target %s\", "
      "or name it in %s",
      libraries[d].file, folder, libraries[d].target, libraries[d].variable);
  return false;
}

/* Loads the library and brings the device up; NULL and the reason if that fails. */
static const lun_device_backend *load(lun_context *c, lun_device d, char *path, char *reason) {
  if (!find(d, path, reason)) return NULL;
  /* It stays mapped when the context ends: CUDA's run-time library does not survive being unmapped. */
  void *library = c->loaded[d].library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) {
    snprintf(reason, TEXT, "%.400s", dlerror());
    return NULL;
  }
  void *symbol = dlsym(library, LUN_DEVICE_SYMBOL);
  lun_device_backend_fn get;
  memcpy(&get, &symbol, sizeof get);
  if (!get) {
    snprintf(reason, TEXT, "%.300s is no backend: it has no function %s", path, LUN_DEVICE_SYMBOL);
    return NULL;
  }
  const lun_device_backend *b = get();
  if (b->base.abi != LUN_DEVICE_ABI)
    snprintf(reason, TEXT,
             "%.300s speaks version %d of the interface to backends, this program version %d: build both from the "
             "same source",
             path, b->base.abi, LUN_DEVICE_ABI);
  else if (b->base.device != d)
    snprintf(reason, TEXT, "%.300s is a backend for another device", path);
  else if (b->open(c))
    snprintf(reason, TEXT, "%.500s", c->message);
  else
    return b;
  return NULL;
}

int lun_device_need(lun_context *c, lun_device d) {
  if (c->backend[d]) return LUN_OK;
  if (!c->loaded[d].tried) {
    c->loaded[d].tried = true;
    char path[TEXT] = "", reason[TEXT] = "";
    const lun_device_backend *b = load(c, d, path, reason);
    memcpy(c->loaded[d].path, path, TEXT);
    memcpy(c->loaded[d].reason, reason, TEXT);
    if (b) {
      luni_register_kernels(c, d, b->base.kernels);
      c->backend[d] = &b->base;
      c->loaded[d].backend = b;
      return LUN_OK;
    }
  }
  return lun_fail(c, LUN_EDEVICE, "device \"%s\" is not available: %s; use device = \"cpu\"", lun_device_name(d),
                  c->loaded[d].reason);
}

void lun_device_describe(lun_context *c, lun_device d, char *buf, size_t size) {
  buf[0] = 0;
  int st = lun_device_need(c, d);
  const char *path = c->loaded[d].path;
  int n = st ? snprintf(buf, size, "%s: absent: %s\n", lun_device_name(d), c->loaded[d].reason) : 0;
  if (path[0] && n >= 0 && (size_t)n < size) n += snprintf(buf + n, size - (size_t)n, "backend: %s\n", path);
  if (!st && d != LUN_CPU && n >= 0 && (size_t)n < size) c->loaded[d].backend->describe(c, buf + n, size - (size_t)n);
}

int lun_device_sync(lun_context *c, lun_device d) {
  return c->backend[d] && c->backend[d]->sync ? c->backend[d]->sync(c) : LUN_OK;
}

int64_t lun_device_cached(const lun_context *c, lun_device d) {
  return c->loaded[d].backend ? c->loaded[d].backend->cached(c) : 0;
}

void lun_device_flush(lun_context *c, lun_device d) {
  if (c->loaded[d].backend) c->loaded[d].backend->flush(c);
}

int luni_arrive(lun_storage *s) {
  LUN_TRY(s->ctx->loaded[s->device].backend->arrive(s->ctx, s->data));
  s->arriving = false;
  return LUN_OK;
}

/* The first failure, after every device was told. One that came up inside a step hears of the next. */
static int tell_steps(lun_context *c, bool begin) {
  int st = LUN_OK;
  for (int d = LUN_CPU + 1; d < LUN_NDEVICES; d++) {
    const lun_device_backend *b = c->loaded[d].backend;
    if (!b || !b->step_begin || (!begin && !c->loaded[d].steps)) continue;
    c->loaded[d].steps += begin ? 1 : -1;
    int one = begin ? b->step_begin(c) : b->step_end(c);
    if (!st) st = one;
  }
  return st;
}

int lun_device_step_begin(lun_context *c) { return tell_steps(c, true); }

int lun_device_step_end(lun_context *c) { return tell_steps(c, false); }

void lun_device_graphs(const lun_context *c, lun_device d, lun_graphs *out) {
  const lun_device_backend *b = c->loaded[d].backend;
  *out = (lun_graphs){0};
  if (b && b->graphs) b->graphs(c, out);
}

void **lun_device_slot(lun_context *c, lun_device d) { return &c->loaded[d].state; }

void luni_devices_close(lun_context *c) {
  for (int d = LUN_CPU + 1; d < LUN_NDEVICES; d++) {
    if (c->loaded[d].backend) c->loaded[d].backend->close(c);
    if (c->loaded[d].library) dlclose(c->loaded[d].library);
    c->backend[d] = NULL;
    c->loaded[d].library = NULL;
  }
}
