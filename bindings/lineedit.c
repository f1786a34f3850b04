/* lineedit.c: libedit's own interface. The history file is UTF-8 of ours, one input a line, newlines and backslashes
** escaped: libedit's own format writes every byte beyond ASCII in octal.
*/
#include "lineedit.h"

#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lunb_editor {
  EditLine *edit; /* NULL: plain getline */
  History *history;
  HistEvent event;
  const char *prompt;
  char *line;
  size_t size;
  char path[1024]; /* of the history file, "" for none */
};

enum { REMEMBERED = 5000 };

static volatile sig_atomic_t cancelled;
static void on_interrupt(int number) {
  (void)number;
  cancelled = 1;
}

static char *prompt_of(EditLine *edit) {
  lunb_editor *e = NULL;
  el_get(edit, EL_CLIENTDATA, &e);
  return (char *)e->prompt;
}

/* $XDG_STATE_HOME/lunette/history where that folder is set, else ~/.lunette_history. */
static void choose_path(lunb_editor *e) {
  const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  int n = 0;
  if (state && *state) {
    char folder[1000];
    if (snprintf(folder, sizeof folder, "%s/lunette", state) >= (int)sizeof folder) return;
    if (mkdir(folder, 0700) == 0 || errno == EEXIST) n = snprintf(e->path, sizeof e->path, "%s/history", folder);
  } else if (home && *home)
    n = snprintf(e->path, sizeof e->path, "%s/.lunette_history", home);
  if (n >= (int)sizeof e->path) e->path[0] = 0;
}

static void unescape(char *s) {
  char *to = s;
  for (; *s && *s != '\n'; s++)
    if (s[0] == '\\' && (s[1] == 'n' || s[1] == '\\'))
      *to++ = *++s == 'n' ? '\n' : '\\';
    else
      *to++ = *s;
  *to = 0;
}

static void load_history(lunb_editor *e) {
  FILE *f = e->path[0] ? fopen(e->path, "r") : NULL;
  if (!f) return;
  char *line = NULL;
  size_t size = 0;
  while (getline(&line, &size, f) > 0) {
    unescape(line);
    if (*line) history(e->history, &e->event, H_ENTER, line);
  }
  free(line);
  fclose(f);
}

lunb_editor *lunb_editor_open(void) {
  lunb_editor *e = calloc(1, sizeof *e);
  if (!e) return NULL;
  const char *term = getenv("TERM");
  bool capable = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
  if (!capable) return e;
  /* libedit reads characters of the locale's encoding; this touches only what counts as a character. */
  if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
  e->edit = el_init("lunette", stdin, stdout, stderr);
  e->history = history_init();
  if (!e->edit || !e->history) {
    if (e->edit) el_end(e->edit);
    if (e->history) history_end(e->history);
    e->edit = NULL;
    e->history = NULL;
    return e;
  }
  history(e->history, &e->event, H_SETSIZE, REMEMBERED);
  history(e->history, &e->event, H_SETUNIQUE, 1);
  el_set(e->edit, EL_CLIENTDATA, e);
  el_set(e->edit, EL_PROMPT, prompt_of);
  el_set(e->edit, EL_EDITOR, "emacs");
  el_set(e->edit, EL_HIST, history, e->history);
  el_set(e->edit, EL_SIGNAL, 0);
  el_set(e->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
  el_set(e->edit, EL_BIND, "\t", "ed-insert", NULL); /* a pasted tab is a tab */
  el_source(e->edit, NULL);
  choose_path(e);
  load_history(e);
  return e;
}

void lunb_editor_close(lunb_editor *e) {
  if (!e) return;
  if (e->edit) el_end(e->edit);
  if (e->history) history_end(e->history);
  free(e->line);
  free(e);
}

static int read_plain(lunb_editor *e, const char *prompt, const char **line) {
  fputs(prompt, stdout);
  fflush(stdout);
  ssize_t n = getline(&e->line, &e->size, stdin);
  if (n < 0) {
    clearerr(stdin);
    return cancelled ? LUNB_CANCELLED : LUNB_END;
  }
  if (n && e->line[n - 1] == '\n') e->line[n - 1] = 0;
  *line = e->line;
  return LUNB_LINE;
}

static int read_edited(lunb_editor *e, const char *prompt, const char **line) {
  int n = 0;
  e->prompt = prompt;
  const char *text = el_gets(e->edit, &n);
  if (!text || n <= 0) return cancelled ? LUNB_CANCELLED : LUNB_END;
  char *copy = strdup(text);
  if (!copy) return LUNB_END;
  free(e->line);
  e->line = copy;
  copy[strcspn(copy, "\n")] = 0;
  *line = copy;
  return LUNB_LINE;
}

/* While the prompt waits, Ctrl-C cancels the input; during a computation it belongs to the interpreter. */
int lunb_editor_read(lunb_editor *e, const char *prompt, const char **line) {
  struct sigaction a, before;
  memset(&a, 0, sizeof a);
  a.sa_handler = on_interrupt;
  cancelled = 0;
  sigaction(SIGINT, &a, &before);
  int result = e->edit ? read_edited(e, prompt, line) : read_plain(e, prompt, line);
  sigaction(SIGINT, &before, NULL);
  if (result == LUNB_CANCELLED) {
    if (e->edit) el_reset(e->edit);
    putchar('\n');
  }
  return result;
}

void lunb_editor_remember(lunb_editor *e, const char *input) {
  if (!e->history || !*input) return;
  history(e->history, &e->event, H_ENTER, input);
  FILE *f = e->path[0] ? fopen(e->path, "a") : NULL;
  if (!f) return;
  for (; *input; input++)
    if (*input == '\n')
      fputs("\\n", f);
    else if (*input == '\\')
      fputs("\\\\", f);
    else
      fputc(*input, f);
  fputc('\n', f);
  fclose(f);
}
