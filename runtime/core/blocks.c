/* blocks.c: large host blocks from one range of addresses, whose freed pages are handed out again.
**
** A training step asks for the same sizes again and again; giving pages back each time would fault them in anew, page
** by page, which costs more than the arithmetic on them. So freed ranges stay resident, neighbours are joined, and a
** request takes the smallest range that holds it. What is resident never exceeds the largest amount that was in use at
** once plus a little: beyond that the largest free ranges give their pages back first. So the process stays near its
** true peak.
*/
#include "core.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HUGE = 2 << 20, SLACK = 64 << 20, UNIT = 4096 };

/* A free range. Pages of [dirty, dirty_end) may be resident, those outside are not. */
typedef struct range {
  struct range *next; /* by address */
  char *start, *end, *dirty, *dirty_end;
} range;

struct luni_blocks {
  pthread_mutex_t lock;
  char *base;
  int64_t reserved; /* bytes of addresses; 0 before the first block */
  int64_t memory; /* bytes of the machine: more than it has is refused, not left to the system's out-of-memory killer */
  range *free;
  int64_t used, peak, resident; /* bytes: in use; most in use; free but perhaps resident */
};

int luni_blocks_open(lun_context *c) {
  c->blocks_kept = calloc(1, sizeof *c->blocks_kept);
  if (!c->blocks_kept) return LUN_EMEM;
  pthread_mutex_init(&c->blocks_kept->lock, NULL);
  return LUN_OK;
}

static int64_t rounded(int64_t bytes) { return (bytes + UNIT - 1) / UNIT * UNIT; }

/* Addresses cost nothing until they are touched, so twice the memory is reserved: ranges may then be cut up as much as
** they like. Where addresses are limited (ulimit -v), or the system refuses, less. Returns false where nothing is left.
*/
static bool reserve(struct luni_blocks *k) {
  struct rlimit limit;
  k->memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  int64_t size = 2 * k->memory;
  if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY && (int64_t)limit.rlim_cur / 2 < size)
    size = (int64_t)limit.rlim_cur / 2;
  size = size / UNIT * UNIT;
  range *all = malloc(sizeof *all);
  if (!all) return false;
  char *p;
  while ((p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) ==
         MAP_FAILED) {
    size = size / 2 / UNIT * UNIT;
    if (size < HUGE) {
      free(all);
      return false;
    }
  }
  char *start = p + (HUGE - ((uintptr_t)p & (HUGE - 1))) % HUGE;
  madvise(start, (size_t)(p + size - start), MADV_HUGEPAGE); /* a fault then brings 2 MB instead of 4 KB */
  *all = (range){.start = start, .end = p + size, .dirty = start, .dirty_end = start};
  k->base = p;
  k->reserved = size;
  k->free = all;
  return true;
}

static void clean(struct luni_blocks *k, range *r) {
  madvise(r->dirty, (size_t)(r->dirty_end - r->dirty), MADV_DONTNEED);
  k->resident -= r->dirty_end - r->dirty;
  r->dirty = r->dirty_end = r->start;
}

/* Gives pages back until at most `bound` bytes are resident, the largest free ranges first. */
static void trim(struct luni_blocks *k, int64_t bound) {
  while (k->resident > 0 && k->used + k->resident > bound) {
    range *most = k->free;
    for (range *r = k->free; r; r = r->next)
      if (r->dirty_end - r->dirty > most->dirty_end - most->dirty) most = r;
    clean(k, most);
  }
}

/* Takes the front of the range that *link holds. */
static char *take(struct luni_blocks *k, range **link, int64_t size) {
  range *r = *link;
  char *p = r->start, *end = p + size;
  k->resident -= r->dirty_end - r->dirty;
  r->start = end;
  if (r->dirty < end) r->dirty = end;
  if (r->dirty_end < r->dirty) r->dirty_end = r->dirty;
  k->resident += r->dirty_end - r->dirty;
  if (r->start == r->end) {
    *link = r->next;
    free(r);
  }
  return p;
}

void *luni_block_alloc(lun_context *c, int64_t bytes) {
  struct luni_blocks *k = c->blocks_kept;
  int64_t size = 0;
  char *p = NULL;
  pthread_mutex_lock(&k->lock);
  if ((k->reserved || reserve(k)) && bytes <= k->memory - k->used) { /* so that rounding up cannot overflow */
    range **best = NULL;
    size = rounded(bytes);
    for (range **link = &k->free; *link; link = &(*link)->next) {
      int64_t room = (*link)->end - (*link)->start;
      if (room >= size && (!best || room < (*best)->end - (*best)->start)) best = link;
    }
    if (best) p = take(k, best, size);
  }
  if (p) {
    k->used += size;
    if (k->used > k->peak) k->peak = k->used;
    trim(k, k->peak + SLACK);
  }
  pthread_mutex_unlock(&k->lock);
  return p;
}

/* Joins b to a where it follows it directly; what lies between their dirty parts counts as dirty. */
static void join(struct luni_blocks *k, range *a, range *b) {
  if (a->end != b->start) return;
  k->resident -= a->dirty_end - a->dirty + b->dirty_end - b->dirty;
  if (a->dirty == a->dirty_end) {
    a->dirty = b->dirty;
    a->dirty_end = b->dirty_end;
  } else if (b->dirty != b->dirty_end)
    a->dirty_end = b->dirty_end;
  a->end = b->end;
  a->next = b->next;
  k->resident += a->dirty_end - a->dirty;
  free(b);
}

void luni_block_free(lun_context *c, void *p, int64_t bytes) {
  struct luni_blocks *k = c->blocks_kept;
  char *start = p, *end = start + rounded(bytes);
  pthread_mutex_lock(&k->lock);
  k->used -= end - start;
  range *before = NULL, *r = malloc(sizeof *r);
  for (range *f = k->free; f && f->start < start; f = f->next) before = f;
  if (r) {
    *r = (range){.next = before ? before->next : k->free, .start = start, .end = end, .dirty = start, .dirty_end = end};
    *(before ? &before->next : &k->free) = r;
    k->resident += end - start;
    if (r->next) join(k, r, r->next);
    if (before) join(k, before, r);
  } else /* no room even for the note: the addresses are lost, the pages are not */
    madvise(start, (size_t)(end - start), MADV_DONTNEED);
  pthread_mutex_unlock(&k->lock);
}

void luni_blocks_close(lun_context *c) {
  struct luni_blocks *k = c->blocks_kept;
  if (!k) return;
  for (range *r = k->free, *next; r; r = next) {
    next = r->next;
    free(r);
  }
  if (k->reserved) munmap(k->base, (size_t)k->reserved);
  pthread_mutex_destroy(&k->lock);
  free(k);
}
