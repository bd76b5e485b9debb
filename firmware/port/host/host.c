/* A POSIX computer: console on standard input and output, preloaded data from the file argv[1]. */
#define _POSIX_C_SOURCE 200809L

#include "port.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const uint8_t *preload;
static size_t preload_bytes;
static struct timespec start;

static void map_file(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    if (status.st_size > 0) {
        void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (data == MAP_FAILED) {
            perror(path);
            exit(EXIT_FAILURE);
        }
        preload = data;
        preload_bytes = (size_t)status.st_size;
    }
    close(file);
}

void mlut_port_init(int argc, char **argv)
{
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (argc > 1) {
        map_file(argv[1]);
    }
}

int mlut_port_read(void)
{
    (void)fflush(stdout); /* the other side may be waiting for the answer before it sends more */
    return getchar();
}

void mlut_port_write(const char *text, size_t bytes)
{
    if (fwrite(text, 1, bytes, stdout) != bytes) {
        exit(EXIT_FAILURE);
    }
}

uint64_t mlut_port_microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t seconds = (int64_t)(now.tv_sec - start.tv_sec);
    int64_t nanoseconds = (int64_t)(now.tv_nsec - start.tv_nsec);
    return (uint64_t)(seconds * 1000000 + nanoseconds / 1000);
}

const uint8_t *mlut_port_preload(size_t *bytes)
{
    *bytes = preload_bytes;
    return preload;
}

_Noreturn void mlut_port_exit(int status)
{
    exit(status);
}
