/* embedded.h: the Lua library inside the binary. The table is written at build time from lua/. */
#ifndef LUNB_EMBEDDED_H
#define LUNB_EMBEDDED_H

typedef struct {
  const char *path; /* "lunette/nn.lua"; NULL ends the table */
  const char *text, *end;
} lunb_file;

extern const lunb_file lunb_embedded[];

#endif
