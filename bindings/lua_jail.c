/* lua_jail.c: the module `lunette.jail`: has a recipe's text evaluated by a jailed child (jail.c), watches the clock,
** and takes in what it says as if it came from an enemy.
**
** The child belongs to a userdata before anything may raise, so it is killed and reaped on every way out.
 */
#define _GNU_SOURCE /* pipe2, ppoll */
#include "binding.h"
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD "lunette.jail.child"

/* A machine that is short of memory or time may take long to start a program; the recipe has no part in that. */
enum { START_MS = 20000, BOUND = LUNB_JAIL_HEAD + LUNB_JAIL_PAYLOAD };

typedef struct {
  pid_t pid;   /* 0: none */
  int in, out; /* the child's standard input and output, -1: closed */
  uint8_t *bytes;
  size_t size, room;
} child;

typedef struct {
  lunb_jail_request request;
  const char *text;
  int64_t evaluation_ms;
  char *const *command; /* what is started instead; for tests */
} job;

/* How a job ended, apart from what the child wrote. */
typedef enum { ENDED, NO_START, LATE, TOO_MUCH, INTERRUPTED } ending;

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void close_end(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

/* Kills, where it still lives, and reaps. -> what waitpid says */
static int reap(child *c) {
  int status = 0;
  close_end(&c->in);
  close_end(&c->out);
  if (!c->pid) return 0;
  kill(-c->pid, SIGKILL); /* its own group; the child alone, where it is too young to have one */
  kill(c->pid, SIGKILL);
  while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR) continue;
  c->pid = 0;
  return status;
}

static int child_gc(lua_State *L) {
  child *c = luaL_checkudata(L, 1, CHILD);
  reap(c);
  free(c->bytes);
  c->bytes = NULL;
  return 0;
}

/* ---- starting ---- */

/* The child gets nothing of the environment but what starting this program may need: what it returns is kept and
 * mailed. */
static char **bare_environment(void) {
  static const char *const kept[] = {"LD_LIBRARY_PATH=", "LD_PRELOAD=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=", NULL};
  extern char **environ;
  size_t n = 0;
  char **list = calloc(sizeof kept / sizeof kept[0], sizeof *list);
  for (char **e = environ; list && e && *e; e++)
    for (const char *const *k = kept; *k && n + 1 < sizeof kept / sizeof kept[0]; k++)
      if (!strncmp(*e, *k, strlen(*k))) list[n++] = *e;
  return list;
}

static int spawn(child *c, char *const *command) {
  static char *const self[] = {"lunette", "--jail", NULL};
  int in[2], out[2], code;
  if (pipe2(in, O_CLOEXEC) != 0) return errno;
  if (pipe2(out, O_CLOEXEC) != 0) {
    code = errno;
    close(in[0]);
    close(in[1]);
    return code;
  }
  c->in = in[1], c->out = out[0];
  fcntl(c->in, F_SETFL, O_NONBLOCK);
  fcntl(c->out, F_SETFL, O_NONBLOCK);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  char **environment = bare_environment();
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
  posix_spawnattr_init(&how);
  posix_spawnattr_setsigmask(&how, &none);
  posix_spawnattr_setsigdefault(&how, &all);
  posix_spawnattr_setpgroup(&how, 0); /* Ctrl-C is for the program, which ends the child */
  posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  code = !environment ? ENOMEM
                      : posix_spawn(&c->pid, command ? command[0] : "/proc/self/exe", &files, &how,
                                    command ? command : self, environment);
  if (code) c->pid = 0;
  posix_spawnattr_destroy(&how);
  posix_spawn_file_actions_destroy(&files);
  free(environment);
  close(in[0]);
  close(out[1]);
  return code;
}

/* ---- talking ---- */

static bool make_room(child *c) {
  if (c->size < c->room) return true;
  size_t room = c->room ? 2 * c->room : 4096;
  uint8_t *more = realloc(c->bytes, room);
  if (!more) return false;
  c->bytes = more, c->room = room;
  return true;
}

/* Reads what there is. -> 1 go on, 0 the end, -1 more than a child may say */
static int take_in(child *c) {
  for (;;) {
    if (c->size > BOUND || !make_room(c)) return -1;
    ssize_t n = read(c->out, c->bytes + c->size, c->room - c->size);
    if (n == 0) return 0;
    if (n < 0) return errno == EINTR ? 1 : errno == EAGAIN ? 1 : 0;
    c->size += (size_t)n;
  }
}

