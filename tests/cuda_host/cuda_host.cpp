/* cuda_host.cpp: runs the threads of a block as coroutines; see cuda_host.h. A thread that ends without having
** waited hands its stack to the next one, so kernels without barriers run as plain loops. */
#include "cuda_host.h"
#include "streams_host.h"

#include <memory>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <vector>

dim3 threadIdx, blockIdx, blockDim, gridDim;
lun_cuda_host_state lun_cuda_host;

namespace {

enum class at { fresh, ready, barrier, warp, done };
constexpr size_t STACK = 64 << 10;
constexpr int MOST = 1024;                  /* threads of a block, as on the devices */
constexpr int SURE = 65536 / 255 / 32 * 32; /* of a kernel that takes all the registers a thread may have */

struct lane_of_warp {
  unsigned mask;
  uint64_t value;
  bool fence; /* orders memory */
};

/* A flow of control that waits: where it has not begun, `start`; else where `rest` says. */
struct flow {
  ucontext_t start;
  bool begun;
  void *rest[5];
};

struct thread {
  flow at_work;
  std::unique_ptr<char[]> stack;
  const char *on; /* the stack it runs on, perhaps of another that had ended */
  dim3 index;
  at where;
  lane_of_warp meets;
};

std::vector<thread> threads(MOST);
flow scheduler;
thread *running;
int running_number, alive;
int count, begun; /* threads of the block; how many of them, in their order, have begun */
const std::function<void()> *body_of_kernel;
std::unique_ptr<char[]> shared_bytes;

int in_order(int i) { return lun_cuda_host.reversed ? count - 1 - i : i; }

void become(int number) {
  running = &threads[(size_t)number];
  running_number = number;
  threadIdx = running->index;
  cuda_watch_thread(number, running->on, STACK);
  cuda_watch_inside(running->where != at::fresh);
}

__attribute__((noinline, no_sanitize_address)) void leave_for(flow *to) {
  if (to->begun) __builtin_longjmp(to->rest, 1);
  setcontext(&to->start);
}

/* Goes on with `to`; returns when somebody goes on with `from`. Not by swapcontext, which sets the signal mask by two system
** calls, and under AddressSanitizer forgets what it knew of the whole stack: a kernel of many barriers took most of its time
** there. Not instrumented, for a jump that does not return would have AddressSanitizer look for a thread's own stack. */
__attribute__((noinline, no_sanitize_address)) void go_on(flow *from, flow *to) {
  from->begun = true; /* perhaps on the stack of another that had ended */
  if (!__builtin_setjmp(from->rest)) leave_for(to);
}

void enter() {
  for (;;) {
    (*body_of_kernel)();
    running->where = at::done;
    alive--;
    if (begun == count) break;
    int next = in_order(begun++);
    threads[(size_t)next].on = running->on;
    become(next);
  }
  go_on(&running->at_work, &scheduler);
}

void wait_at(at where) {
  running->where = where;
  go_on(&running->at_work, &scheduler);
}

bool fault(const char *kernel, const char *text, int number) {
  snprintf(lun_cuda_host.fault, sizeof lun_cuda_host.fault, "%s: %s (block %u,%u,%u, thread %d)", kernel, text,
           blockIdx.x, blockIdx.y, blockIdx.z, number);
  return false;
}

void prepare(thread &t, int number) {
  t.index.x = (unsigned)number % blockDim.x;
  t.index.y = (unsigned)number / blockDim.x % blockDim.y;
  t.index.z = (unsigned)number / blockDim.x / blockDim.y;
  t.where = at::fresh;
}

void begin(int number) {
  thread &t = threads[(size_t)number];
  if (!t.stack) t.stack.reset(new char[STACK]);
  ASAN_UNPOISON_MEMORY_REGION(t.stack.get(), STACK); /* marks that its last user left there */
  t.on = t.stack.get();
  ucontext_t *start = &t.at_work.start;
  t.at_work.begun = false;
  getcontext(start);
  start->uc_stack.ss_sp = t.stack.get();
  start->uc_stack.ss_size = STACK;
  start->uc_link = nullptr;
  makecontext(start, enter, 0);
}

void resume(int number) {
  become(number);
  go_on(&scheduler, &running->at_work);
}

/* Lanes of the warp at w that meet go on when each lane of their mask is there. False: they never will. */
bool release_warp(const char *kernel, int w, int n, bool *any) {
  for (int l = 0; l < 32 && w + l < n; l++) {
    thread &t = threads[(size_t)(w + l)];
    if (t.where != at::warp) continue;
    unsigned mask = t.meets.mask, there = 0;
    for (int k = 0; k < 32 && w + k < n; k++) {
      thread &o = threads[(size_t)(w + k)];
      if (o.where == at::warp && o.meets.mask == mask) there |= 1u << k;
    }
    /* A mask may name lanes beyond the end of the block's last warp. */
    unsigned exist = n - w >= 32 ? 0xffffffffu : (1u << (n - w)) - 1;
    if (!(mask >> l & 1)) return fault(kernel, "a lane calls a warp function whose mask leaves it out", w + l);
    if (there != (mask & exist)) continue;
    if (t.meets.fence) cuda_watch_meet(w / 32, there);
    for (int k = 0; k < 32 && w + k < n; k++)
      if (there >> k & 1) threads[(size_t)(w + k)].where = at::ready;
    *any = true;
  }
  return true;
}

bool run_block(const char *kernel, int n) {
  for (int i = 0; i < n; i++) prepare(threads[(size_t)i], i);
  count = n;
  begun = 0;
  int warps = (n + 31) / 32;
  for (alive = n; alive;) {
    /* A warp goes on to the next barrier before another one begins: shuffles hold up no other warp. */
    for (int k = 0; k < warps; k++) {
      int w = (lun_cuda_host.reversed ? warps - 1 - k : k) * 32, end = w + 32 < n ? w + 32 : n;
      for (bool any = true; any;) {
        for (int i = w; i < end; i++) {
          int number = lun_cuda_host.reversed ? w + end - 1 - i : i;
          at where = threads[(size_t)number].where;
          if (where == at::fresh) {
            begun = (lun_cuda_host.reversed ? n - 1 - number : number) + 1;
            begin(number);
          } else if (where != at::ready)
            continue;
          resume(number);
        }
        any = false;
        if (!release_warp(kernel, w, n, &any)) return false;
      }
    }
    if (!alive) break;
    for (int i = 0; i < n; i++) {
      if (threads[(size_t)i].where == at::warp) return fault(kernel, "waits for lanes of its warp that do not come", i);
      if (threads[(size_t)i].where == at::done) return fault(kernel, "has ended while others wait at a barrier", i);
    }
    for (int i = 0; i < n; i++) threads[(size_t)i].where = at::ready;
    cuda_watch_barrier();
  }
  return true;
}

} // namespace

