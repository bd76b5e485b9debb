/* Files of the computer that QEMU runs on, without buffers. */
#include <stddef.h>

typedef struct file FILE; /* never looked into: its address is the number of an open file */
#define stderr ((FILE *)2)

FILE *fopen(const char *path, const char *mode);
size_t fread(void *to, size_t size, size_t count, FILE *file);
size_t fwrite(const void *from, size_t size, size_t count, FILE *file);
int fputs(const char *text, FILE *file);
int fclose(FILE *file);
