/* pool.c: see pool.h. */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

/* Requests below SMALL share segments of SMALL_SEGMENT; those below LARGE, of LARGE_SEGMENT; others get one of
** their own size, rounded up to whole ROUNDs. Small and other blocks never share a segment, so that a scalar that
** lives long does not split the room of a batch. */
enum { SMALL = 1 << 20, SMALL_SEGMENT = 2 << 20, LARGE = 10 << 20, LARGE_SEGMENT = 20 << 20, ROUND = 2 << 20 };
enum { BINS = 64 * 4 };

typedef struct block {
  struct block *before, *after;    /* neighbours in the segment, by address */
  struct block *smaller, *greater; /* in its bin; NULL-ended */
  struct block *next;              /* in its bucket, while in use; or in the list of spare headers */
  char *start;
  int64_t size;
  bool used, small;
} block;

typedef struct {
  block *bin[2][BINS]; /* of small segments, of the others */
} bins;

struct lun_pool {
  pthread_mutex_t lock;
  lun_pool_source source;
  bins free;
  block **bucket; /* blocks in use, by address */
  int64_t nbuckets, nused;
  block *spare; /* headers without a block */
  lun_pool_state state;
};

/* Four bins per power of two. Sizes are whole UNITs, so below 4 UNITs every size has a bin of its own. */
static int bin_of(int64_t size) {
  int log = 63 - __builtin_clzll((unsigned long long)size);
  return log * 4 + (int)(size >> (log - 2) & 3);
}

static int64_t hash(const lun_pool *p, const void *start) {
  return (int64_t)(((uintptr_t)start / LUN_POOL_UNIT * 0x9E3779B97F4A7C15u) >> 20) & (p->nbuckets - 1);
}

lun_pool *lun_pool_open(lun_pool_source source) {
  lun_pool *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  p->nbuckets = 1024;
  p->bucket = calloc((size_t)p->nbuckets, sizeof *p->bucket);
  if (!p->bucket) {
    free(p);
    return NULL;
  }
  p->source = source;
  pthread_mutex_init(&p->lock, NULL);
  return p;
}

/* ---- headers, bins, buckets ---- */

static block *new_header(lun_pool *p) {
  block *b = p->spare;
  if (!b) return calloc(1, sizeof *b);
  p->spare = b->next;
  *b = (block){0};
  return b;
}

static void drop_header(lun_pool *p, block *b) {
  b->next = p->spare;
  p->spare = b;
}

static void enter_bin(lun_pool *p, block *b) {
  block **link = &p->free.bin[b->small][bin_of(b->size)], *before = NULL;
  while (*link && (*link)->size < b->size) before = *link, link = &(*link)->greater;
  b->greater = *link;
  b->smaller = before;
  if (*link) (*link)->smaller = b;
  *link = b;
}

static void leave_bin(lun_pool *p, block *b) {
  *(b->smaller ? &b->smaller->greater : &p->free.bin[b->small][bin_of(b->size)]) = b->greater;
  if (b->greater) b->greater->smaller = b->smaller;
  b->smaller = b->greater = NULL;
}

/* More buckets when chains grow; where there is no memory for them, chains are long. */
static void grow(lun_pool *p) {
  int64_t was = p->nbuckets;
  block **bucket = calloc((size_t)was * 2, sizeof *bucket), **old = p->bucket;
  if (!bucket) return;
  p->bucket = bucket;
  p->nbuckets = 2 * was;
  for (int64_t i = 0; i < was; i++)
    for (block *b = old[i], *next; b; b = next) {
      next = b->next;
      block **link = &p->bucket[hash(p, b->start)];
      b->next = *link;
      *link = b;
    }
  free(old);
}

static void enter_bucket(lun_pool *p, block *b) {
  if (++p->nused > 2 * p->nbuckets) grow(p);
  block **link = &p->bucket[hash(p, b->start)];
  b->next = *link;
  *link = b;
  b->used = true;
  p->state.used += b->size;
}

static block *leave_bucket(lun_pool *p, const void *start) {
  block **link = &p->bucket[hash(p, start)];
  while (*link && (*link)->start != (const char *)start) link = &(*link)->next;
  block *b = *link;
  if (!b) return NULL;
  *link = b->next;
  b->next = NULL;
  b->used = false;
  p->nused--;
  p->state.used -= b->size;
  return b;
}

/* ---- segments ---- */

/* Every segment that is one free block. */
static void flush(lun_pool *p) {
  bool drained = false;
  for (int small = 0; small < 2; small++)
    for (int i = 0; i < BINS; i++)
      for (block *b = p->free.bin[small][i], *next; b; b = next) {
        next = b->greater;
        if (b->before || b->after) continue;
        if (!drained && p->source.drain) p->source.drain(p->source.self);
        drained = true;
        leave_bin(p, b);
        p->source.put(p->source.self, b->start, b->size);
        p->state.held -= b->size;
        p->state.segments--;
        drop_header(p, b);
      }
}