/* Writes the request and then the text as far as they go. -> whether that is all, or the child does not listen */
static bool give_out(child *c, const job *j, size_t *given) {
  size_t head = sizeof j->request;
  while (*given < head + j->request.text) {
    bool in_head = *given < head;
    const char *from = in_head ? (const char *)&j->request + *given : j->text + (*given - head);
    ssize_t n = write(c->in, from, in_head ? head - *given : j->request.text - (*given - head));
    if (n < 0) return errno != EAGAIN && errno != EINTR;
    *given += (size_t)n;
  }
  return true;
}

static bool interrupted(const lunb_state *st) { return st->signal || (st->defer && st->interrupts); }

/* `open`: the signals that may come while it waits. The others of this thread are blocked. */
static ending converse(lua_State *L, child *c, const job *j, const sigset_t *open) {
  int64_t deadline = now_ms() + START_MS;
  bool ready = false;
  size_t given = 0;
  for (;;) {
    if (interrupted(lunb_get(L))) return INTERRUPTED;
    int64_t left = deadline - now_ms();
    if (left <= 0) return LATE;
    struct pollfd ends[2] = {{.fd = c->out, .events = POLLIN}, {.fd = c->in, .events = POLLOUT}};
    struct timespec wait = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
    int n = ppoll(ends, 2, &wait, open);
    if (n < 0 && errno != EINTR) return LATE;
    if (n <= 0) continue;
    if (ends[1].revents && give_out(c, j, &given)) close_end(&c->in);
    if (!ends[0].revents) continue;
    int more = take_in(c);
    if (more < 0) return TOO_MUCH;
    if (more == 0) return ENDED;
    if (!ready && c->size > 0) deadline = now_ms() + j->evaluation_ms, ready = true;
  }
}

