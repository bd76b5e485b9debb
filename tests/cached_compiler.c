/* Run a compiler, and give an object again that an earlier test compiled from the same source of the
 * firmware by the same options. Tests build hundreds of images, and most of their files are equal.
 *
 *   cached_compiler COMPILER OPTIONS... -o OBJECT -c SOURCE
 *
 * MLUT_TEST_OBJECTS is the folder of the objects, MLUT_TEST_FIRMWARE that of the firmware, which
 * does not change while tests run. ccache would do, but leaves out the call graph beside an object.
 * This is C because images have fifty files: a shell takes 30 ms for each, which adds up to minutes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* FNV-1a with 128 bits. */
static unsigned __int128 hash = ((unsigned __int128)0x6c62272e07bb0142 << 64) | 0x62b821756295c58d;

static void add(const void *bytes, size_t count)
{
    const unsigned __int128 prime = ((unsigned __int128)1 << 88) | 0x13b;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * prime;
    }
}

/* Adds a word without the build's own folder, of which objects have no trace. */
static void add_option(const char *word, const char *work)
{
    const size_t length = strlen(work);
    for (const char *found; (found = strstr(word, work)) != NULL; word = found + length) {
        add(word, (size_t)(found - word));
    }
    add(word, strlen(word) + 1u);
}

static int add_file(const char *path)
{
    char bytes[1 << 16];
    const int file = open(path, O_RDONLY);
    ssize_t count = -1;
    while (file >= 0 && (count = read(file, bytes, sizeof(bytes))) > 0) {
        add(bytes, (size_t)count);
    }
    return file < 0 || close(file) != 0 || count < 0 ? -1 : 0;
}

/* Copies a file by way of another name, so that nobody sees a part of it. */
static int copy(const char *from, const char *to)
{
    char bytes[1 << 16], part[PATH_MAX];
    snprintf(part, sizeof(part), "%s.%d", to, (int)getpid());
    const int in = open(from, O_RDONLY);
    if (in < 0) {
        return -1;
    }
    const int out = open(part, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    ssize_t count = -1;
    while (out >= 0 && (count = read(in, bytes, sizeof(bytes))) > 0) {
        if (write(out, bytes, (size_t)count) != count) {
            count = -1;
            break;
        }
    }
    close(in);
    return out < 0 || close(out) != 0 || count < 0 ? -1 : rename(part, to);
}

static int compile(char **command)
{
    const pid_t child = fork();
    if (child == 0) {
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return 1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Adds the headers that a build generates; returns whether there are their folders. */
static int add_generated(void)
{
    struct stat folder;
    glob_t found = {0};
    if (stat("../config", &folder) != 0 || stat("../model", &folder) != 0) {
        return 0;
    }
    (void)glob("../config/*.h", 0, NULL, &found);
    (void)glob("../model/*.h", GLOB_APPEND, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (add_file(found.gl_pathv[i]) != 0) {
            return 0;
        }
    }
    globfree(&found);
    return 1;
}

int main(int count, char **words)
{
    const char *const objects = getenv("MLUT_TEST_OBJECTS");
    const char *const firmware = getenv("MLUT_TEST_FIRMWARE");
    if (count < 2 || objects == NULL || firmware == NULL) {
        fputs("usage: cached_compiler COMPILER OPTIONS... -o OBJECT -c SOURCE\n", stderr);
        return 2;
    }
    const char *object = NULL;
    char source[PATH_MAX] = "", work[PATH_MAX];
    for (int i = 2; i + 1 < count; i++) {
        object = strcmp(words[i], "-o") == 0 ? words[i + 1] : object;
    }
    const size_t length = strlen(firmware);
    int kept = object != NULL && realpath(words[count - 1], source) != NULL;
    kept = kept && strncmp(source, firmware, length) == 0 && source[length] == '/';
    if (kept && strncmp(source + length, "/src/", 5) != 0) {
        const char *const end = strrchr(source, '.');
        kept = end != NULL && strcmp(end, ".c") == 0 && add_generated();
    }
    if (!kept || getcwd(work, sizeof(work)) == NULL) {
        execvp(words[1], words + 1);
        perror(words[1]);
        return 127;
    }
    *strrchr(work, '/') = '\0';
    for (int i = 1; i < count; i++) {
        add_option(words[i] == object ? "OBJECT" : words[i], work);
    }
    char stored[PATH_MAX], stored_calls[PATH_MAX], calls[PATH_MAX];
    const int stem = (int)(strrchr(object, '.') - object);
    const unsigned long long high = (unsigned long long)(hash >> 64);
    const unsigned long long low = (unsigned long long)hash;
    snprintf(stored, sizeof(stored), "%s/%016llx%016llx.o", objects, high, low);
    snprintf(stored_calls, sizeof(stored_calls), "%s/%016llx%016llx.ci", objects, high, low);
    snprintf(calls, sizeof(calls), "%.*s.ci", stem, object);
    if (access(stored, R_OK) == 0) {
        if (access(stored_calls, R_OK) == 0 && copy(stored_calls, calls) != 0) {
            return 1;
        }
        return copy(stored, object) == 0 ? 0 : 1;
    }
    const int status = compile(words + 1);
    if (status == 0 && access(object, R_OK) == 0) {
        /* Another process may look before both files are there: the object comes last. */
        if (access(calls, R_OK) != 0 || copy(calls, stored_calls) == 0) {
            (void)copy(object, stored);
        }
    }
    return status;
}