/* A new segment as one block of `size` in no bin; raw memory of `bytes` is asked for. */
static block *segment(lun_pool *p, int64_t size, int64_t bytes, bool small) {
  block *b = new_header(p);
  void *start = NULL;
  if (!b) return NULL;
  p->state.gets++;
  if (!p->source.get(p->source.self, bytes, &start)) {
    drop_header(p, b);
    return NULL;
  }
  *b = (block){.start = start, .size = size, .small = small};
  p->state.held += size;
  p->state.segments++;
  return b;
}

static int64_t segment_size(int64_t size) {
  if (size < SMALL) return SMALL_SEGMENT;
  if (size < LARGE) return LARGE_SEGMENT;
  return (size + ROUND - 1) / ROUND * ROUND;
}

/* ---- requests ---- */

static block *best_free(lun_pool *p, int64_t size, bool small) {
  for (int i = bin_of(size); i < BINS; i++)
    for (block *b = p->free.bin[small][i]; b; b = b->greater)
      if (b->size >= size) return b; /* bins are in ascending order of size */
  return NULL;
}

/* Gives the end of b back; where there is no memory for its header, b stays whole. */
static void cut(lun_pool *p, block *b, int64_t size) {
  int64_t rest = b->size - size;
  if (rest < (b->small ? LUN_POOL_UNIT : SMALL)) return;
  block *r = new_header(p);
  if (!r) return;
  *r = (block){.before = b, .after = b->after, .start = b->start + size, .size = rest, .small = b->small};
  if (r->after) r->after->before = r;
  b->after = r;
  b->size = size;
  enter_bin(p, r);
}

void *lun_pool_alloc(lun_pool *p, int64_t bytes) {
  if (bytes < 0 || bytes > INT64_MAX - ROUND) return NULL;
  int64_t size = bytes ? (bytes + LUN_POOL_UNIT - 1) / LUN_POOL_UNIT * LUN_POOL_UNIT : LUN_POOL_UNIT;
  bool small = size < SMALL;
  pthread_mutex_lock(&p->lock);
  block *b = best_free(p, size, small);
  if (b)
    leave_bin(p, b);
  else {
    int64_t whole = p->source.exact ? size : segment_size(size), least = (size + ROUND - 1) / ROUND * ROUND;
    int64_t ask = p->source.exact ? bytes : whole;
    b = segment(p, whole, ask, small);
    if (!b) {
      flush(p);
      b = segment(p, whole, ask, small);
    }
    if (!b && whole > least) /* the device is nearly full: no more than needed */
      b = segment(p, least, least, small);
  }
  if (b) {
    cut(p, b, size);
    enter_bucket(p, b);
  }
  pthread_mutex_unlock(&p->lock);
  return b ? b->start : NULL;
}

/* a and the free block behind it become one, in no bin. */
static void join(lun_pool *p, block *a, block *b) {
  a->size += b->size;
  a->after = b->after;
  if (a->after) a->after->before = a;
  drop_header(p, b);
}

void lun_pool_free(lun_pool *p, void *start) {
  if (!start) return;
  pthread_mutex_lock(&p->lock);
  block *b = leave_bucket(p, start);
  if (b) {
    if (b->after && !b->after->used) {
      leave_bin(p, b->after);
      join(p, b, b->after);
    }
    if (b->before && !b->before->used) {
      block *first = b->before;
      leave_bin(p, first);
      join(p, first, b);
      b = first;
    }
    enter_bin(p, b);
    if (p->source.exact) flush(p);
  }
  pthread_mutex_unlock(&p->lock);
}

void lun_pool_flush(lun_pool *p) {
  pthread_mutex_lock(&p->lock);
  flush(p);
  pthread_mutex_unlock(&p->lock);
}

lun_pool_state lun_pool_read(lun_pool *p) {
  pthread_mutex_lock(&p->lock);
  lun_pool_state s = p->state;
  s.largest_free = 0;
  for (int small = 0; small < 2; small++)
    for (int i = BINS - 1; i >= 0; i--)
      for (block *b = p->free.bin[small][i]; b; b = b->greater)
        if (b->size > s.largest_free) s.largest_free = b->size;
  pthread_mutex_unlock(&p->lock);
  return s;
}

/* What is still in use is made free first: its segments become single blocks, which a flush gives back. */
void lun_pool_close(lun_pool *p) {
  if (!p) return;
  for (int64_t i = 0; i < p->nbuckets; i++)
    while (p->bucket[i]) lun_pool_free(p, p->bucket[i]->start);
  flush(p);
  for (block *b = p->spare, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(p->bucket);
  pthread_mutex_destroy(&p->lock);
  free(p);
}
