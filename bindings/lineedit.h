/* lineedit.h: reading lines from a terminal, with history; plain getline where there is no capable terminal. */
#ifndef LUNB_LINEEDIT_H
#define LUNB_LINEEDIT_H

#include <stddef.h>

typedef struct lunb_editor lunb_editor;

enum { LUNB_LINE, LUNB_END, LUNB_CANCELLED };

lunb_editor *lunb_editor_open(void); /* NULL: out of memory */
void lunb_editor_close(lunb_editor *e);
/* What Tab does: given the text before the cursor, returns what to insert or NULL, and in *list what to show below or
** leaves it NULL; both are freed by the editor. */
typedef char *(*lunb_completer)(void *context, const char *text, size_t n, char **list);
void lunb_editor_complete_by(lunb_editor *e, lunb_completer complete, void *context);
/* An input without its closing newline, valid until the next call: a line, or several that were pasted or recalled as
** one. LUNB_CANCELLED: Ctrl-C at the prompt. */
int lunb_editor_read(lunb_editor *e, const char *prompt, const char **line);
/* The next reads give these lines one by one, as if they were typed, until lunb_editor_drop. */
void lunb_editor_retype(lunb_editor *e, const char *lines);
void lunb_editor_drop(lunb_editor *e);
/* Remember a whole input (several lines count as one) and append it to the history file. */
void lunb_editor_remember(lunb_editor *e, const char *input);

#endif
