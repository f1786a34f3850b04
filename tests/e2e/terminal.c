/* terminal.c: drives a program on a terminal of its own, for tests of interactive sessions.
**
** usage: terminal SCRIPT PROGRAM [ARGS]. Lines of SCRIPT:
**   send TEXT      type TEXT (\n \r \t \\ \xHH and ^C for Ctrl-C, ^D for the end of input)
**   expect TEXT    wait until TEXT appears in the output after what was last expected
**   absent TEXT    TEXT does not stand in the output from where the last expect began to look
**   wait MS        let so much time pass
**   exit CODE      wait for the program to end with CODE
** Prints what was not met, with the output, and exits 1; 10 seconds are the longest wait.
*/
#define _XOPEN_SOURCE 600
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 1 << 20, PATIENCE_MS = 10000 };

static char output[SIZE];
static size_t length, seen, before; /* bytes read, those an expect has passed, those passed when it began */

static long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Read what comes within ms; false at the end of the program's output. */
static bool gather(int fd, long ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  if (poll(&p, 1, (int)ms) <= 0) return true;
  ssize_t n = read(fd, output + length, SIZE - 1 - length);
  if (n <= 0) return false;
  for (ssize_t i = 0; i < n; i++) /* strstr must not stop early */
    if (!output[length + (size_t)i]) output[length + (size_t)i] = ' ';
  length += (size_t)n;
  output[length] = 0;
  return true;
}

static bool expect(int fd, const char *text) {
  before = seen;
  for (long end = now_ms() + PATIENCE_MS;;) {
    char *at = strstr(output + seen, text);
    if (at) {
      seen = (size_t)(at - output) + strlen(text);
      return true;
    }
    if (now_ms() > end || !gather(fd, 50)) return strstr(output + seen, text) != NULL;
  }
}

static size_t decode(const char *s, char *out) {
  size_t n = 0;
  for (; *s; s++)
    if (*s == '^' && s[1] >= '@' && s[1] <= '_')
      out[n++] = *++s - '@';
    else if (*s == '\\' && s[1] == 'x') {
      char hex[3] = {s[2], s[3], 0};
      out[n++] = (char)strtol(hex, NULL, 16);
      s += 3;
    } else if (*s == '\\' && s[1])
      out[n++] = *++s == 'n' ? '\n' : *s == 'r' ? '\r' : *s == 't' ? '\t' : *s;
    else
      out[n++] = *s;
  return n;
}

static pid_t start(int *fd, char **argv) {
  *fd = posix_openpt(O_RDWR | O_NOCTTY);
  if (*fd < 0 || grantpt(*fd) || unlockpt(*fd)) return -1;
  const char *name = ptsname(*fd);
  pid_t pid = fork();
  if (pid) return pid;
  setsid();
  int tty = open(name, O_RDWR);
  struct winsize size = {.ws_row = 24, .ws_col = 100};
  ioctl(tty, TIOCSCTTY, 0);
  ioctl(tty, TIOCSWINSZ, &size);
  for (int i = 0; i < 3; i++) dup2(tty, i);
  if (tty > 2) close(tty);
  close(*fd);
  execv(argv[0], argv);
  _exit(127);
}

static bool ends(int fd, pid_t pid, int code) {
  int status = 0;
  for (long end = now_ms() + PATIENCE_MS; now_ms() < end;) {
    gather(fd, 20);
    if (waitpid(pid, &status, WNOHANG) == pid) return WIFEXITED(status) && WEXITSTATUS(status) == code;
  }
  return false;
}

static bool step(int fd, pid_t pid, const char *line) {
  char text[4096];
  const char *rest = strchr(line, ' ');
  rest = rest ? rest + 1 : "";
  if (!strncmp(line, "send ", 5)) {
    size_t n = decode(rest, text);
    /* libedit prints its prompt before it takes the terminal over: type as late as people do. */
    for (long end = now_ms() + 60; now_ms() < end;) gather(fd, 10);
    return write(fd, text, n) == (ssize_t)n;
  }
  if (!strncmp(line, "expect ", 7)) return expect(fd, rest);
  if (!strncmp(line, "absent ", 7)) return gather(fd, 100) && !strstr(output + before, rest);
  if (!strncmp(line, "exit ", 5)) return ends(fd, pid, atoi(rest));
  if (!strncmp(line, "wait ", 5)) {
    for (long end = now_ms() + atol(rest); now_ms() < end;) gather(fd, 10);
    return true;
  }
  return *line == 0 || *line == '#';
}

int main(int argc, char **argv) {
  FILE *script = argc > 2 ? fopen(argv[1], "r") : NULL;
  int fd = -1, number = 0;
  if (!script) {
    fprintf(stderr, "usage: terminal SCRIPT PROGRAM [ARGS]\n");
    return 2;
  }
  pid_t pid = start(&fd, argv + 2);
  if (pid < 0) {
    perror("terminal");
    return 2;
  }
  char line[4096];
  bool ok = true;
  while (ok && fgets(line, sizeof line, script)) {
    number++;
    line[strcspn(line, "\n")] = 0;
    ok = step(fd, pid, line);
  }
  fclose(script);
  if (!ok)
    printf("not met, line %d: %s\n--- output since the last expect:\n%s\n--- all of it:\n%s\n---\n", number, line,
           output + seen, output);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  return ok ? 0 : 1;
}
