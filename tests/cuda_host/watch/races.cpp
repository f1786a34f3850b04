/* races.cpp: finds two accesses to one byte, of two threads, at least one of them a write, that nothing orders. On a
** device they may happen in any order, or at the same time, whatever they did here. What orders two threads of a block:
** a barrier of the block; for lanes of a warp __syncwarp, with the lanes of its mask. Shuffles and votes order nothing
** ("do not imply a memory barrier", CUDA C++ Programming Guide), nor do blocks of a launch; atomics do not race with
** each other. The order in which the emulation happens to run threads has no part in it. */
#include "watch_state.h"

#include <algorithm>
#include <memory>
#include <stdio.h>
#include <unordered_map>
#include <vector>

namespace {

constexpr int LANES = 32, KEPT = 4;
constexpr uintptr_t LINE = 64;

/* An access, and when: after so many barriers of its block and so many meetings of its own lane. */
struct access {
  int64_t block;
  int thread;
  uint32_t barriers, meetings;
  touch how;
};

/* The last write to a byte and some of what was done since: reads, and atomics before a last one. More than KEPT of them
** push out older ones: a race is found all the same unless it is with none but those. */
struct cell {
  uint64_t launch; /* an earlier one: the rest says nothing */
  int reads, next;
  bool written;
  access write, read[KEPT];
};

struct line {
  cell bytes[LINE];
};

std::unordered_map<uintptr_t, std::unique_ptr<line>> lines;
uintptr_t last_key;
line *last_line;

/* How many meetings of lane l's does this lane come after? Index: thread * LANES + l. */
std::vector<uint32_t> after;
std::vector<uint32_t> meetings; /* of each thread */
uint32_t barriers;
char found[300];

bool ordered(const access &a) {
  if (a.block != cuda_watch.block) return false;
  int me = cuda_watch.thread;
  if (a.thread == me || a.barriers < barriers) return true;
  return a.thread / LANES == me / LANES && a.meetings < after[(size_t)(me * LANES + a.thread % LANES)];
}

const char *name(touch how) { return how == touch::read ? "reads" : how == touch::write ? "writes" : "changes"; }

void check(const access &a, uintptr_t p, touch how) {
  if (found[0] || (a.how == touch::read && how == touch::read) || (a.how == touch::atomic && how == touch::atomic))
    return;
  if (ordered(a)) return;
  snprintf(found, sizeof found,
           "a race: thread %d of block %lld %s what thread %d of block %lld %s, at %p, and nothing orders the two",
           cuda_watch.thread, static_cast<long long>(cuda_watch.block), name(how), a.thread,
           static_cast<long long>(a.block), name(a.how), reinterpret_cast<void *>(p));
}

line *line_of(uintptr_t key) {
  if (last_line && last_key == key) return last_line;
  std::unique_ptr<line> &l = lines[key];
  if (!l) l.reset(new line());
  last_key = key;
  return last_line = l.get();
}

/* In the place of one of the same thread, or of the same warp where there are two of it already, or of each in turn. */
void keep(cell &c, const access &a) {
  int of_warp = 0, at = -1;
  for (int i = 0; i < c.reads; i++) {
    if (c.read[i].block != a.block || c.read[i].thread / LANES != a.thread / LANES) continue;
    at = i;
    if (c.read[i].thread == a.thread || ++of_warp > 1) break;
    at = -1;
  }
  if (at < 0 && c.reads < KEPT) at = c.reads++;
  if (at < 0) {
    at = c.next;
    c.next = (c.next + 1) % KEPT;
  }
  c.read[at] = a;
}

} // namespace

void cuda_races_launch(void) {
  found[0] = 0;
  /* Memory of launches long ago is not needed; a launch's own is never dropped. */
  if (lines.size() > 4096) {
    lines.clear();
    last_line = nullptr;
  }
}

/* Shared memory is new for each block, perhaps where another block's was. */
void cuda_races_block(int threads, uintptr_t shared, size_t size) {
  for (uintptr_t p = shared; p < shared + size; p++) line_of(p / LINE)->bytes[p % LINE].launch = 0;
  after.assign((size_t)threads * LANES, 0);
  meetings.assign((size_t)threads, 0);
  barriers = 0;
}

void cuda_races_barrier(void) { barriers++; }

void cuda_races_meet(int warp, unsigned lanes) {
  uint32_t together[LANES] = {0};
  size_t first = (size_t)warp * LANES;
  for (size_t l = 0; l < LANES; l++)
    if (lanes >> l & 1) {
      meetings[first + l]++;
      for (size_t k = 0; k < LANES; k++) together[k] = std::max(together[k], after[(first + l) * LANES + k]);
    }
  for (size_t l = 0; l < LANES; l++)
    if (lanes >> l & 1) together[l] = meetings[first + l];
  for (size_t l = 0; l < LANES; l++)
    if (lanes >> l & 1) std::copy(together, together + LANES, &after[(first + l) * LANES]);
}

void cuda_races_access(uintptr_t p, size_t size, touch how) {
  access now = {cuda_watch.block, cuda_watch.thread, barriers, meetings[(size_t)cuda_watch.thread], how};
  for (; size; p++, size--) {
    cell &c = line_of(p / LINE)->bytes[p % LINE];
    if (c.launch != cuda_watch.launch) {
      c.launch = cuda_watch.launch;
      c.reads = c.next = 0;
      c.written = false;
    }
    if (c.written) check(c.write, p, how);
    for (int i = 0; i < c.reads; i++) check(c.read[i], p, how);
    if (how == touch::read) {
      keep(c, now);
      continue;
    }
    if (how == touch::write) c.reads = c.next = 0; /* what raced with them has been said */
    if (how == touch::atomic && c.written) keep(c, c.write);
    c.written = true;
    c.write = now;
  }
}

const char *cuda_races_found(void) { return found[0] ? found : nullptr; }