/* A child that does not listen must not end this process by SIGPIPE, and no signal may come between look and wait. */
static ending hold(lua_State *L, child *c, const job *j, int *status, int *code) {
  sigset_t block, before, pending;
  sigemptyset(&block);
  sigaddset(&block, SIGPIPE);
  sigaddset(&block, SIGINT);
  sigaddset(&block, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &block, &before);
  sigpending(&pending);
  bool was_pending = sigismember(&pending, SIGPIPE);
  sigset_t open = before;
  sigaddset(&open, SIGPIPE);
  *code = spawn(c, j->command);
  ending e = *code ? NO_START : converse(L, c, j, &open);
  *status = reap(c);
  sigpending(&pending);
  if (!was_pending && sigismember(&pending, SIGPIPE)) {
    sigset_t pipe_only;
    int got;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigwait(&pipe_only, &got);
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return e;
}

/* ---- believing nothing ---- */

static int say(lua_State *L, const char *form, ...) {
  va_list values;
  lua_pushboolean(L, 0);
  va_start(values, form);
  lua_pushvfstring(L, form, values);
  va_end(values);
  return 2;
}

/* Of all bytes that came: true, value; or false, message. */
static int push_outcome(lua_State *L, const uint8_t *bytes, size_t size) {
  static const char untrue[] = "the process that evaluates recipes wrote what it never writes: %s";
  if (size == 2 && bytes[0] == LUNB_JAIL_REFUSED)
    return say(L,
               "this system does not let a process give up its system calls (seccomp: %s), and without that a "
               "stranger's recipe "
               "is not safe to open; where you trust this one, add --trust",
               strerror(bytes[1]));
  if (size < LUNB_JAIL_HEAD || (bytes[0] != LUNB_JAIL_CLOSED && bytes[0] != LUNB_JAIL_OPEN))
    return say(L, untrue, "no frame");
  uint32_t length = 0;
  for (int i = 0; i < 4; i++) length |= (uint32_t)bytes[2 + i] << 8 * i;
  const uint8_t *payload = bytes + LUNB_JAIL_HEAD;
  if (length != size - LUNB_JAIL_HEAD) return say(L, untrue, "a frame of another length than it says");
  if (bytes[1] == LUNB_JAIL_ERROR) {
    if (length > LUNB_JAIL_STRING) return say(L, untrue, "too long a message");
    lua_pushboolean(L, 0);
    lua_pushlstring(L, (const char *)payload, length);
    return 2;
  }
  if (bytes[1] != LUNB_JAIL_VALUE) return say(L, untrue, "a frame of no known kind");
  lua_pushboolean(L, 1);
  const char *wrong = lunb_jail_decode(L, payload, length);
  return wrong ? say(L, untrue, wrong) : 2;
}

/* outcome(bytes) -> what evaluate makes of a child that wrote them */
static int jail_outcome(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  return push_outcome(L, (const uint8_t *)bytes, size);
}

/* ---- the module ---- */

static lua_Integer integer_field(lua_State *L, int i, const char *name, lua_Integer low, lua_Integer high) {
  lua_getfield(L, i, name);
  lua_Integer v = luaL_checkinteger(L, -1);
  if (v < low || v > high)
    luaL_error(L, "lunette.jail: %s is %I, expected %I to %I", name, (LUAI_UACINT)v, (LUAI_UACINT)low,
               (LUAI_UACINT)high);
  lua_pop(L, 1);
  return v;
}

/* The words stay on the stack, in a table. */
static char **command_field(lua_State *L, int i) {
  if (lua_getfield(L, i, "command") == LUA_TNIL) return NULL;
  luaL_checktype(L, -1, LUA_TTABLE);
  lua_Integer n = luaL_len(L, -1);
  luaL_argcheck(L, n > 0 && n < 100, i, "command: needs one to 99 words");
  char **words = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *words, 0);
  for (lua_Integer k = 1; k <= n; k++) {
    luaL_argcheck(L, lua_geti(L, -2, k) == LUA_TSTRING, i, "command: its words are strings");
    words[k - 1] = (char *)(uintptr_t)lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  words[n] = NULL;
  return words;
}

/* evaluate(text, {instructions, memory_kb, string_bytes, milliseconds, trust, command}) -> true, value; or false,
** message, "recipe:LINE: ..." where it has a line. Raises "interrupted!" on Ctrl-C. instructions = 0: no bound but the
** clock's. */
static int jail_evaluate(lua_State *L) {
  job j = {0};
  size_t length;
  j.text = luaL_checklstring(L, 1, &length);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  if (length > LUNB_JAIL_TEXT) return say(L, "the source has %I bytes, too many", (LUAI_UACINT)length);
  j.request.text = length;
  j.request.instructions = (uint64_t)integer_field(L, 2, "instructions", 0, LUA_MAXINTEGER);
  j.request.memory = (uint64_t)integer_field(L, 2, "memory_kb", 1024, LUNB_JAIL_MEMORY >> 10) << 10;
  j.request.string_bytes = (uint64_t)integer_field(L, 2, "string_bytes", 1, LUNB_JAIL_MEMORY);
  j.evaluation_ms = integer_field(L, 2, "milliseconds", 1, 3600000);
  j.request.cpu_seconds = (uint64_t)j.evaluation_ms / 1000 + 2;
  lua_getfield(L, 2, "trust");
  j.request.trust = lua_toboolean(L, -1);
  j.command = command_field(L, 2);
  luaL_checkstack(L, 8, "jail");
  child *c = lua_newuserdatauv(L, sizeof *c, 0);
  *c = (child){.in = -1, .out = -1};
  luaL_setmetatable(L, CHILD);
  lua_toclose(L, -1);

  int status, code;
  ending e = hold(L, c, &j, &status, &code);
  if (e == INTERRUPTED) lunb_raise_interrupt(L);
  if (e == NO_START) return say(L, "the process that evaluates recipes cannot be started: %s", strerror(code));
  if (e == LATE && c->size == 0)
    return say(L, "the process that evaluates recipes did not start within %d s", START_MS / 1000);
  if (e == LATE) return say(L, "took longer than %f s and was stopped", (lua_Number)j.evaluation_ms / 1000);
  if (e == TOO_MUCH) return say(L, "the process that evaluates recipes wrote more than a recipe can hold");
  if (WIFSIGNALED(status))
    return say(L, "the process that evaluates recipes died of signal %d (%s)", WTERMSIG(status),
               strsignal(WTERMSIG(status)));
  if (WEXITSTATUS(status))
    return say(L, "the process that evaluates recipes ended with exit code %d", WEXITSTATUS(status));
  return push_outcome(L, c->bytes, c->size);
}

int luaopen_lunette_jail(lua_State *L) {
  static const luaL_Reg functions[] = {{"evaluate", jail_evaluate}, {"outcome", jail_outcome}, {NULL, NULL}};
  if (luaL_newmetatable(L, CHILD)) {
    lua_pushcfunction(L, child_gc);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "__close");
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
