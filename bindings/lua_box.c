/* lua_box.c: the userdata that holds one reference to a tensor. */
#include "binding.h"

static void link_box(lunb_box *b, lunb_scope *s) {
  b->scope = s;
  if (!s) return;
  b->prev = s->list.prev;
  b->next = &s->list;
  b->prev->next = b;
  s->list.prev = b;
}

void lunb_unlink(lunb_box *b) {
  if (!b->scope) return;
  b->prev->next = b->next;
  b->next->prev = b->prev;
  b->scope = NULL;
}

lunb_box *lunb_push(lua_State *L) {
  lunb_state *st = lunb_get(L);
  lunb_box *b = lua_newuserdatauv(L, sizeof *b, 0);
  b->t = NULL;
  b->scope = NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, st->tensor_meta);
  lua_setmetatable(L, -2);
  /* A coroutine resumed inside a scope keeps what it makes: the scope ends long before the coroutine does. */
  if (st->scope && st->scope->L == L) link_box(b, st->scope);
  return b;
}

void lunb_release(lunb_box *b) {
  lun_tensor *t = b->t;
  lunb_unlink(b);
  b->t = NULL;
  lun_release(t);
}

lunb_box *lunb_test(lua_State *L, int i) {
  void *p = lua_touserdata(L, i);
  if (!p || !lua_getmetatable(L, i)) return NULL;
  bool ours = lua_topointer(L, -1) == lunb_get(L)->tensor_meta;
  lua_pop(L, 1);
  return ours ? p : NULL;
}

lun_tensor *lunb_live(lua_State *L, lunb_box *b) {
  if (!b->t)
    lunb_error(L, "this tensor was freed, by t:free(), t <close> or the end of a lunette.scope "
                  "(return it from the scope, or use lunette.keep)");
  return b->t;
}

lun_tensor *lunb_check(lua_State *L, int i) {
  lunb_box *b = lunb_test(L, i);
  if (!b) {
    char got[64];
    lua_Debug ar;
    const char *name = "?";
    if (lua_getstack(L, 0, &ar) && lua_getinfo(L, "n", &ar) && ar.name) name = ar.name;
    lunb_error(L, "%s: argument %d must be a tensor, got %s%s", name, i, lunb_typename(L, i, got, sizeof got),
               i == 1 ? "; call methods with a colon, t:method()" : "");
  }
  return lunb_live(L, b);
}
