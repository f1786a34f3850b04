/* memory_host.cpp: memory of a device on the host. It can be touched only while the device works, between lun_cuda_host.gate's
** calls: whoever reads a tensor's elements on the host crashes. What was never written reads as NaN.
** LUNETTE_CUDA_HOST_BYTES in the environment: how much there is, 4 GB unless said. */
#include "cuda_host.h"
#include "streams_host.h"

#include <cuda_runtime_api.h>

#include <map>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

namespace {

/* Of whole large pages, where the system has them: to close and open 512 small ones in their place at every launch is most
** of what a script's run takes. */
constexpr size_t LARGE = 2 << 20;

struct segment {
  size_t bytes, mapped; /* asked for; in whole pages */
};
std::map<void *, segment> segments;
size_t given, all_there_is, most;
int opened;

void protect(int how) {
  for (auto &s : segments)
    if (mprotect(s.first, s.second.mapped, how)) abort();
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

struct opening {
  opening() {
    const char *said = getenv("LUNETTE_CUDA_HOST_BYTES");
    most = all_there_is = said ? (size_t)atoll(said) : (size_t)4 << 30;
    lun_cuda_host.gate = gate;
  }
} at_load;

} // namespace

void lun_cuda_host_memory(int64_t bytes) { most = bytes ? (size_t)bytes : all_there_is; }

cudaError_t cudaMalloc(void **out, size_t bytes) {
  *out = nullptr;
  if (cuda_host_refuse(cudaErrorMemoryAllocation)) return cudaErrorMemoryAllocation;
  if (cuda_host_broken()) return cuda_host_error(cudaErrorLaunchFailure);
  if (bytes > most - given) return cuda_host_error(cudaErrorMemoryAllocation);
  segment s = {bytes, (bytes + LARGE - 1) / LARGE * LARGE};
  *out = map(s.mapped);
  if (!*out) return cuda_host_error(cudaErrorMemoryAllocation);
  memset(*out, 0xFF, s.mapped);
  if (!opened) mprotect(*out, s.mapped, PROT_NONE);
  segments[*out] = s;
  given += bytes;
  cuda_host_count(1);
  return cudaSuccess;
}

cudaError_t cudaFree(void *p) {
  auto s = segments.find(p);
  if (s == segments.end()) return cudaSuccess;
  given -= s->second.bytes;
  munmap(p, s->second.mapped);
  segments.erase(s);
  cuda_host_count(-1);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total) {
  *free_bytes = most - given;
  *total = most;
  return cudaSuccess;
}
