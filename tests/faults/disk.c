/*
 * A disk that is full or read-only, without the right to mount one: preloaded into patcher and its
 * git. While the file FAULT_WHILE exists, below FAULT_FOLDER nothing can be written (FAULT_DISK=full,
 * as a tmpfs has it, where empty files and folders find room), or nothing changed at all (readonly).
 * FAULT_DISK=power: FAULT_WHILE is a folder that gets a copy of each file as of its last fsync(2) or
 * fdatasync(2), under the number of its inode.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int is(const char *disk) {
    const char *now = getenv("FAULT_DISK"), *mark = getenv("FAULT_WHILE");
    return now && mark && !strcmp(now, disk) && !syscall(SYS_faccessat, AT_FDCWD, mark, F_OK);
}

static int below(const char *path) {
    const char *folder = getenv("FAULT_FOLDER");
    size_t size = folder ? strlen(folder) : 0;
    return size && !strncmp(path, folder, size) && (path[size] == '/' || !path[size]);
}

static int opened_below(int fd) {
    char name[64], path[PATH_MAX + 1];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(name, path, PATH_MAX);
    if (size < 0)
        return 0;
    path[size] = 0;
    return below(path);
}

/* Where a path leads, without its last part, which need not be there. */
static int leads_below(int folder, const char *path) {
    char whole[2 * PATH_MAX + 2], above[PATH_MAX + 1], name[64];
    ssize_t size = 0;
    if (path[0] != '/') {
        snprintf(name, sizeof name, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        size = readlink(name, whole, PATH_MAX);
        if (size < 0)
            return 0;
        whole[size++] = '/';
    }
    snprintf(whole + size, sizeof whole - size, "%s", path);
    if (below(whole))
        return 1;
    char *last = strrchr(whole, '/');
    *last = 0;
    return realpath(last == whole ? "/" : whole, above) && below(above);
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL(number) do { errno = number; return -1; } while (0)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    if (size && is("full") && opened_below(fd)) FAIL(ENOSPC);
    return real(fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    if (size && is("full") && opened_below(fd)) FAIL(ENOSPC);
    return real(fd, data, size, at);
}

ssize_t writev(int fd, const struct iovec *data, int count) {
    REAL(writev);
    if (is("full") && opened_below(fd)) FAIL(ENOSPC);
    return real(fd, data, count);
}

static void synced_copy(char name[static PATH_MAX], ino_t inode) {
    snprintf(name, PATH_MAX, "%s/%llu", getenv("FAULT_WHILE"), (unsigned long long)inode);
}

static void keep(int fd) {
    char name[PATH_MAX], new[PATH_MAX + 32], data[1 << 16];
    struct stat status;
    if (!is("power") || fstat(fd, &status) || !S_ISREG(status.st_mode) || !opened_below(fd))
        return;
    synced_copy(name, status.st_ino);
    snprintf(new, sizeof new, "%s.%ld", name, (long)syscall(SYS_gettid));
    int to = syscall(SYS_openat, AT_FDCWD, new, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    /* A file that is open for writing alone is opened once more; SQLite's, which would lose its
     * locks by that, are not. */
    int from = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY ? -1 : fd;
    if (from < 0) {
        char own[64];
        snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
        from = syscall(SYS_openat, AT_FDCWD, own, O_RDONLY);
    }
    off_t at = 0;
    ssize_t size;
    while ((size = pread(from, data, sizeof data, at)) > 0) {
        if (write(to, data, size) != size)
            abort();
        at += size;
    }
    if (to < 0 || from < 0 || size < 0 || syscall(SYS_renameat2, AT_FDCWD, new, AT_FDCWD, name, 0))
        abort();
    close(to);
    if (from != fd)
        close(from);
}

/* Another file may get the number. */
static void drop(const char *path) {
    char name[PATH_MAX];
    struct stat status;
    if (is("power") && leads_below(AT_FDCWD, path) && !lstat(path, &status) && status.st_nlink == 1) {
        synced_copy(name, status.st_ino);
        syscall(SYS_unlinkat, AT_FDCWD, name, 0);
    }
}

#define SYNC(name)                                                                                 \
    int name(int fd) {                                                                             \
        REAL(name);                                                                                \
        int result = real(fd);                                                                     \
        if (!result) keep(fd);                                                                     \
        return result;                                                                             \
    }
SYNC(fsync)
SYNC(fdatasync)

#define WRITES (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)
#define OPEN(name, folder, parameters, arguments)                                                  \
    int name parameters {                                                                          \
        REAL(name);                                                                                \
        mode_t mode = 0;                                                                           \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                       \
            va_list more;                                                                          \
            va_start(more, flags);                                                                 \
            mode = va_arg(more, mode_t);                                                           \
            va_end(more);                                                                          \
        }                                                                                          \
        if (flags & WRITES && is("readonly") && leads_below(folder, path)) FAIL(EROFS);            \
        return real arguments;                                                                     \
    }
OPEN(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPEN(openat, at, (int at, const char *path, int flags, ...), (at, path, flags, mode))
OPEN(openat64, at, (int at, const char *path, int flags, ...), (at, path, flags, mode))

#define CHANGE(name, path, parameters, arguments)                                                  \
    int name parameters {                                                                          \
        REAL(name);                                                                                \
        if (is("readonly") && leads_below(AT_FDCWD, path)) FAIL(EROFS);                            \
        drop(path);                                                                                \
        return real arguments;                                                                     \
    }
CHANGE(mkdir, path, (const char *path, mode_t mode), (path, mode))
CHANGE(rmdir, path, (const char *path), (path))
CHANGE(unlink, path, (const char *path), (path))
CHANGE(chmod, path, (const char *path, mode_t mode), (path, mode))
CHANGE(link, to, (const char *from, const char *to), (from, to))
CHANGE(symlink, to, (const char *from, const char *to), (from, to))
CHANGE(rename, to, (const char *from, const char *to), (from, to))
