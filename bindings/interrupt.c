/* interrupt.c: Ctrl-C and SIGTERM stop Lua loops, coroutines and C kernels with the error "interrupted!".
**
** The handler asks the runtime to stop its kernel and sets a hook on the coroutine that runs, which is why
** coroutine.resume and wrap are replaced: a hook on the main thread alone never fires inside a coroutine.
*/
#include "binding.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

/* A signal handler gets no argument. Set while signals are caught, by the one thread that runs Lua. */
static lunb_state *volatile caught;
static pthread_t lua_thread;

static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lunb_state *st = lunb_get(L);
  if (!st->insist) lua_sethook(L, NULL, 0, 0);
  if (st->signal || st->insist) lunb_raise_interrupt(L);
}

static void stop_here(lua_State *L) { lua_sethook(L, hook, LUA_MASKCOUNT, 1); }

static void on_signal(int number) {
  lunb_state *st = caught;
  if (!st) return;
  if (!pthread_equal(pthread_self(), lua_thread)) { /* a worker thread of the runtime got it */
    pthread_kill(lua_thread, number);
    return;
  }
  /* Launchers signal a process and then its group: what comes at once is one request, not two. */
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
  if (st->interrupts == number && ms - st->signalled_ms < 300) return;
  st->signalled_ms = ms;
  if (st->defer && !st->interrupts) {
    st->interrupts = number;
    return;
  }
  if (st->signal &&
      st->insist) { /* nobody took the last two: stuck in a C function of Lua's own, so the next one kills */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
  }
  if (st->interrupts) st->insist = 1;
  st->signal = st->interrupts = number;
  lun_interrupt(st->c);
  stop_here(st->main);
  if (st->running != st->main) stop_here(st->running);
}

int lunb_raise_interrupt(lua_State *L) {
  lunb_state *st = lunb_get(L);
  st->signal = 0;
  st->raised_in = L;
  lun_clear_interrupt(st->c); /* so that a handler of this error can still compute, to save a checkpoint */
  lua_pushliteral(L, "interrupted!");
  lua_error(L);
  __builtin_unreachable();
}

void lunb_settle_interrupt(lua_State *L) {
  lunb_state *st = lunb_get(L);
  lua_sethook(st->main, NULL, 0, 0);
  lua_sethook(L, NULL, 0, 0);
  st->running = L;
  st->signal = st->insist = 0;
  st->raised_in = NULL;
  lun_clear_interrupt(st->c);
}

void lunb_clear_interrupt(lua_State *L) {
  lunb_settle_interrupt(L);
  lunb_get(L)->interrupts = 0;
}

void lunb_catch_signals(lua_State *L, bool on) {
  struct sigaction a;
  memset(&a, 0, sizeof a);
  a.sa_handler = on ? on_signal : SIG_DFL; /* no SA_RESTART: a read from the terminal ends too */
  lua_thread = pthread_self();
  caught = on ? lunb_get(L) : NULL;
  sigaction(SIGINT, &a, NULL);
  sigaction(SIGTERM, &a, NULL);
}

/* ---- coroutines ---- */

/* Resume co with n values on the top of L; pushes its results and returns their count, or pushes the error, -1. */
static int resume(lua_State *L, lua_State *co, int n) {
  lunb_state *st = lunb_get(L);
  int results = 0;
  if (!lua_checkstack(co, n)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, n);
  st->running = co;
  int status = lua_resume(co, L, n, &results);
  st->running = L;
  if (status == LUA_OK || status == LUA_YIELD) {
    if (!lua_checkstack(L, results + 1)) {
      lua_pop(co, results);
      lua_pushliteral(L, "too many results to resume");
      return -1;
    }
    lua_xmove(co, L, results);
    return results;
  }
  lua_xmove(co, L, 1);
  if (st->raised_in == co) { /* an interrupt is for the program, not for whoever runs this coroutine */
    st->raised_in = L;
    lua_error(L);
  }
  return -1;
}

static int co_resume(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "coroutine");
  int n = resume(L, co, lua_gettop(L) - 1);
  lua_pushboolean(L, n >= 0);
  if (n < 0) n = 1;
  lua_insert(L, -(n + 1));
  return n + 1;
}

static int wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int n = resume(L, co, lua_gettop(L));
  if (n >= 0) return n;
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) { /* it died of this error: close its variables */
    status = lua_resetthread(co);
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int co_wrap(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, wrapped, 1);
  return 1;
}

void lunb_open_interrupts(lua_State *L) {
  lua_getglobal(L, "coroutine");
  lua_pushcfunction(L, co_resume);
  lua_setfield(L, -2, "resume");
  lua_pushcfunction(L, co_wrap);
  lua_setfield(L, -2, "wrap");
  lua_pop(L, 1);
}
