/* interrupt.c: Ctrl-C and SIGTERM stop Lua loops, coroutines and C kernels with the error "interrupted!".
**
** The handler asks the runtime to stop its kernel and sets a hook on the coroutine that runs, which is why
** coroutine.resume, wrap and close are replaced: a hook on the main thread alone never fires inside a coroutine. The
** hook fires at instructions of Lua and at calls of any function. Functions of Lua's own that can loop for long without
** either are replaced by ones that ask (lua_patterns.c, lua_loops.c). In finalizers Lua runs no hooks at all: in a
** session they run in a coroutine of their own, where it does.
**
** The first signal is an error like others, so that a program can save what it has; from the second on it is raised at
** every instruction until the top level is reached, so no pcall, handler or loop around them holds it up. A third that
** finds the second untaken kills the program, but never a session.
*/
#include "binding.h"

#include <errno.h>
#include <lualib.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A signal handler gets no argument. Set while signals are caught, by the one thread that runs Lua. */
static lunb_state *volatile caught;
static pthread_t lua_thread;

static const char interrupted[] = "interrupted!";

static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lunb_state *st = lunb_get(L);
  if (!st->insist) lua_sethook(L, NULL, 0, 0);
  if (st->signal || st->insist) lunb_raise_interrupt(L);
}

static void stop_here(lua_State *L) { lua_sethook(L, hook, LUA_MASKCOUNT | LUA_MASKCALL, 1); }

void lunb_poll(lua_State *L) {
  lunb_state *st = lunb_get(L);
  if (st->signal || st->insist) lunb_raise_interrupt(L);
}

/* The last two signals were not taken: stuck in a C function that does not ask. */
static void on_stuck(const lunb_state *st) {
  static const char said[] = "\nstill in a function that cannot be interrupted; Ctrl-\\ ends the program\n";
  if (st->session) {
    if (write(STDERR_FILENO, said, sizeof said - 1) < 0) return;
    return;
  }
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
}

static void on_signal(int number) {
  lunb_state *st = caught;
  if (!st) return;
  if (!pthread_equal(pthread_self(), lua_thread)) { /* a worker thread of the runtime got it */
    pthread_kill(lua_thread, number);
    return;
  }
  /* Launchers signal a process and then its group: what comes at once is one request, not two. A session has a
   * terminal, where someone presses keys. */
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
  if (!st->session && st->interrupts == number && ms - st->signalled_ms < 300) return;
  st->signalled_ms = ms;
  if (st->defer && !st->interrupts) {
    st->interrupts = number;
    return;
  }
  if (st->signal && st->insist) on_stuck(st);
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
  lua_pushstring(L, interrupted);
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

/* co runs from here to leave(): what insists on an end does so in it, and in L again afterwards. */
static void enter(lunb_state *st, lua_State *co) {
  st->running = co;
  if (st->insist) stop_here(co);
}

static void leave(lunb_state *st, lua_State *L) {
  st->running = L;
  if (st->insist) stop_here(L);
}

/* An interrupt is for the program, not for whoever runs the coroutine in which it was raised; it is the value on the
 * top. */
static void pass_on(lunb_state *st, lua_State *L, const lua_State *co) {
  if (st->raised_in != co) return;
  st->raised_in = L;
  lua_error(L);
}

/* Resume co with n values on the top of L; pushes its results and returns their count, or pushes the error, -1. */
static int resume(lua_State *L, lua_State *co, int n) {
  lunb_state *st = lunb_get(L);
  int results = 0;
  if (!lua_checkstack(co, n)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, n);
  enter(st, co);
  int status = lua_resume(co, L, n, &results);
  leave(st, L);
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
  pass_on(st, L, co);
  return -1;
}

/* Run what is to be closed in co -> status; an error is the value on co's top. */
static int close_variables(lua_State *L, lua_State *co) {
  lunb_state *st = lunb_get(L);
  enter(st, co);
  int status = lua_resetthread(co);
  leave(st, L);
  return status;
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
    status = close_variables(L, co);
    lua_xmove(co, L, 1);
    pass_on(lunb_get(L), L, co);
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

static int co_close(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  lua_Debug ar;
  luaL_argexpected(L, co, 1, "coroutine");
  if (co == L || (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar)))
    luaL_error(L, "cannot close a %s coroutine", co == L ? "running" : "normal");
  int status = close_variables(L, co);
  lua_pushboolean(L, status == LUA_OK);
  if (status == LUA_OK) return 1;
  lua_xmove(co, L, 1);
  pass_on(lunb_get(L), L, co);
  return 2;
}

/* ---- finalizers ---- */

/* (object): call the upvalue with it, in a coroutine. What interrupts it is raised again once the collector is done. */
static int finalize(lua_State *L) {
  lunb_state *st = lunb_get(L);
  int results = 0;
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 2);
  enter(st, co);
  int status = lua_resume(co, L, 1, &results);
  leave(st, L);
  if (status == LUA_OK) return 0;
  if (status == LUA_YIELD) return luaL_error(L, "attempt to yield from a finalizer");
  if (st->raised_in == co) {
    st->raised_in = NULL;
    st->signal = st->interrupts;
    stop_here(L);
  }
  lua_xmove(co, L, 1);
  return lua_error(L);
}

