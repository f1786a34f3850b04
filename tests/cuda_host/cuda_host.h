/* cuda_host.h: what a .cu file needs to be compiled for the host: enough of CUDA's built-in variables and functions
** that our kernels run unchanged, one thread after the other, where tests can look at them.
**
** Every CUDA thread is a coroutine with a stack of its own. One runs until it ends or reaches a barrier or a warp
** function; then the next one does, in ascending or descending order (lun_cuda_host.reversed). So what depends on the
** order of threads differs between the two orders, and a barrier that some threads never reach is found at once.
** Shared memory is a block of the heap of exactly the size that was asked for, new for every block of threads and
** filled with 0xFF (NaN): AddressSanitizer sees accesses beside it, results show what was read before it was written.
*/
#ifndef CUDA_HOST_H
#define CUDA_HOST_H

#include "cuda_host_state.h"
#include "watch/watch.h"

#include <functional>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <string>
#include <tuple>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
/* Eight instructions that do nothing, where a kernel with bounds begins: a launch is seen to be of one. */
#define __launch_bounds__(...) __attribute__((patchable_function_entry(8)))

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

extern dim3 threadIdx, blockIdx, blockDim, gridDim;
enum { warpSize = 32 };

struct cuda_host_kernel {
  const char *name;
  const char *code; /* where its instructions begin */
};

/* Runs `body` for every thread of the grid; later where the call's context has a stream, or its stream records. A status. */
int cuda_host_launch(lun_call *call, const cuda_host_kernel &kernel, dim3 grid, dim3 block, size_t shared,
                     const std::function<void()> &body);

/* The call of a kernel with the arguments as they are now: its launcher may be gone when it runs. */
template <class... P, class... A> std::function<void()> cuda_host_bind(void (*kernel)(P...), const A &...arguments) {
  std::tuple<std::decay_t<P>...> kept(static_cast<std::decay_t<P>>(arguments)...);
  return [kernel, kept] {
    void (*call)(P...) = kernel;
    std::tuple<std::decay_t<P>...> own = kept; /* a device has its arguments in no memory that is counted */
    cuda_watch_inside(true);
    std::apply(call, own);
    cuda_watch_inside(false);
  };
}
template <class... P> const char *cuda_host_code(void (*kernel)(P...)) {
  return reinterpret_cast<const char *>(kernel);
}
void *cuda_host_shared(void);

void __syncthreads(void);
void __syncwarp(unsigned mask = 0xffffffffu);

/* All lanes of `mask` meet; each gives a value and gets the one of lane `from`. */
uint64_t cuda_host_exchange(unsigned mask, uint64_t value, int from);
/* Bit l: whether lane l of `mask` gave true. */
unsigned __ballot_sync(unsigned mask, int predicate);

template <class T> T cuda_host_shuffle(unsigned mask, T v, int from) {
  static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
  uint64_t bits = 0;
  memcpy(&bits, &v, sizeof v);
  bits = cuda_host_exchange(mask, bits, from);
  memcpy(&v, &bits, sizeof v);
  return v;
}
int cuda_host_lane(void);
template <class T> T __shfl_sync(unsigned mask, T v, int lane) { return cuda_host_shuffle(mask, v, lane & 31); }
template <class T> T __shfl_xor_sync(unsigned mask, T v, int with) {
  return cuda_host_shuffle(mask, v, cuda_host_lane() ^ with);
}
template <class T> T __shfl_down_sync(unsigned mask, T v, unsigned by) {
  int from = cuda_host_lane() + (int)by;
  return cuda_host_shuffle(mask, v, from < 32 ? from : cuda_host_lane());
}
template <class T> T __shfl_up_sync(unsigned mask, T v, unsigned by) {
  int from = cuda_host_lane() - (int)by;
  return cuda_host_shuffle(mask, v, from >= 0 ? from : cuda_host_lane());
}
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __any_sync(unsigned mask, int p) { return __ballot_sync(mask, p) != 0; }
inline int __all_sync(unsigned mask, int p) { return __ballot_sync(mask, p) == mask; }

/* Threads do not run at the same time here, so reading, changing and writing back is atomic. */
template <class T, class F> __attribute__((noinline, no_sanitize("thread"))) T cuda_host_change(T *p, F to) {
  cuda_watch_atomic(p, sizeof *p);
  T was = *p;
  *p = to(was);
  return was;
}
template <class T> T atomicAdd(T *p, T v) {
  return cuda_host_change(p, [v](T was) { return (T)(was + v); });
}
template <class T> T atomicMax(T *p, T v) {
  return cuda_host_change(p, [v](T was) { return v > was ? v : was; });
}
template <class T> T atomicMin(T *p, T v) {
  return cuda_host_change(p, [v](T was) { return v < was ? v : was; });
}
template <class T> T atomicExch(T *p, T v) {
  return cuda_host_change(p, [v](T) { return v; });
}
template <class T> T atomicCAS(T *p, T expected, T v) {
  return cuda_host_change(p, [expected, v](T was) { return was == expected ? v : was; });
}

/* Dynamic shared memory of the running block as an array of `type`. */
#define LUN_SHARED(type, name) type *name = static_cast<type *>(cuda_host_shared())

#define LUN_LAUNCH(call, kernel, blocks, threads, shared, ...)                                                         \
  cuda_host_launch(call, {#kernel, cuda_host_code(kernel)}, dim3(blocks), dim3(threads), shared,                       \
                   cuda_host_bind(kernel, __VA_ARGS__))

#endif
