/* file.c: whole files in and out. */
#define _GNU_SOURCE
#include "io/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(lun_context *c, const char *path, const char *doing) {
  return lun_fail(c, LUN_EIO, "%s: cannot %s: %s", path, doing, strerror(errno));
}

int lun_file_read(lun_context *c, const char *path, lun_tensor **out) {
  *out = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return lun_fail(c, LUN_EDATA, "%s: cannot open: %s", path, strerror(errno));
  if (fd < 0) return refuse(c, path, "open");
  struct stat st;
  int status = LUN_OK;
  if (fstat(fd, &st))
    status = refuse(c, path, "stat");
  else if (!S_ISREG(st.st_mode))
    status = lun_fail(c, LUN_EIO, "%s: expected a regular file, got %s", path,
                      S_ISDIR(st.st_mode) ? "a directory" : "something else");
  else
    status = lun_empty(c, LUN_U8, LUN_CPU, 1, (int64_t[]){st.st_size}, out);
  for (int64_t done = 0; !status && done < st.st_size;) {
    int64_t want = st.st_size - done < (1 << 30) ? st.st_size - done : 1 << 30;
    ssize_t got = read(fd, (char *)lun_data(*out) + done, (size_t)want);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) status = refuse(c, path, "read");
    if (got == 0)
      status = lun_fail(c, LUN_EIO, "%s: shrank while it was read: %lld of %lld bytes came", path, (long long)done,
                        (long long)st.st_size);
    done += got;
  }
  close(fd);
  if (status) lun_release(*out), *out = NULL;
  return status;
}

static int write_all(int fd, const lun_part *p) {
  for (int64_t done = 0; done < p->size;) {
    int64_t want = p->size - done < (1 << 30) ? p->size - done : 1 << 30;
    ssize_t put = write(fd, (const char *)p->data + done, (size_t)want);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return -1;
    done += put;
  }
  return 0;
}

/* A rename is on disk only when its directory is. */
static int sync_directory(const char *path) {
  char dir[PATH_MAX];
  const char *slash = strrchr(path, '/');
  snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  int st = fsync(fd);
  if (st && (errno == EINVAL || errno == EROFS)) st = 0; /* file systems without directory fsync */
  close(fd);
  return st;
}

int lun_file_write(lun_context *c, const char *path, int nparts, const lun_part *parts) {
  struct stat st;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* the rename would put a file in place of a device or a pipe */
    return lun_fail(c, LUN_EIO, "%s: cannot write: it is there and is not a regular file", path);
  char temp[PATH_MAX];
  if (snprintf(temp, sizeof temp, "%s.tmp.%ld", path, (long)getpid()) >= (int)sizeof temp)
    return lun_fail(c, LUN_EIO, "%.80s...: the path is too long", path);
  int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return refuse(c, path, "create a file beside it");
  int failed = 0;
  for (int i = 0; i < nparts && !failed; i++) failed = write_all(fd, &parts[i]);
  if (!failed) failed = fsync(fd);
  int why = errno;
  if (close(fd) && !failed) failed = -1, why = errno;
  if (!failed && rename(temp, path)) failed = -1, why = errno;
  if (failed) {
    unlink(temp);
    errno = why;
    return refuse(c, path, "write");
  }
  return sync_directory(path) ? refuse(c, path, "sync the directory of") : LUN_OK;
}
