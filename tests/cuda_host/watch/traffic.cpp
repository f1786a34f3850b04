/* traffic.cpp: what a device's memory has to move for a kernel. Its warps' loads and stores touch sectors of 32 bytes, and a
** sector is moved whole: where the lanes of a warp use all of what they touch, `used` is 1; where each uses four bytes of a
** sector of its own, an eighth. Shared memory has 32 banks of four bytes: lanes that want different words of one bank wait
** for each other, `passes` times.
**
** What one instruction does for the lanes of a warp is taken together: a lane's n-th time there with the others' n-th. Lanes
** that left a loop earlier do so here, and what the compiler of a device would unroll or keep in a register is counted as the
** host's left it. `each` is the bytes an instruction moves for a warp, 512 at most.
** Caches are not modelled: `again` says how often a sector was touched, of which they may serve all but one.
*/
#include "watch_state.h"

#include <algorithm>
#include <map>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace {

constexpr uintptr_t SECTOR = 32, WORD = 4;
constexpr int LANES = 32, BANKS = 32;

/* One instruction's accesses for one warp. */
struct request {
  bool shared, write;
  std::vector<uintptr_t> bytes; /* touched, perhaps by several lanes */
  uint64_t lane_bytes;
};

struct place {
  const void *code;
  int warp;
  uint32_t time;
  bool operator==(const place &o) const { return code == o.code && warp == o.warp && time == o.time; }
};
struct hash_of_place {
  size_t operator()(const place &p) const {
    return reinterpret_cast<uintptr_t>(p.code) * 0x9E3779B97F4A7C15u ^ (size_t)p.warp << 40 ^
           p.time * 0xC2B2AE3D27D4EB4Fu;
  }
};

/* How often each thread of the block was at an instruction. */
std::vector<std::unordered_map<const void *, uint32_t>> times;
std::unordered_map<place, request, hash_of_place> requests;
std::unordered_set<uintptr_t> touched[2]; /* sectors of the launch: read, written */
std::map<std::pair<std::string, std::string>, cuda_traffic> totals;
uintptr_t shared_from, shared_to;

cuda_traffic &total() { return totals[{cuda_watch.op, cuda_watch.kernel}]; }

/* The different ones of v / by, in their order. */
std::vector<uintptr_t> distinct(const std::vector<uintptr_t> &v, uintptr_t by) {
  std::vector<uintptr_t> of;
  for (uintptr_t p : v) of.push_back(p / by);
  std::sort(of.begin(), of.end());
  of.erase(std::unique(of.begin(), of.end()), of.end());
  return of;
}

void add_shared(cuda_traffic &t, const request &r) {
  std::vector<uintptr_t> words = distinct(r.bytes, WORD);
  size_t n = words.size(), of_bank[BANKS] = {0}, most = 0;
  for (uintptr_t w : words) most = std::max(most, ++of_bank[w % BANKS]);
  t.shared_requests++;
  t.passes += (int64_t)most;
  t.least_passes += (int64_t)((n + BANKS - 1) / BANKS);
}

void add_global(cuda_traffic &t, const request &r) {
  std::vector<uintptr_t> sectors = distinct(r.bytes, SECTOR);
  touched[r.write].insert(sectors.begin(), sectors.end());
  cuda_traffic_way &way = r.write ? t.stores : t.loads;
  way.requests++;
  way.sectors += (int64_t)sectors.size();
  way.bytes += (int64_t)distinct(r.bytes, 1).size();
}

void end_block(void) {
  for (auto &r : requests) r.second.shared ? add_shared(total(), r.second) : add_global(total(), r.second);
  requests.clear();
}

} // namespace

void cuda_traffic_launch(void) { total().launches++; }

void cuda_traffic_block(int threads, uintptr_t shared, size_t size) {
  end_block();
  times.assign((size_t)threads, {});
  shared_from = shared;
  shared_to = shared + size;
}

void cuda_traffic_access(uintptr_t p, size_t size, touch how, const void *code) {
  place at = {code, cuda_watch.thread / LANES, times[(size_t)cuda_watch.thread][code]++};
  request &r = requests[at];
  r.shared = p >= shared_from && p < shared_to;
  r.write = how != touch::read;
  for (size_t i = 0; i < size; i++) r.bytes.push_back(p + i);
}

void cuda_traffic_end(void) {
  end_block();
  cuda_traffic &t = total();
  t.loads.distinct += (int64_t)touched[0].size();
  t.stores.distinct += (int64_t)touched[1].size();
  for (auto &s : touched) s.clear();
}

bool cuda_traffic_of(const char *kernel, cuda_traffic *out) {
  for (auto &t : totals)
    if (t.first.second == kernel) {
      *out = t.second;
      return true;
    }
  return false;
}

static void print_way(FILE *f, const cuda_traffic_way &w) {
  if (w.requests)
    fprintf(f, " %9.0f %6.2f %6.1f %5.0f |", (double)w.distinct * SECTOR / 1e3,
            (double)w.bytes / (double)(w.sectors * (int64_t)SECTOR), (double)w.sectors / (double)w.distinct,
            (double)w.bytes / (double)w.requests);
  else
    fprintf(f, " %9s %6s %6s %5s |", "", "", "", "");
}

void cuda_traffic_print(FILE *f) {
  fprintf(f, "%-28s %-44s %6s | %9s %6s %6s %5s | %9s %6s %6s %5s | %s\n", "op", "kernel", "runs", "read kB", "used",
          "again", "each", "write kB", "used", "again", "each", "passes");
  for (auto &t : totals) {
    const cuda_traffic &c = t.second;
    fprintf(f, "%-28s %-44s %6lld |", t.first.first.c_str(), t.first.second.c_str(), (long long)c.launches);
    print_way(f, c.loads);
    print_way(f, c.stores);
    if (c.shared_requests) fprintf(f, " %5.2f", (double)c.passes / (double)c.least_passes);
    fprintf(f, "\n");
  }
}

/* LUNETTE_CUDA_TRAFFIC in the environment: the file for what was counted. */
static struct at_exit {
  ~at_exit() {
    const char *path = getenv("LUNETTE_CUDA_TRAFFIC");
    FILE *f = path ? fopen(path, "w") : nullptr;
    if (f) cuda_traffic_print(f), fclose(f);
  }
} at_exit;
