/* lineedit.c: libedit's own interface. The history file is UTF-8 of ours, one input a line, newlines and backslashes
** escaped: libedit's own format writes every byte beyond ASCII in octal.
**
** Terminals that can bracket what is pasted are asked to: it arrives as one input of many lines, and its tabs are tabs.
*/
#include "lineedit.h"

#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

struct lunb_editor {
  EditLine *edit; /* NULL: plain getline */
  History *history;
  HistEvent event;
  const char *prompt;
  char *line;
  size_t size;
  char *retyped, *next; /* lines still to be given as if typed, NULL: none */
  lunb_completer complete;
  void *context;
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

/* Tab: a tab where the line has no text yet, else a completion. */
static unsigned char on_tab(EditLine *edit, wint_t key) {
  (void)key;
  lunb_editor *e = NULL;
  el_get(edit, EL_CLIENTDATA, &e);
  const LineInfo *info = el_line(edit);
  const char *start = info->cursor;
  while (start > info->buffer && start[-1] != '\n') start--;
  size_t blank = strspn(start, " \t");
  if (!e->complete || blank >= (size_t)(info->cursor - start)) return el_insertstr(edit, "\t") ? CC_ERROR : CC_REFRESH;
  char *list = NULL, *insert = e->complete(e->context, info->buffer, (size_t)(info->cursor - info->buffer), &list);
  unsigned char result = CC_ERROR; /* rings the bell */
  if (insert && *insert)
    result = el_insertstr(edit, insert) ? CC_ERROR : CC_REFRESH;
  else if (list) {
    printf("\n%s\n", list);
    fflush(stdout);
    result = CC_REDISPLAY;
  }
  free(insert);
  free(list);
  return result;
}

/* Everything up to the mark that ends a paste, into the line. */
static unsigned char on_paste(EditLine *edit, wint_t key) {
  (void)key;
  static const wchar_t end[] = L"\033[201~";
  enum { MARK = sizeof end / sizeof *end - 1 };
  size_t n = 0, room = 0;
  wchar_t *text = NULL, c;
  while (el_wgetc(edit, &c) == 1) {
    if (n + 2 > room) {
      wchar_t *more = realloc(text, (room = 2 * room + 256) * sizeof *text);
      if (!more) break;
      text = more;
    }
    text[n++] = c == L'\r' ? L'\n' : c;
    if (n >= MARK && !wmemcmp(text + n - MARK, end, MARK)) {
      n -= MARK;
      break;
    }
  }
  int failed = 0;
  if (text) {
    if (n && text[n - 1] == L'\n') n--; /* Enter runs it, and shows no empty line */
    text[n] = 0;
    failed = n && el_winsertstr(edit, text);
  }
  free(text);
  return failed ? CC_ERROR : CC_REFRESH;
}

/* Ask the terminal to mark what is pasted. */
static void bracket(bool on) {
  fputs(on ? "\033[?2004h" : "\033[?2004l", stdout);
  fflush(stdout);
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
  /* By its wide interface: the other one copies the two texts and never frees them. */
  el_wset(e->edit, EL_ADDFN, L"complete", L"complete the word before the cursor", on_tab);
  el_set(e->edit, EL_BIND, "\t", "complete", NULL);
  el_wset(e->edit, EL_ADDFN, L"bracketed-paste", L"insert pasted text as it is", on_paste);
  el_set(e->edit, EL_BIND, "\033[200~", "bracketed-paste", NULL);
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
  free(e->retyped);
  free(e);
}

void lunb_editor_complete_by(lunb_editor *e, lunb_completer complete, void *context) {
  e->complete = complete;
  e->context = context;
}

void lunb_editor_drop(lunb_editor *e) {
  free(e->retyped);
  e->retyped = e->next = NULL;
}

void lunb_editor_retype(lunb_editor *e, const char *lines) {
  char *copy = strdup(lines);
  lunb_editor_drop(e);
  e->retyped = e->next = copy;
}

/* Keep a copy of a line as the editor's own. */
static int give(lunb_editor *e, const char *text, const char **line) {
  char *copy = strdup(text);
  if (!copy) return LUNB_END;
  free(e->line);
  *line = e->line = copy;
  return LUNB_LINE;
}

static int read_retyped(lunb_editor *e, const char *prompt, const char **line) {
  char *end = strchr(e->next, '\n');
  if (end) *end = 0;
  printf("%s%s\n", prompt, e->next);
  int result = give(e, e->next, line);
  if (end)
    e->next = end + 1;
  else
    lunb_editor_drop(e);
  return result;
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
  bracket(true);
  const char *text = el_gets(e->edit, &n);
  bracket(false);
  if (!text || n <= 0) return cancelled ? LUNB_CANCELLED : LUNB_END;
  int result = give(e, text, line);
  if (result == LUNB_LINE && e->line[strlen(e->line) - 1] == '\n') e->line[strlen(e->line) - 1] = 0;
  return result;
}

/* While the prompt waits, Ctrl-C cancels the input; during a computation it belongs to the interpreter. */
int lunb_editor_read(lunb_editor *e, const char *prompt, const char **line) {
  if (e->next) return read_retyped(e, prompt, line);
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
