/* jail_support.c: what jail.sh needs that a shell cannot do.
**   jail_support calls               locks child processes in as a recipe's is, and has each try a system call
**   jail_support without-seccomp COMMAND...   runs the command where the system refuses seccomp, as some containers do
*/
#define _GNU_SOURCE
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
  const char *name;
  long number, a, b, c;
} forbidden[] = {
    {"read", SYS_read, 0, 0, 0},
    {"write to another descriptor", SYS_write, 2, 0, 0},
    {"write to a descriptor of more than 32 bits", SYS_write, (long)(1ull << 32 | 1), 0, 0},
    {"openat", SYS_openat, AT_FDCWD, (long)"/etc/passwd", O_RDONLY},
    {"close", SYS_close, 1, 0, 0},
    {"mmap", SYS_mmap, 0, 4096, PROT_READ},
    {"mprotect", SYS_mprotect, 0, 4096, PROT_EXEC},
    {"brk", SYS_brk, 0, 0, 0},
    {"socket", SYS_socket, 2, 1, 0},
    {"clone", SYS_clone, SIGCHLD, 0, 0},
    {"execve", SYS_execve, (long)"/bin/true", 0, 0},
    {"kill", SYS_kill, 1, 0, 0},
    {"ptrace", SYS_ptrace, 0, 0, 0},
    {"ioctl", SYS_ioctl, 1, 0, 0},
    {"prctl", SYS_prctl, PR_GET_DUMPABLE, 0, 0},
    {"getpid", SYS_getpid, 0, 0, 0},
    {"nanosleep", SYS_nanosleep, 0, 0, 0},
    {"memfd_create", SYS_memfd_create, (long)"x", 0, 0},
    {"exit of one thread", SYS_exit, 0, 0, 0},
#ifdef __x86_64__
    {"open", SYS_open, (long)"/etc/passwd", O_RDONLY, 0},
    {"fork", SYS_fork, 0, 0, 0},
    {"a call of the x32 numbers", 0x40000000 | SYS_write, 1, 0, 0},
#endif
};

/* From here on this process and its children get EPERM for every way to seccomp. */
static bool refuse_seccomp(void) {
  struct sock_filter rules[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 3, 0),
                                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
                                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
                                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_SECCOMP, 0, 1),
                                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {sizeof rules / sizeof rules[0], rules};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void said(bool ok, const char *form, const char *name, int *failed) {
  printf("%s - ", ok ? "ok" : "not ok");
  printf(form, name);
  puts("");
  if (!ok) *failed = 1;
}

static int calls(void) {
  int failed = 0;
  setbuf(stdout, NULL);
  for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
      if (lunb_jail_confine(5)) _exit(9);
      syscall(forbidden[i].number, forbidden[i].a, forbidden[i].b, forbidden[i].c, 0, 0, 0);
      lunb_jail_exit(0);
    }
    if (waitpid(pid, &status, 0) != pid) return 2;
    said(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "jailed, the call ends the process: %s", forbidden[i].name,
         &failed);
  }
  int status, ends[2];
  char got[4] = "";
  if (pipe(ends)) return 2;
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 1);
    lunb_jail_close_others(3);
    if (fcntl(ends[0], F_GETFD) != -1 || lunb_jail_confine(5)) _exit(9);
    lunb_jail_exit(write(1, "yes", 3) == 3 ? 4 : 5);
  }
  close(ends[1]);
  bool written = read(ends[0], got, 3) == 3 && !strcmp(got, "yes");
  said(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 4 && written, "%s",
       "jailed, writing to descriptor 1 and exiting are left", &failed);
  pid = fork();
  if (pid == 0) {
    struct rlimit r[4];
    static const int what[4] = {RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_FSIZE, RLIMIT_CORE};
    if (!refuse_seccomp()) _exit(9);
    if (lunb_jail_confine(5) != EPERM) _exit(8);
    for (int i = 0; i < 4; i++)
      if (getrlimit(what[i], &r[i]) || r[i].rlim_cur || r[i].rlim_max) _exit(7);
    if (open("/dev/null", O_RDONLY) >= 0 || prctl(PR_GET_DUMPABLE)) _exit(6);
    _exit(0);
  }
  said(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s",
       "without seccomp the limits still hold: no file, no process, no core", &failed);
  return failed;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "calls")) return calls();
  if (argc > 2 && !strcmp(argv[1], "without-seccomp")) {
    if (!refuse_seccomp()) return 99;
    execvp(argv[2], argv + 2);
    return 98;
  }
  return 2;
}
