/* binding.h: what the files of bindings/ share: the state behind a lua_State, tensor boxes, errors.
**
** Box first, raise last: a Lua error is a longjmp, so a tensor must belong to a userdata (a box) before anything that
** may raise runs. Create the box with lunb_push, let the core fill box->t, then check the status with lunb_try. */
#ifndef LUNB_BINDING_H
#define LUNB_BINDING_H

#include "lunette.h"

#include <lua.h>
#include <lauxlib.h>
#include <signal.h>

typedef struct lunb_scope lunb_scope;

/* The userdata of a tensor: one reference. t is NULL before the core filled it and after it was freed. */
typedef struct lunb_box {
  lun_tensor *t;
  lunb_scope *scope; /* the scope that frees it, NULL: only the collector does */
  struct lunb_box *prev, *next;
} lunb_box;

/* One running lunette.scope call. Boxes made by the coroutine that entered it are linked to it. */
struct lunb_scope {
  lunb_scope *parent;
  lua_State *L;
  lunb_box list; /* sentinel of a ring */
  bool open;
};

typedef struct {
  lun_context *c;
  lunb_scope *scope;       /* innermost, NULL outside */
  const void *tensor_meta; /* address of the metatable of tensors: a type check without a registry lookup */
  int64_t soft_limit;      /* live bytes at which the next op collects garbage first */
  uint64_t seed, draws;    /* manual_seed, and the random constructors called since */
  lua_State *main;
  lua_State *running;               /* the coroutine that runs now: where an interrupt must set its hook */
  volatile sig_atomic_t signal;     /* SIGINT or SIGTERM arrived and was not raised yet, else 0 */
  volatile sig_atomic_t defer;      /* the first signal only sets `interrupts` */
  volatile sig_atomic_t insist;     /* it arrived again: raise at every instruction until the top level is reached */
  volatile sig_atomic_t interrupts; /* the signal that ended or will end the run, until it is cleared */
  volatile int64_t signalled_ms;    /* when the last signal came */
  bool session;                     /* interactive: signals never end the program */
  lua_State *raised_in;             /* coroutine in which the last "interrupted!" was raised */
} lunb_state;

/* Coroutines inherit the extra space of the main thread, so every lua_State leads here. */
static inline lunb_state *lunb_get(lua_State *L) { return *(lunb_state **)lua_getextraspace(L); }
static inline lun_context *lunb_context(lua_State *L) { return lunb_get(L)->c; }

/* ---- boxes (lua_box.c) ---- */
lunb_box *lunb_push(lua_State *L);                /* an empty box on the stack, in the running scope */
lunb_box *lunb_test(lua_State *L, int i);         /* NULL if there is no tensor at i; the box may hold a freed one */
lun_tensor *lunb_check(lua_State *L, int i);      /* raises unless there is a live tensor at i */
lun_tensor *lunb_live(lua_State *L, lunb_box *b); /* raises if b was freed */
void lunb_release(lunb_box *b);
void lunb_unlink(lunb_box *b);

/* ---- memory (lua_gc.c) ---- */
void lunb_make_room(lua_State *L);     /* before tensors are made: collect garbage past the soft limit */
bool lunb_retry(lua_State *L, int st); /* memory was short and garbage was collected: try once more */
void lunb_open_gc(lua_State *L);       /* adds scope, keep, no_grad, memory, debug ... to the table on the top */

void lunb_open_machine(lua_State *L); /* adds machine() (lua_machine.c) */
void lunb_open_profile(lua_State *L); /* adds profile() (lua_profile.c) */

/* ---- errors (lua_error.c) ---- */
/* Raise with the position of the nearest caller outside the embedded library. */
int lunb_error(lua_State *L, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
void lunb_try(lua_State *L, int st); /* raises the context's message unless st is LUN_OK */
const char *lunb_typename(lua_State *L, int i, char *buf, size_t size); /* "number 2.5", "a nil value" ... */

/* Collects the candidate nearest to a mistyped word. Start with {.word = w}. */
typedef struct {
  const char *word;
  char best[48]; /* "" while nothing is near */
  int distance;
} lunb_nearest;
void lunb_offer(lunb_nearest *n, const char *candidate);
const char *lunb_hint(lunb_nearest *n, char *buf, size_t size); /* " (did you mean 'x'?)" or "" */

/* ---- tensors (lua_tensor.c, lua_index.c, lua_print.c, lua_create.c, lua_ops.c) ---- */
void lunb_open_tensor(lua_State *L); /* makes the metatable; call once, before every other */
void lunb_open_create(lua_State *L); /* adds the constructors to the table on the top */
void lunb_open_ops(lua_State *L);    /* adds `ops` to the table on the top, and methods to tensors */
int lunb_index(lua_State *L);        /* t[number|table], positions at 2 */
int lunb_assign(lua_State *L);       /* t[number|table] = value, at 2 and 3 */
int lunb_tostring(lua_State *L);
void lunb_push_element(lua_State *L, const lun_tensor *t, const int64_t *index); /* t on the host; index 0-based */
void lunb_from_value(lua_State *L, int i, lun_dtype d); /* number, boolean or nested tables at i -> a new host tensor */
/* t itself if it is on the host, else a copy there, whose box is pushed (nil is pushed otherwise). */
lun_tensor *lunb_host(lua_State *L, lun_tensor *t);
lun_dtype lunb_check_dtype(lua_State *L, int i, const char *what);

/* ---- options ---- */
/* Raises unless every key of the table at i is among names (NULL-terminated). */
void lunb_check_keys(lua_State *L, int i, const char *what, const char *const *names);
bool lunb_is_options(lua_State *L, int i); /* a table with at least one string key */

/* ---- the lunette table, modules, interrupts ---- */
int luaopen_lunette(lua_State *L);
int lunb_searcher(lua_State *L);                                  /* for package.searchers */
bool lunb_has_module(const char *name);                           /* embedded or under LUNETTE_PATH */
void lunb_offer_modules(lunb_nearest *n);                         /* submodules of lunette, without the prefix */
void lunb_open_modules(lua_State *L);                             /* installs the searcher and the C modules */
void lunb_open_interrupts(lua_State *L);                          /* replaces functions of Lua that would not end */
void lunb_open_patterns(lua_State *L);                            /* those of string that match (lua_patterns.c) */
void lunb_open_loops(lua_State *L);                               /* string.rep and table.move (lua_loops.c) */
void lunb_begin_session(lua_State *L);                            /* from now on no signal ends the program */
void lunb_poll(lua_State *L);                                     /* raises "interrupted!" once a signal came */
int lunb_raise_interrupt(lua_State *L) __attribute__((noreturn)); /* "interrupted!" */
void lunb_catch_signals(lua_State *L, bool on);
void lunb_settle_interrupt(lua_State *L); /* it reached the top level: stop raising, still say that it came */
void lunb_clear_interrupt(lua_State *L);  /* and forget it */

#endif
