/* jail.h: the process in which a recipe's text is evaluated, and what it and the program say to each other.
**
** The program starts itself with the hidden argument --jail (lua_jail.c). The child makes a Lua state on a fixed piece
** of memory, reads the text, gives up every right it has (jail_confine.c), only then parses and evaluates, and writes
** the value (jail.c). The program takes what comes for hostile: it bounds and checks it, and kills the child when time
** is up.
**
** To the child: lunb_jail_request, then the text. From the child: one byte that says how it is confined, then a frame:
** kind, length of the payload as 4 bytes (all numbers little-endian), the payload. Then the end of the pipe.
*/
#ifndef LUNB_JAIL_H
#define LUNB_JAIL_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  LUNB_JAIL_TEXT = 256 * 1024 + 2,     /* bytes of a recipe; 2 for the "--" in front of a "#!" */
  LUNB_JAIL_MEMORY = 64 * 1024 * 1024, /* of the child's Lua state */
  LUNB_JAIL_PAYLOAD = 4 * 1024 * 1024, /* bytes of a frame */
  LUNB_JAIL_HEAD = 1 + 1 + 4,          /* confinement, kind, length */
  LUNB_JAIL_KEYS = 10000,              /* of all tables together */
  LUNB_JAIL_DEPTH = 16,                /* tables in tables */
  LUNB_JAIL_STRING = 4096,             /* bytes of a string or key */
  LUNB_JAIL_CLOSED = 'J',              /* no system call is left but the writing of the result and the exit */
  LUNB_JAIL_OPEN = 'T',                /* seccomp is not to be had, and the request said to go on without */
  LUNB_JAIL_REFUSED = 'N',             /* seccomp is not to be had: its errno as one byte follows, and the end */
  LUNB_JAIL_VALUE = 'V',
  LUNB_JAIL_ERROR = 'E', /* the payload is the message, "recipe:LINE: ..." where it has a line */
};

typedef struct {
  uint64_t instructions; /* after which the evaluation is given up; 0: none */
  uint64_t memory;       /* bytes, at most LUNB_JAIL_MEMORY */
  uint64_t string_bytes; /* of one string that a library function builds */
  uint64_t cpu_seconds;  /* should the program be stopped while it watches the clock */
  uint64_t trust;        /* go on without seccomp */
  uint64_t text;         /* bytes that follow */
} lunb_jail_request;

int lunb_jail_main(void); /* the child: -> exit code */

/* ---- confinement (jail_confine.c) ---- */
void lunb_jail_close_others(int first); /* closes every descriptor from `first` on */
/* Descriptors 0 and 2, rights, resources and system calls are gone: what is left is writing to descriptor 1, exiting
** and the memory there is. -> 0, or the errno of seccomp where the system forbids that; the rest holds even then. */
int lunb_jail_confine(uint64_t cpu_seconds);
_Noreturn void lunb_jail_exit(int code);

/* ---- memory (jail_arena.c) ---- */
typedef struct lunb_arena lunb_arena;
lunb_arena *lunb_arena_make(void *memory, size_t size);       /* uses `memory` and nothing else; 16-byte aligned */
void *lunb_arena_resize(lunb_arena *a, void *p, size_t size); /* as realloc; size 0 frees; NULL: full, p stays */

/* ---- values (jail_value.c) ---- */
/* Writes the value at the top of the stack, in an order that hashing does not change. May raise. -> bytes, or 0: it has
** more than `room`. What a recipe may not hold is marked, for the program to complain about with its line. */
size_t lunb_jail_encode(lua_State *L, uint8_t *out, size_t room);
/* Pushes the value that the bytes hold, whoever wrote them; or pushes nothing and returns what is wrong with them. May
** raise where memory is short. */
const char *lunb_jail_decode(lua_State *L, const uint8_t *bytes, size_t size);

#endif
