/* lineedit.h: reading lines from a terminal, with history; plain getline where there is no capable terminal. */
#ifndef LUNB_LINEEDIT_H
#define LUNB_LINEEDIT_H

#include <stdbool.h>

typedef struct lunb_editor lunb_editor;

enum { LUNB_LINE, LUNB_END, LUNB_CANCELLED };

lunb_editor *lunb_editor_open(void); /* NULL: out of memory */
void lunb_editor_close(lunb_editor *e);
/* One line without its newline, valid until the next call. LUNB_CANCELLED: Ctrl-C at the prompt. */
int lunb_editor_read(lunb_editor *e, const char *prompt, const char **line);
/* Remember a whole input (several lines count as one) and append it to the history file. */
void lunb_editor_remember(lunb_editor *e, const char *input);

#endif
