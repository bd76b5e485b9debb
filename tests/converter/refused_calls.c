/* Loaded before the C library: from the Nth on, calls that make or write files are refused.
 *
 * REFUSE_UNDER is where (a part of the path), REFUSE_FROM the number N, REFUSE_WITH the errno. The
 * calls so far are counted in the file REFUSE_COUNT, a byte for each.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int is_under(const char *path)
{
    const char *place = getenv("REFUSE_UNDER");
    return place != NULL && path != NULL && strstr(path, place) != NULL;
}

/* Returns whether a file is one of those; a path that is not absolute, by the folder it is in. */
static int is_open_under(int file)
{
    char name[64], path[4096];
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    const ssize_t bytes = file == AT_FDCWD ? -1 : readlink(name, path, sizeof path - 1u);
    if (bytes < 0) {
        return 0;
    }
    path[bytes] = '\0';
    return is_under(path);
}

static int is_refused(int concerns)
{
    const char *count = getenv("REFUSE_COUNT");
    if (!concerns || count == NULL) {
        return 0;
    }
    const int before = errno;
    const long file = syscall(SYS_openat, AT_FDCWD, count, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)syscall(SYS_write, file, "x", 1);
    const off_t calls = lseek((int)file, 0, SEEK_END);
    (void)syscall(SYS_close, file);
    errno = before;
    if (calls < atol(getenv("REFUSE_FROM"))) {
        return 0;
    }
    errno = atoi(getenv("REFUSE_WITH"));
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Calls that open a file are refused where they may make it or cut it off. */
#define OPEN(name)                                                                                 \
    int name(const char *path, int how, ...)                                                       \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, how);                                                                       \
        const mode_t mode = va_arg(rest, mode_t);                                                  \
        va_end(rest);                                                                              \
        return is_refused((how & O_CREAT) && is_under(path)) ? -1 : NEXT(name)(path, how, mode);   \
    }
OPEN(open)
OPEN(open64)

#define CALL(type, name, parameters, arguments, concerns)                                          \
    type name parameters                                                                           \
    {                                                                                              \
        return is_refused(concerns) ? -1 : NEXT(name) arguments;                                   \
    }
CALL(ssize_t, write, (int to, const void *from, size_t bytes), (to, from, bytes), is_open_under(to))
CALL(ssize_t,
    sendfile,
    (int to, int from, off_t *at, size_t bytes),
    (to, from, at, bytes),
    is_open_under(to))
CALL(ssize_t,
    sendfile64,
    (int to, int from, off64_t *at, size_t bytes),
    (to, from, at, bytes),
    is_open_under(to))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), is_under(path))
CALL(int, rename, (const char *from, const char *to), (from, to), is_under(to))
CALL(int,
    renameat2,
    (int a, const char *from, int b, const char *to, unsigned how),
    (a, from, b, to, how),
    is_under(to))
CALL(int, symlink, (const char *target, const char *path), (target, path), is_under(path))
CALL(int, link, (const char *from, const char *to), (from, to), is_under(to))
CALL(int, fsync, (int file), (file), is_open_under(file))
