/* lunette.sys: files that survive a full disk or a kill, hashes, clocks and terminal facts for the Lua library.
 *
 * Rules kept here: whatever may raise a Lua error (argument checks, string building) happens before a descriptor
 * is opened, or the descriptor already belongs to a userdata with __gc. Nothing in this file reads the user's or
 * the host's name: what it returns may end in a file that is mailed. */
#include "lua_sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <sha2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define APPENDER  "lunette.sys.appender"
#define LOCK      "lunette.sys.lock"
#define DIRECTORY "lunette.sys.directory"

/* ---- errors ---- */

/* Names, not numbers, because numbers differ between systems and scripts compare them. */
static const char *errno_name(int code) {
  static const struct {
    int code;
    const char *name;
  } names[] = {
      {EACCES, "EACCES"},   {EAGAIN, "EAGAIN"},
      {EBADF, "EBADF"},     {EBUSY, "EBUSY"},
      {EDQUOT, "EDQUOT"},   {EEXIST, "EEXIST"},
      {EFBIG, "EFBIG"},     {EINTR, "EINTR"},
      {EINVAL, "EINVAL"},   {EIO, "EIO"},
      {EISDIR, "EISDIR"},   {ELOOP, "ELOOP"},
      {EMFILE, "EMFILE"},   {ENAMETOOLONG, "ENAMETOOLONG"},
      {ENFILE, "ENFILE"},   {ENOENT, "ENOENT"},
      {ENOMEM, "ENOMEM"},   {ENOSPC, "ENOSPC"},
      {ENOTDIR, "ENOTDIR"}, {ENOTEMPTY, "ENOTEMPTY"},
      {EPERM, "EPERM"},     {EPIPE, "EPIPE"},
      {EROFS, "EROFS"},     {EXDEV, "EXDEV"},
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (names[i].code == code) return names[i].name;
  return NULL;
}

static int push_failure(lua_State *L, const char *what, const char *path, int code) {
  lua_pushnil(L);
  lua_pushfstring(L, "cannot %s '%s': %s", what, path, strerror(code));
  const char *name = errno_name(code);
  if (name)
    lua_pushstring(L, name);
  else
    lua_pushfstring(L, "E%d", code);
  return 3;
}

/* A path as C sees it: a NUL inside would silently name another file. */
static const char *check_path(lua_State *L, int arg) {
  size_t length;
  const char *path = luaL_checklstring(L, arg, &length);
  luaL_argcheck(L, strlen(path) == length, arg, "a path cannot hold a NUL byte");
  luaL_argcheck(L, length > 0, arg, "the path is empty");
  return path;
}

static int write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t n = write(fd, bytes, length);
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes += n;
    length -= (size_t)n;
  }
  return 0;
}

/* Some file systems have no fsync for folders and say EINVAL; there is nothing more one could do on them. */
static int sync_path(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int code = fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
  if (close(fd) != 0 && code == 0) code = errno;
  return code;
}

/* ---- folders ---- */