static int run(const lun_op *op, const char *kernel, dim3 grid, dim3 block, size_t shared,
               const std::function<void()> &body) {
  lun_cuda_host.fault[0] = 0;
  int64_t n = (int64_t)block.x * block.y * block.z, blocks = (int64_t)grid.x * grid.y * grid.z;
  gridDim = grid;
  blockDim = block;
  body_of_kernel = &body;
  lun_cuda_host.launches++;
  if (lun_cuda_host.fail_kernel && --lun_cuda_host.fail_kernel == 0) {
    fault(kernel, "goes wrong, as the test wants it", 0);
    return 1;
  }
  if (lun_cuda_host.gate) lun_cuda_host.gate(true);
  cuda_watch_launch(op ? lun_op_name(op) : "", kernel);
  bool good = true;
  for (int64_t b = 0; b < blocks && good; b++) {
    int64_t number = lun_cuda_host.reversed ? blocks - 1 - b : b;
    blockIdx =
        dim3((unsigned)(number % grid.x), (unsigned)(number / grid.x % grid.y), (unsigned)(number / grid.x / grid.y));
    shared_bytes.reset(new char[shared]);
    memset(shared_bytes.get(), 0xFF, shared);
    cuda_watch_block(number, (int)n, shared_bytes.get(), shared);
    good = run_block(kernel, (int)n);
    shared_bytes.reset();
  }
  const char *race = cuda_watch_end();
  if (race && good) {
    snprintf(lun_cuda_host.fault, sizeof lun_cuda_host.fault, "%s: %s", kernel, race);
    good = false;
  }
  if (lun_cuda_host.gate) lun_cuda_host.gate(false);
  return good ? 0 : 1;
}

/* See __launch_bounds__, of which ours is for 1024 threads. x86 instructions; code may begin with the mark of a function that may
** be jumped to. */
static bool has_bounds(const char *code) {
  if (!memcmp(code, "\xF3\x0F\x1E\xFA", 4)) code += 4;
  return !memcmp(code, "\x90\x90\x90\x90\x90\x90\x90\x90", 8);
}

int cuda_host_launch(lun_call *call, const cuda_host_kernel &kernel, dim3 grid, dim3 block, size_t shared,
                     const std::function<void()> &body) {
  int64_t n = (int64_t)block.x * block.y * block.z, blocks = (int64_t)grid.x * grid.y * grid.z;
  cudaStream_t s = lun_cuda_host.stream ? lun_cuda_host.stream(call->ctx) : nullptr;
  const char *wrong = nullptr;
  if (n < 1 || n > MOST || blocks < 1 || grid.y > 65535 || grid.z > 65535 || shared > (48 << 10))
    wrong = "no such grid, block or shared memory on a device";
  else if (n > SURE && !has_bounds(kernel.code))
    wrong = "a device may have too few registers for so many threads: it has no LUN_WIDE";
  if (wrong) return lun_bad(call, LUN_EDEVICE, "kernel %s: %s", kernel.name, wrong);
  auto later = [=, op = call->op, name = kernel.name] { return run(op, name, grid, block, shared, body); };
  if (!cuda_host_hold(kernel.name, later) && cuda_host_queue(s, later))
    return lun_bad(call, LUN_EDEVICE, "kernel %s: %s", kernel.name, lun_cuda_host.fault);
  return lun_cuda_host.launched ? lun_cuda_host.launched(call, kernel.name, grid, block, shared) : LUN_OK;
}

void *cuda_host_shared(void) { return shared_bytes.get(); }
void __syncthreads(void) { wait_at(at::barrier); }
int cuda_host_lane(void) { return running_number % 32; }

/* Returns when all lanes of the mask are there. */
static void meet(unsigned mask, bool fence) {
  running->meets.mask = mask;
  running->meets.fence = fence;
  wait_at(at::warp);
}

void __syncwarp(unsigned mask) { meet(mask, true); }

/* They meet twice: nobody gives a next value before all have taken this one. */
uint64_t cuda_host_exchange(unsigned mask, uint64_t value, int from) {
  int warp = running_number / 32 * 32;
  running->meets.value = value;
  meet(mask, false);
  uint64_t got = threads[(size_t)(warp + from)].meets.value;
  meet(mask, false);
  return got;
}

unsigned __ballot_sync(unsigned mask, int predicate) {
  int warp = running_number / 32 * 32;
  unsigned bits = 0;
  running->meets.value = predicate != 0;
  meet(mask, false);
  for (int k = 0; k < 32; k++)
    if (mask >> k & 1 && threads[(size_t)(warp + k)].meets.value) bits |= 1u << k;
  meet(mask, false);
  return bits;
}
