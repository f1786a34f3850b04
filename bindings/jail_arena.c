/* jail_arena.c: memory for Lua out of one fixed piece: the jailed process cannot ask the system for more.
**
** Blocks lie behind each other; a free one knows the size of its left neighbour's free block, so that neighbours join
** at once. Free blocks hang in lists by size, eight to a power of two, and two bit maps find the first list that
** serves: every operation takes the same few steps, whatever a recipe does. */
#include "jail.h"

#include <string.h>

enum { GRAIN = 16, SMALLEST = 32, POWERS = 40, PARTS = 8 };
enum { FREE = 1, LEFT_FREE = 2, FLAGS = 15 };

typedef struct block {
  size_t left; /* size of the left neighbour, where that is free; otherwise the last bytes of its content */
  size_t head; /* size from one head to the next, and flags */
  struct block *next, *prev; /* in its list, while it is free; its content otherwise */
} block;

struct lunb_arena {
  uint64_t powers;
  uint8_t parts[POWERS];
  block *lists[POWERS][PARTS];
};

static size_t size_of(const block *b) { return b->head & ~(size_t)FLAGS; }
static block *after(block *b) { return (block *)((char *)b + size_of(b)); }
static void *content(block *b) { return (char *)b + offsetof(block, next); }
static block *block_of(void *p) { return (block *)((char *)p - offsetof(block, next)); }

static int power_of(size_t size) { return 63 - __builtin_clzll(size); }
static int part_of(size_t size, int power) { return (int)(size >> (power - 3)) & (PARTS - 1); }

static void hang(lunb_arena *a, block *b) {
  size_t size = size_of(b);
  int power = power_of(size), part = part_of(size, power);
  block **list = &a->lists[power][part];
  b->prev = NULL;
  b->next = *list;
  if (*list) (*list)->prev = b;
  *list = b;
  a->parts[power] |= (uint8_t)(1u << part);
  a->powers |= 1ull << power;
  b->head |= FREE;
  after(b)->left = size;
  after(b)->head |= LEFT_FREE;
}

static void unhang(lunb_arena *a, block *b) {
  size_t size = size_of(b);
  int power = power_of(size), part = part_of(size, power);
  if (b->next) b->next->prev = b->prev;
  if (b->prev) {
    b->prev->next = b->next;
  } else if (!(a->lists[power][part] = b->next)) {
    a->parts[power] &= (uint8_t) ~(1u << part);
    if (!a->parts[power]) a->powers &= ~(1ull << power);
  }
  b->head &= ~(size_t)FREE;
  after(b)->head &= ~(size_t)LEFT_FREE;
}

/* The first list whose every block is large enough, not the one in whose range the size lies. */
static block *find(lunb_arena *a, size_t size) {
  size_t up = size + ((size_t)1 << (power_of(size) - 3)) - 1;
  int power = power_of(up), part = part_of(up, power);
  uint8_t parts = (uint8_t)(a->parts[power] & (0xffu << part));
  if (!parts) {
    uint64_t powers = a->powers & (~0ull << (power + 1));
    if (!powers) return NULL;
    power = __builtin_ctzll(powers);
    parts = a->parts[power];
  }
  return a->lists[power][__builtin_ctz(parts)];
}

/* Cuts a block in use down to `size`; what is left over is free again, with its right neighbour. */
static void trim(lunb_arena *a, block *b, size_t size) {
  size_t rest = size_of(b) - size;
  if (rest < SMALLEST) return;
  b->head = size | (b->head & FLAGS);
  block *r = after(b);
  r->head = rest;
  block *right = after(r);
  if (right->head & FREE) {
    unhang(a, right);
    r->head += size_of(right);
  }
  hang(a, r);
}

static void *take(lunb_arena *a, size_t size) {
  block *b = find(a, size);
  if (!b) return NULL;
  unhang(a, b);
  trim(a, b, size);
  return content(b);
}

static void release(lunb_arena *a, block *b) {
  if (b->head & LEFT_FREE) {
    block *l = (block *)((char *)b - b->left);
    unhang(a, l);
    l->head += size_of(b);
    b = l;
  }
  block *right = after(b);
  if (right->head & FREE) {
    unhang(a, right);
    b->head += size_of(right);
  }
  hang(a, b);
}

lunb_arena *lunb_arena_make(void *memory, size_t size) {
  lunb_arena *a = memory;
  memset(a, 0, sizeof *a);
  size_t begin = (sizeof *a + GRAIN - 1) / GRAIN * GRAIN;
  block *b = (block *)((char *)memory + begin);
  b->head = (size - begin) / GRAIN * GRAIN - GRAIN; /* the last grain is the head of an end that is never free */
  after(b)->head = 0;
  hang(a, b);
  return a;
}

void *lunb_arena_resize(lunb_arena *a, void *p, size_t size) {
  if (size == 0) {
    if (p) release(a, block_of(p));
    return NULL;
  }
  if (size > (size_t)1 << (POWERS - 2)) return NULL;
  size_t need = (size + sizeof(size_t) + GRAIN - 1) / GRAIN * GRAIN;
  if (need < SMALLEST) need = SMALLEST;
  if (!p) return take(a, need);

  block *b = block_of(p), *right = after(b);
  if (size_of(b) < need && (right->head & FREE) && size_of(b) + size_of(right) >= need) {
    unhang(a, right);
    b->head += size_of(right);
  }
  if (size_of(b) >= need) {
    trim(a, b, need);
    return p;
  }
  void *moved = take(a, need);
  if (!moved) return NULL;
  memcpy(moved, p, size_of(b) - sizeof(size_t));
  release(a, b);
  return moved;
}