static int sys_mkdir_p(lua_State *L) {
  const char *path = check_path(L, 1);
  char *copy = lua_newuserdatauv(L, strlen(path) + 1, 0);
  strcpy(copy, path);
  for (char *p = copy + 1;; p++) {
    if (*p != '/' && *p != '\0') continue;
    char end = *p;
    *p = '\0';
    if (mkdir(copy, 0777) != 0) {
      int code = errno;
      struct stat info;
      /* EEXIST also stands for a plain file in the way, EROFS and EACCES may hide a folder that is there. */
      if (stat(copy, &info) != 0 || !S_ISDIR(info.st_mode))
        return push_failure(L, "create folder", copy, code == EEXIST ? ENOTDIR : code);
    }
    if (end == '\0') break;
    *p = end;
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int directory_gc(lua_State *L) {
  DIR **box = luaL_checkudata(L, 1, DIRECTORY);
  if (*box) closedir(*box);
  *box = NULL;
  return 0;
}

/* list(path) -> names, unsorted by the system and therefore sorted by the caller; "." and ".." left out. */
static int sys_list(lua_State *L) {
  const char *path = check_path(L, 1);
  DIR **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  luaL_setmetatable(L, DIRECTORY);
  *box = opendir(path);
  if (!*box) return push_failure(L, "list", path, errno);
  lua_newtable(L);
  lua_Integer count = 0;
  for (;;) {
    errno = 0;
    struct dirent *entry = readdir(*box);
    if (!entry) {
      if (errno != 0) return push_failure(L, "list", path, errno);
      break;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    lua_pushstring(L, entry->d_name);
    lua_rawseti(L, -2, ++count);
  }
  closedir(*box);
  *box = NULL;
  return 1;
}

static const char *kind_of(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "directory";
  if (S_ISLNK(mode)) return "link";
  return "other";
}

/* stat(path [, "nofollow"]) -> {kind=, size=, mtime=} */
static int sys_stat(lua_State *L) {
  static const char *const modes[] = {"follow", "nofollow", NULL};
  const char *path = check_path(L, 1);
  int mode = luaL_checkoption(L, 2, "follow", modes);
  struct stat info;
  if ((mode == 0 ? stat(path, &info) : lstat(path, &info)) != 0) return push_failure(L, "read", path, errno);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, kind_of(info.st_mode));
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, (lua_Integer)info.st_size);
  lua_setfield(L, -2, "size");
  lua_pushnumber(L, (lua_Number)info.st_mtim.tv_sec + 1e-9 * (lua_Number)info.st_mtim.tv_nsec);
  lua_setfield(L, -2, "mtime");
  return 1;
}

static int sys_realpath(lua_State *L) {
  const char *path = check_path(L, 1);
  char resolved[PATH_MAX];
  if (!realpath(path, resolved)) return push_failure(L, "resolve", path, errno);
  lua_pushstring(L, resolved);
  return 1;
}

/* ---- writing ---- */

static int sys_fsync(lua_State *L) {
  const char *path = check_path(L, 1);
  int code = sync_path(path);
  if (code) return push_failure(L, "sync", path, code);
  lua_pushboolean(L, 1);
  return 1;
}

/* write_atomic(path, bytes): afterwards the path holds either all of the bytes, on disk, or what it held before.
 * The temporary is named ".NAME.tmp-PID-N" so that whoever owns the folder can tell and remove a killed writer's. */
static int sys_write_atomic(lua_State *L) {
  enum { ATTEMPTS = 100 };
  const char *path = check_path(L, 1);
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  luaL_argcheck(L, *name != '\0', 1, "names a folder, not a file");
  const char *folder = slash ? lua_pushlstring(L, path, slash == path ? 1 : (size_t)(slash - path)) : ".";
  size_t room = strlen(folder) + strlen(name) + 64;
  char *temp = lua_newuserdatauv(L, room, 0);

  int fd = -1;
  for (int attempt = 0; fd < 0 && attempt < ATTEMPTS; attempt++) {
    snprintf(temp, room, "%s/.%s.tmp-%ld-%d", folder, name, (long)getpid(), attempt);
    fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EEXIST) break;
  }
  if (fd < 0) return push_failure(L, "write", path, errno);

  int code = write_all(fd, bytes, length);
  if (code == 0 && fsync(fd) != 0) code = errno;
  if (close(fd) != 0 && code == 0) code = errno;
  if (code == 0 && rename(temp, path) != 0) code = errno;
  if (code != 0) {
    unlink(temp);
    return push_failure(L, "write", path, code);
  }
  /* The new file is in place; only its name may still be lost if the machine dies now. */
  code = sync_path(folder);
  if (code) return push_failure(L, "sync", folder, code);
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- appending ---- */

typedef struct {
  int fd; /* -1: closed */
} appender;

static appender *check_appender(lua_State *L) {
  appender *self = luaL_checkudata(L, 1, APPENDER);
  luaL_argcheck(L, self->fd >= 0, 1, "the file is closed");
  return self;
}

static const char *appender_path(lua_State *L) {
  lua_getiuservalue(L, 1, 1);
  return lua_tostring(L, -1);
}

/* append(path) -> handle with :write(bytes), :sync(), :size(), :truncate(bytes), :close(). Unbuffered on purpose:
 * what :write returned for is in the kernel and survives a kill of this process. */
static int sys_append(lua_State *L) {
  const char *path = check_path(L, 1);
  appender *self = lua_newuserdatauv(L, sizeof *self, 1);
  self->fd = -1;
  luaL_setmetatable(L, APPENDER);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  self->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (self->fd < 0) return push_failure(L, "open", path, errno);
  return 1;
}

/* A write that fails half way (full disk) is taken back, so that the file never ends in half a line of ours. */
static int appender_write(lua_State *L) {
  appender *self = check_appender(L);
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  const char *path = appender_path(L);
  struct stat before;
  if (fstat(self->fd, &before) != 0) return push_failure(L, "write", path, errno);
  int code = write_all(self->fd, bytes, length);
  if (code) {
    if (S_ISREG(before.st_mode) && ftruncate(self->fd, before.st_size) != 0)
      return push_failure(L, "take back a half-written line in", path, code);
    return push_failure(L, "write", path, code);
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int appender_sync(lua_State *L) {
  appender *self = check_appender(L);
  const char *path = appender_path(L);
  if (fsync(self->fd) != 0 && errno != EINVAL) return push_failure(L, "sync", path, errno);
  lua_pushboolean(L, 1);
  return 1;
}

static int appender_size(lua_State *L) {
  appender *self = check_appender(L);
  const char *path = appender_path(L);
  struct stat info;
  if (fstat(self->fd, &info) != 0) return push_failure(L, "read", path, errno);
  lua_pushinteger(L, (lua_Integer)info.st_size);
  return 1;
}

static int appender_truncate(lua_State *L) {
  appender *self = check_appender(L);
  lua_Integer size = luaL_checkinteger(L, 2);
  luaL_argcheck(L, size >= 0, 2, "a size cannot be negative");
  const char *path = appender_path(L);
  struct stat info;
  if (fstat(self->fd, &info) != 0) return push_failure(L, "truncate", path, errno);
  luaL_argcheck(L, size <= info.st_size, 2, "larger than the file");
  if (ftruncate(self->fd, (off_t)size) != 0) return push_failure(L, "truncate", path, errno);
  lua_pushboolean(L, 1);
  return 1;
}

static int appender_close(lua_State *L) {
  appender *self = luaL_checkudata(L, 1, APPENDER);
  const char *path = appender_path(L);
  int fd = self->fd;
  self->fd = -1;
  if (fd >= 0 && close(fd) != 0) return push_failure(L, "close", path, errno);
  lua_pushboolean(L, 1);
  return 1;
}

static int appender_gc(lua_State *L) {
  appender *self = luaL_checkudata(L, 1, APPENDER);
  if (self->fd >= 0) close(self->fd);
  self->fd = -1;
  return 0;
}

/* ---- locks ---- */

/* lock(path) -> handle held until :close() or the process ends, or nil, message, "EAGAIN" when another holds it. */
static int sys_lock(lua_State *L) {
  const char *path = check_path(L, 1);
  int *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = -1;
  luaL_setmetatable(L, LOCK);
  *box = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (*box < 0) return push_failure(L, "open", path, errno);
  if (flock(*box, LOCK_EX | LOCK_NB) != 0) return push_failure(L, "lock", path, errno);
  return 1;
}

static int lock_close(lua_State *L) {
  int *box = luaL_checkudata(L, 1, LOCK);
  if (*box >= 0) close(*box);
  *box = -1;
  return 0;
}

/* ---- SHA-256 ---- */

static void push_digest(lua_State *L, SHA2_CTX *context) {
  static const char digits[] = "0123456789abcdef";
  uint8_t digest[SHA256_DIGEST_LENGTH];
  char hex[2 * SHA256_DIGEST_LENGTH];
  SHA256Final(digest, context);
  for (size_t i = 0; i < sizeof digest; i++) {
    hex[2 * i] = digits[digest[i] >> 4];
    hex[2 * i + 1] = digits[digest[i] & 15];
  }
  lua_pushlstring(L, hex, sizeof hex);
}

static int sys_sha256(lua_State *L) {
  size_t length;
  const char *bytes = luaL_checklstring(L, 1, &length);
  SHA2_CTX context;
  SHA256Init(&context);
  SHA256Update(&context, (const uint8_t *)bytes, length);
  push_digest(L, &context);
  return 1;
}

static int sys_sha256_file(lua_State *L) {
  const char *path = check_path(L, 1);
  enum { CHUNK = 1 << 18 };
  uint8_t *chunk = lua_newuserdatauv(L, CHUNK, 0);
  SHA2_CTX context;
  SHA256Init(&context);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return push_failure(L, "read", path, errno);
  int code = 0;
  for (;;) {
    ssize_t n = read(fd, chunk, CHUNK);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) code = errno;
    if (n <= 0) break;
    SHA256Update(&context, chunk, (size_t)n);
  }
  close(fd);
  if (code) return push_failure(L, "read", path, code);
  push_digest(L, &context);
  return 1;
}

/* ---- terminal, clocks, process ---- */

/* A descriptor number or an open Lua file. */
static int check_descriptor(lua_State *L, int arg) {
  if (lua_isinteger(L, arg)) {
    lua_Integer fd = lua_tointeger(L, arg);
    luaL_argcheck(L, fd >= 0 && fd <= INT_MAX, arg, "not a file descriptor");
    return (int)fd;
  }
  luaL_Stream *stream = luaL_checkudata(L, arg, LUA_FILEHANDLE);
  luaL_argcheck(L, stream->closef != NULL, arg, "the file is closed");
  return fileno(stream->f);
}

static int sys_isatty(lua_State *L) {
  lua_pushboolean(L, isatty(check_descriptor(L, 1)));
  return 1;
}

/* terminal_width(file) -> columns, or nil where the file is no terminal or does not know. */
static int sys_terminal_width(lua_State *L) {
  struct winsize size;
  if (ioctl(check_descriptor(L, 1), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    lua_pushinteger(L, size.ws_col);
  else
    lua_pushnil(L);
  return 1;
}

static int push_clock(lua_State *L, clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  lua_pushnumber(L, (lua_Number)now.tv_sec + 1e-9 * (lua_Number)now.tv_nsec);
  return 1;
}

static int sys_monotonic(lua_State *L) { return push_clock(L, CLOCK_MONOTONIC); }

static int sys_time(lua_State *L) { return push_clock(L, CLOCK_REALTIME); }

static int sys_pid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)getpid());
  return 1;
}

/* ---- the module ---- */

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

int luaopen_lunette_sys(lua_State *L) {
  static const luaL_Reg appender_methods[] = {
      {"write", appender_write}, {"sync", appender_sync},  {"size", appender_size}, {"truncate", appender_truncate},
      {"close", appender_close}, {"__close", appender_gc}, {"__gc", appender_gc},   {NULL, NULL},
  };
  static const luaL_Reg lock_methods[] = {
      {"close", lock_close}, {"__close", lock_close}, {"__gc", lock_close}, {NULL, NULL}};
  static const luaL_Reg directory_methods[] = {{"__gc", directory_gc}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"append", sys_append},
      {"fsync", sys_fsync},
      {"isatty", sys_isatty},
      {"list", sys_list},
      {"lock", sys_lock},
      {"mkdir_p", sys_mkdir_p},
      {"monotonic", sys_monotonic},
      {"pid", sys_pid},
      {"realpath", sys_realpath},
      {"sha256", sys_sha256},
      {"sha256_file", sys_sha256_file},
      {"stat", sys_stat},
      {"terminal_width", sys_terminal_width},
      {"time", sys_time},
      {"write_atomic", sys_write_atomic},
      {NULL, NULL},
  };
  new_class(L, APPENDER, appender_methods);
  new_class(L, LOCK, lock_methods);
  new_class(L, DIRECTORY, directory_methods);
  luaL_newlib(L, functions);
  return 1;
}
