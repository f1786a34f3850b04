/* fuzz_jail.c: what a jailed process could send instead of a recipe's value, and the memory its Lua state lives in. */
#include "fuzz.h"
#include "jail.h"

#include <lauxlib.h>
#include <lualib.h>

/* What the reader accepts has the shape it promises, and written again it is accepted again, as the same bytes. */
static int decode_and_encode(lua_State *L) {
  static uint8_t again[LUNB_JAIL_PAYLOAD];
  const uint8_t *bytes = lua_touserdata(L, 1);
  size_t size = (size_t)lua_tointeger(L, 2);
  const char *wrong = lunb_jail_decode(L, bytes, size);
  if (wrong) {
    if (lua_gettop(L) != 2) return luaL_error(L, "a refusal leaves something on the stack");
    lua_pushboolean(L, 0);
    return 1;
  }
  if (lua_gettop(L) != 3) return luaL_error(L, "not one value");
  size_t written = lunb_jail_encode(L, again, sizeof again);
  lua_pushboolean(L, written == 0 || !lunb_jail_decode(L, again, written));
  if (!lua_toboolean(L, -1)) return luaL_error(L, "what was written is refused");
  return 1;
}

static const char recipe[] =
    "return { format = 1, name = 'x', [1.5] = 0/0, seed = -3, lr = 0.06, on = true, off = false, inf = 1/0, f = "
    "function() end,"
    " long = ('x'):rep(5000), list = { 1, 2.5, 'three', { 4, { 5, {} } } }, [print] = 1, [true] = -1/0,"
    " deep = {{{{{{{{{{{{{{{{{}}}}}}}}}}}}}}}}}, stages = { { name = 'pretrain', epochs = 5 }, { name = 'probe' } } }";

static int values(int rounds) {
  lua_State *L = luaL_newstate();
  if (!L) return 2;
  luaL_requiref(L, "_G", luaopen_base, 1);
  luaL_requiref(L, "string", luaopen_string, 1);
  lua_settop(L, 0);
  static uint8_t seed[LUNB_JAIL_PAYLOAD];
  if (luaL_dostring(L, recipe)) return 2;
  int64_t size = (int64_t)lunb_jail_encode(L, seed, sizeof seed);
  fuzz_dice d = {lun_stream_make(1, "jail"), 0};
  int accepted = 0;
  for (int round = -1; round < rounds; round++) {
    int64_t n = size;
    uint8_t *bytes = round < 0 ? NULL : fuzz_mutate(&d, seed, size, &n);
    lua_settop(L, 0);
    lua_pushcfunction(L, decode_and_encode);
    lua_pushlightuserdata(L, bytes ? bytes : seed);
    lua_pushinteger(L, n);
    if (lua_pcall(L, 2, 1, 0)) {
      fprintf(stderr, "fuzz jail: round %d: %s\n", round, lua_tostring(L, -1));
      return 1;
    }
    accepted += lua_toboolean(L, -1);
    if (round < 0 && !accepted) {
      fprintf(stderr, "fuzz jail: the seed is refused\n");
      return 1;
    }
    free(bytes);
  }
  lua_close(L);
  printf("fuzz jail: %d rounds, %d accepted\n", rounds, accepted - 1);
  return 0;
}

/* ---- the arena ---- */

enum { HELD = 400, ROOM = 1 << 20 };

typedef struct {
  uint8_t *p;
  size_t size;
  uint8_t mark;
} piece;

static int whole(const piece *k) {
  for (size_t i = 0; i < k->size; i++)
    if (k->p[i] != k->mark) return 0;
  return 1;
}

/* Pieces of all sizes come, grow, shrink and go; none may touch another's bytes, and in the end all is one piece again.
 */
static int arena(int rounds) {
  void *memory = aligned_alloc(16, ROOM);
  if (!memory) return 2;
  lunb_arena *a = lunb_arena_make(memory, ROOM);
  static piece held[HELD];
  fuzz_dice d = {lun_stream_make(1, "arena"), 0};
  int full = 0;
  for (int round = 0; round < rounds * 20; round++) {
    piece *k = &held[fuzz_roll(&d) % HELD];
    uint32_t how = fuzz_roll(&d) % 16;
    size_t size = fuzz_roll(&d) % (how == 0 ? ROOM / 4 : how < 4 ? 5000 : 200);
    if (!whole(k)) {
      fprintf(stderr, "fuzz arena: round %d: a piece was changed\n", round);
      return 1;
    }
    size_t kept = k->size < size ? k->size : size;
    uint8_t *p = lunb_arena_resize(a, k->p, size);
    if (size && !p) {
      full++;
      continue;
    }
    if (size && (p < (uint8_t *)memory || p + size > (uint8_t *)memory + ROOM || (uintptr_t)p % 16)) {
      fprintf(stderr, "fuzz arena: round %d: a piece outside of the memory\n", round);
      return 1;
    }
    piece moved = {p, kept, k->mark};
    if (size && !whole(&moved)) {
      fprintf(stderr, "fuzz arena: round %d: the content did not move along\n", round);
      return 1;
    }
    k->p = p, k->size = size, k->mark = (uint8_t)fuzz_roll(&d);
    if (size) memset(p, k->mark, size);
  }
  for (int i = 0; i < HELD; i++)
    if (held[i].p) lunb_arena_resize(a, held[i].p, 0);
  uint8_t *all = lunb_arena_resize(a, NULL, ROOM - ROOM / 8);
  if (!all || !full) {
    fprintf(stderr, "fuzz arena: %s\n", all ? "it was never full" : "in the end it is in pieces");
    return 1;
  }
  memset(all, 1, ROOM - ROOM / 8);
  free(memory);
  printf("fuzz arena: %d rounds, full %d times\n", rounds * 20, full);
  return 0;
}

int main(int argc, char **argv) {
  int rounds = fuzz_rounds(argc, argv);
  return arena(rounds) | values(rounds);
}
