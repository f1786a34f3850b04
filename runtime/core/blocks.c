/* blocks.c: large host blocks, kept for reuse.
**
** A training step asks for the same sizes again and again; giving pages back each time would fault them in anew, page
*by
** page, which costs more than the arithmetic on them. Freed blocks are therefore kept and handed out again by exact
*size.
** What is kept never pushes the total above the largest amount that was in use at once (plus a little): where a new
** size would, the blocks freed longest ago go back to the system first. So the process stays near its true peak.
*/
#include "core.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { HUGE = 2 << 20, SLACK = 64 << 20 };

typedef struct block {
  struct block *older, *newer; /* kept blocks, by time of release */
  void *data;
  int64_t size;
} block;

struct luni_blocks {
  pthread_mutex_t lock;
  block *oldest, *newest;
  int64_t mapped, used, peak; /* bytes: in use and kept; in use; most in use */
};

int luni_blocks_open(lun_context *c) {
  c->blocks_kept = calloc(1, sizeof *c->blocks_kept);
  if (!c->blocks_kept) return LUN_EMEM;
  pthread_mutex_init(&c->blocks_kept->lock, NULL);
  return LUN_OK;
}

static int64_t rounded(int64_t bytes) {
  int64_t unit = bytes >= 4 * (int64_t)HUGE ? HUGE : 4096;
  return (bytes + unit - 1) / unit * unit;
}

/* From 8 MB on, aligned to huge pages: a fault then brings 2 MB instead of 4 KB. */
static void *map(int64_t size) {
  size_t spare = size >= 4 * (int64_t)HUGE ? HUGE : 0;
  char *p = mmap(NULL, (size_t)size + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
  if (!spare) return p;
  size_t head = (spare - ((uintptr_t)p & (spare - 1))) & (spare - 1);
  if (head) munmap(p, head);
  if (spare - head) munmap(p + head + size, spare - head);
  madvise(p + head, (size_t)size, MADV_HUGEPAGE);
  return p + head;
}

static void unlink_block(struct luni_blocks *k, block *b) {
  *(b->older ? &b->older->newer : &k->oldest) = b->newer;
  *(b->newer ? &b->newer->older : &k->newest) = b->older;
}

static void give_back(struct luni_blocks *k, block *b) {
  unlink_block(k, b);
  munmap(b->data, (size_t)b->size);
  k->mapped -= b->size;
  free(b);
}

void *luni_block_alloc(lun_context *c, int64_t bytes) {
  struct luni_blocks *k = c->blocks_kept;
  int64_t size = rounded(bytes);
  void *p = NULL;
  pthread_mutex_lock(&k->lock);
  for (block *b = k->newest; b && !p; b = b->older)
    if (b->size == size) {
      p = b->data;
      unlink_block(k, b);
      free(b);
      break;
    }
  if (!p) {
    int64_t bound = (k->used + size > k->peak ? k->used + size : k->peak) + SLACK;
    while (k->oldest && k->mapped + size > bound) give_back(k, k->oldest);
    p = map(size);
    while (!p && k->oldest) { /* the system is short: everything kept goes first */
      give_back(k, k->oldest);
      p = map(size);
    }
    if (p) k->mapped += size;
  }
  if (p) k->used += size;
  if (k->used > k->peak) k->peak = k->used;
  pthread_mutex_unlock(&k->lock);
  return p;
}

void luni_block_free(lun_context *c, void *p, int64_t bytes) {
  struct luni_blocks *k = c->blocks_kept;
  int64_t size = rounded(bytes);
  block *b = malloc(sizeof *b);
  pthread_mutex_lock(&k->lock);
  k->used -= size;
  if (!b) { /* no room even for the note: give the pages back */
    munmap(p, (size_t)size);
    k->mapped -= size;
  } else {
    *b = (block){.older = k->newest, .data = p, .size = size};
    *(k->newest ? &k->newest->newer : &k->oldest) = b;
    k->newest = b;
  }
  pthread_mutex_unlock(&k->lock);
}

void luni_blocks_close(lun_context *c) {
  struct luni_blocks *k = c->blocks_kept;
  if (!k) return;
  while (k->oldest) give_back(k, k->oldest);
  pthread_mutex_destroy(&k->lock);
  free(k);
}
