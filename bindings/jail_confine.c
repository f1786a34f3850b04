/* jail_confine.c: how the jailed process gives up what it could do. Nothing here can be taken back. */
#include "jail.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#elif defined __riscv && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#endif

#if defined __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

void lunb_jail_close_others(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0) return;
#endif
  struct rlimit most = {0}; /* a kernel before 5.9 */
  getrlimit(RLIMIT_NOFILE, &most);
  for (rlim_t fd = (rlim_t)first; fd < most.rlim_cur && fd < 65536; fd++) close((int)fd);
}

static void limit(int what, rlim_t value) {
  struct rlimit r = {value, value}, now;
  if (getrlimit(what, &now) == 0 && now.rlim_max < value) r.rlim_cur = r.rlim_max = now.rlim_max;
  setrlimit(what, &r);
}

/* write(1, ...) and exit_group; anything else ends the process at once. */
static int filter_calls(void) {
#ifdef ARCH
  enum { NR = offsetof(struct seccomp_data, nr), FD = offsetof(struct seccomp_data, args[0]) };
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  enum { LOW = FD, HIGH = FD + 4 };
#else
  enum { LOW = FD + 4, HIGH = FD };
#endif
  struct sock_filter rules[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 0, 8 + SANITIZED),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
#if defined __SANITIZE_ADDRESS__ /* it looks for the signal stack at every longjmp */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sigaltstack, 6, 0),
#endif
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 5, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 5),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, STDOUT_FILENO, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, HIGH),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  struct sock_fprog program = {sizeof rules / sizeof rules[0], rules};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : errno ? errno : EINVAL;
#else
  return ENOSYS; /* whose numbers of system calls are not known here */
#endif
}

int lunb_jail_confine(uint64_t cpu_seconds) {
  close(STDIN_FILENO);
  close(STDERR_FILENO);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NPROC, 0);
  limit(RLIMIT_NOFILE, 0);
  limit(RLIMIT_CPU, (rlim_t)cpu_seconds);
  /* All memory is there by now; AddressSanitizer's shadow alone is larger than any limit. */
  if (!SANITIZED) limit(RLIMIT_AS, (rlim_t)512 * 1024 * 1024);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno ? errno : EINVAL;
  return filter_calls();
}

_Noreturn void lunb_jail_exit(int code) {
  for (;;) syscall(SYS_exit_group, code);
}