/* As Lua's setmetatable; a __gc written in Lua becomes one that runs it by finalize(). */
static int set_metatable(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argexpected(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table");
  if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL) return luaL_error(L, "cannot change a protected metatable");
  lua_settop(L, 2);
  if (lua_istable(L, 2)) {
    lua_pushliteral(L, "__gc");
    lua_pushvalue(L, -1);
    if (lua_rawget(L, 2) == LUA_TFUNCTION && !lua_iscfunction(L, -1)) {
      lua_pushcclosure(L, finalize, 1);
      lua_rawset(L, 2);
    }
    lua_settop(L, 2);
  }
  lua_setmetatable(L, 1);
  return 1;
}

/* ---- message handlers ---- */

/* (message): call the upvalue with it, unless it is an interrupt. That was raised in a hook, so in a handler called for
** it no hook would run, and one that loops could never be ended.
*/
static int handle(lua_State *L) {
  bool interrupt = lunb_get(L)->interrupts && lua_type(L, 1) == LUA_TSTRING && !strcmp(lua_tostring(L, 1), interrupted);
  if (interrupt && !lua_iscfunction(L, lua_upvalueindex(1))) return 1;
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

static int finish_call(lua_State *L, int status, lua_KContext before) {
  if (status == LUA_OK || status == LUA_YIELD) return lua_gettop(L) - (int)before;
  lua_pushboolean(L, false);
  lua_insert(L, -2);
  return 2;
}

/* As Lua's xpcall, by handle(). */
static int call_handled(lua_State *L) {
  int n = lua_gettop(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, handle, 1);
  lua_replace(L, 2);
  lua_pushboolean(L, true);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2);
  return finish_call(L, lua_pcallk(L, n - 2, LUA_MULTRET, 2, 2, finish_call), 2);
}

void lunb_begin_session(lua_State *L) {
  lunb_get(L)->session = true;
  lua_pushcfunction(L, set_metatable);
  lua_setglobal(L, "setmetatable");
  lua_pushcfunction(L, call_handled);
  lua_setglobal(L, "xpcall");
}

/* ---- programs that are run ---- */

/* As Lua's os.execute, during which Ctrl-C reaches only the other program: if that ended it, it was meant for us too.
 */
static int execute(lua_State *L) {
  const char *command = luaL_optstring(L, 1, NULL);
  errno = 0;
  int status = system(command);
  if (!command) {
    lua_pushboolean(L, status);
    return 1;
  }
  if (status != -1 && ((WIFSIGNALED(status) && WTERMSIG(status) == SIGINT) ||
                       (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT)))
    raise(SIGINT); /* the handler does what it does at any time; where none is set the program ends, as it should */
  lunb_poll(L);
  return luaL_execresult(L, status);
}

void lunb_open_interrupts(lua_State *L) {
  static const luaL_Reg coroutines[] = {{"resume", co_resume}, {"wrap", co_wrap}, {"close", co_close}, {NULL, NULL}};
  lua_getglobal(L, LUA_COLIBNAME);
  luaL_setfuncs(L, coroutines, 0);
  lua_getglobal(L, LUA_OSLIBNAME);
  lua_pushcfunction(L, execute);
  lua_setfield(L, -2, "execute");
  lua_pop(L, 2);
  lunb_open_patterns(L);
  lunb_open_loops(L);
}
