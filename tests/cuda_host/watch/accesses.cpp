/* accesses.cpp: the functions that ThreadSanitizer's marks call, in a kernel and in what starts it. */
#include "cuda_host.h"
#include "watch_state.h"

cuda_watch_state cuda_watch;

namespace {

bool inside; /* a thread of a block runs */
uintptr_t stack_from, stack_to;

bool in(uintptr_t p, const void *from, size_t size) { return p - reinterpret_cast<uintptr_t>(from) < size; }

/* A thread's stack is what a device keeps in registers, and its indices are no memory there. */
void seen(const void *at, size_t size, touch how, const void *code) {
  uintptr_t p = reinterpret_cast<uintptr_t>(at);
  if (!inside || (p >= stack_from && p < stack_to)) return;
  if (in(p, &threadIdx, sizeof(dim3)) || in(p, &blockIdx, sizeof(dim3)) || in(p, &blockDim, sizeof(dim3)) ||
      in(p, &gridDim, sizeof(dim3)))
    return;
  cuda_races_access(p, size, how);
  cuda_traffic_access(p, size, how, code);
}

} // namespace

#define CALLER __builtin_return_address(0)

void cuda_watch_launch(const char *op, const char *kernel) {
  cuda_watch.op = op;
  cuda_watch.kernel = kernel;
  cuda_watch.launch++;
  cuda_races_launch();
  cuda_traffic_launch();
}

void cuda_watch_block(int64_t number, int threads, const void *shared, size_t size) {
  cuda_watch.block = number;
  cuda_races_block(threads, reinterpret_cast<uintptr_t>(shared), size);
  cuda_traffic_block(threads, reinterpret_cast<uintptr_t>(shared), size);
}

void cuda_watch_thread(int number, const char *stack, size_t size) {
  cuda_watch.thread = number;
  stack_from = reinterpret_cast<uintptr_t>(stack);
  stack_to = stack_from + size;
}

void cuda_watch_inside(bool is) { inside = is; }
void cuda_watch_barrier(void) { cuda_races_barrier(); }
void cuda_watch_meet(int warp, unsigned lanes) { cuda_races_meet(warp, lanes); }
void cuda_watch_atomic(const void *p, size_t size) { seen(p, size, touch::atomic, CALLER); }

const char *cuda_watch_end(void) {
  inside = false;
  cuda_traffic_end();
  return cuda_races_found();
}

#define MARKS(n)                                                                                                       \
  void __tsan_read##n(void *p) { seen(p, n, touch::read, CALLER); }                                                    \
  void __tsan_write##n(void *p) { seen(p, n, touch::write, CALLER); }                                                  \
  void __tsan_unaligned_read##n(void *p) { seen(p, n, touch::read, CALLER); }                                          \
  void __tsan_unaligned_write##n(void *p) { seen(p, n, touch::write, CALLER); }
extern "C" {
MARKS(1)
MARKS(2)
MARKS(4)
MARKS(8)
MARKS(16)
void __tsan_read_range(void *p, size_t size) { seen(p, size, touch::read, CALLER); }
void __tsan_write_range(void *p, size_t size) { seen(p, size, touch::write, CALLER); }
void __tsan_init(void) {}
}
