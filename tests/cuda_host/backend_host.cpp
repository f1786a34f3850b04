/* backend_host.cpp: liblunette_cuda_host.so, a device "cuda" that is this machine's own memory and processor: the
** program runs its scripts and recipes on it, slowly, with the kernels that a GPU would run. LUNETTE_CUDA_LIBRARY
** names it.
**
** Steps are recorded and run later as on a GPU, by the same device/graph.h over graphs_host.cpp.
** Its memory can be touched only while a kernel or a copy runs: whoever reads a tensor's elements on the host
** crashes. LUNETTE_CUDA_HOST_BYTES in the environment: how much memory the device has, 4 GB unless said. */
#include "cuda_host.h"
#include "device/device.h"
#include "device/graph.h"
#include "device/pool.h"
#include "gemm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <vector>

namespace {

/* Of whole large pages, where the system has them: to close and open 512 small ones in their place at every launch is most
** of what a script's run takes. */
constexpr size_t LARGE = 2 << 20;

struct segment {
  segment *next;
  void *p;
  size_t size;
};

/* Bytes on their way arrive when they must, not before. */
struct travelling {
  void *block;
  std::vector<char> bytes;
};

struct device {
  lun_context *context;
  lun_pool *pool;
  lun_cuda_graph *graph;
  int64_t total, mapped;
  long copies;
  std::vector<travelling> sent;
};

segment *segments; /* of all contexts: a launch does not say whose it is */
int opened;

void protect(int how) {
  for (segment *s = segments; s; s = s->next)
    if (mprotect(s->p, s->size, how)) abort();
}

void gate(bool open) {
  if (open && opened++ == 0) protect(PROT_READ | PROT_WRITE);
  if (!open && --opened == 0) protect(PROT_NONE);
}

/* `size` bytes, a multiple of LARGE, that begin at one. */
char *map(size_t size) {
  void *got = mmap(nullptr, size + LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (got == MAP_FAILED) return nullptr;
  char *all = static_cast<char *>(got);
  size_t before = (LARGE - reinterpret_cast<uintptr_t>(all) % LARGE) % LARGE;
  if (before) munmap(all, before);
  munmap(all + before + size, LARGE - before);
  madvise(all + before, size, MADV_HUGEPAGE); /* a wish: without, it is only slower */
  return all + before;
}

/* What was never written reads as NaN. */
bool get(void *self, int64_t bytes, void **out) {
  device *d = static_cast<device *>(self);
  if (bytes > d->total - d->mapped) return false;
  size_t size = ((size_t)bytes + LARGE - 1) / LARGE * LARGE;
  char *p = map(size);
  if (!p) return false;
  memset(p, 0xFF, size);
  if (!opened) mprotect(p, size, PROT_NONE);
  segments = new segment{segments, p, size};
  d->mapped += bytes;
  *out = p;
  return true;
}

void put(void *self, void *p, int64_t bytes) {
  device *d = static_cast<device *>(self);
  for (segment **s = &segments; *s; s = &(*s)->next)
    if ((*s)->p == p) {
      segment *gone = *s;
      *s = gone->next;
      munmap(gone->p, gone->size);
      delete gone;
      break;
    }
  d->mapped -= bytes;
}

device *of(const lun_context *c) {
  return static_cast<device *>(*lun_device_slot(const_cast<lun_context *>(c), LUN_CUDA));
}

/* Whose step it is: contexts take turns here. */
device *stepping;

void launching(void) {
  if (stepping) lun_cuda_graph_launching(stepping->context, stepping->graph);
}

/* What is recorded runs before its memory goes back. */
void drain(void *self) {
  device *d = static_cast<device *>(self);
  lun_cuda_graph_drain(d->context, d->graph, "memory is given back");
}

int open(lun_context *c) {
  const char *said = getenv("LUNETTE_CUDA_HOST_BYTES");
  device *d = new device{c, nullptr, nullptr, said ? atoll(said) : (int64_t)4 << 30, 0, 0, {}};
  d->pool = lun_pool_open({d, get, put, drain, false});
  d->graph = lun_cuda_graph_open(nullptr, nullptr);
  if (!d->pool || !d->graph) {
    lun_cuda_graph_close(d->graph);
    lun_pool_close(d->pool);
    delete d;
    return lun_fail(c, LUN_EMEM, "no memory for the emulated device");
  }
  lun_cuda_host.gate = gate;
  lun_cuda_host.launching = launching;
  *lun_device_slot(c, LUN_CUDA) = d;
  return LUN_OK;
}

void close(lun_context *c) {
  if (stepping == of(c)) stepping = nullptr;
  lun_cuda_graph_close(of(c)->graph);
  of(c)->graph = nullptr;
  lun_pool_close(of(c)->pool);
  delete of(c);
  cuda_watch_close();
}

int alloc(lun_context *c, int64_t bytes, void **out) {
  device *d = of(c);
  *out = lun_pool_alloc(d->pool, bytes);
  if (*out) return LUN_OK;
  lun_pool_state s = lun_pool_read(d->pool);
  return lun_fail(c, LUN_EMEM, "out of memory on cuda: %lld bytes wanted; the device has %lld, tensors hold %lld",
                  (long long)bytes, (long long)d->total, (long long)s.used);
}

void release(lun_context *c, void *p, int64_t) {
  std::vector<travelling> &sent = of(c)->sent;
  for (size_t i = 0; i < sent.size(); i++)
    if (sent[i].block == p) sent.erase(sent.begin() + (long)i);
  lun_pool_free(of(c)->pool, p);
}

int send(lun_context *c, const void *src, int64_t bytes, void **out) {
  LUN_TRY(alloc(c, bytes, out));
  const char *from = static_cast<const char *>(src);
  of(c)->sent.push_back({*out, std::vector<char>(from, from + bytes)});
  return LUN_OK;
}

int copy(lun_context *c, void *dst, lun_device to, const void *src, lun_device from, int64_t bytes) {
  if (to == from) {
    launching();
    auto run = [=] {
      gate(true);
      memmove(dst, src, (size_t)bytes);
      gate(false);
      return 0;
    };
    of(c)->copies++;
    return cuda_host_hold("copy", run) ? LUN_OK : run();
  }
  LUN_TRY(lun_cuda_graph_pause(c, of(c)->graph, to == LUN_CUDA ? "a copy to the device" : "a copy to the host"));
  gate(true);
  memmove(dst, src, (size_t)bytes);
  gate(false);
  of(c)->copies++;
  return LUN_OK;
}

int arrive(lun_context *c, const void *block) {
  std::vector<travelling> &sent = of(c)->sent;
  for (size_t i = 0; i < sent.size(); i++) {
    if (sent[i].block != block) continue;
    travelling t = std::move(sent[i]);
    sent.erase(sent.begin() + (long)i);
    return copy(c, t.block, LUN_CUDA, t.bytes.data(), LUN_CPU, (int64_t)t.bytes.size());
  }
  return LUN_OK;
}

int sync(lun_context *c) { return lun_cuda_graph_pause(c, of(c)->graph, "the host waits for the device"); }

int step_begin(lun_context *c) {
  stepping = of(c);
  return lun_cuda_graph_begin(c, of(c)->graph);
}

int step_end(lun_context *c) { return lun_cuda_graph_end(c, of(c)->graph); }

void graphs(const lun_context *c, lun_graphs *out) { lun_cuda_graph_read(of(c)->graph, out); }

int64_t cached(const lun_context *c) {
  lun_pool_state s = lun_pool_read(of(c)->pool);
  return s.held - s.used;
}

void flush(lun_context *c) { lun_pool_flush(of(c)->pool); }

void describe(lun_context *c, char *buf, size_t size) {
  snprintf(buf, size, "cuda: emulated on the host, for tests\ndevice memory: %.1f GB\n", (double)of(c)->total / 1e9);
}

const lun_device_backend backend = {
    {LUN_DEVICE_ABI, "emulated", LUN_CUDA, lun_cuda_kernels, alloc, release, copy, sync},
    open,
    close,
    cached,
    flush,
    lun_cuda_has_nan,
    describe,
    step_begin,
    step_end,
    graphs,
    send,
    arrive};

} // namespace

int lun_cuda_gemm_open(lun_call *c, const lun_cuda_product *p);

/* The caller's call is gone when a recorded product runs; of its copy, context and op are looked at. */
int lun_cuda_gemm(lun_call *call, const lun_cuda_product *product) {
  launching();
  auto run = [c = *call, p = *product]() mutable {
    gate(true);
    int st = lun_cuda_gemm_open(&c, &p);
    gate(false);
    return st;
  };
  return cuda_host_hold("product", run) ? LUN_OK : run();
}

extern "C" __attribute__((visibility("default"))) const lun_device_backend *lun_device_backend_get(void) {
  return &backend;
}
