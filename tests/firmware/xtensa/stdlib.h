/* Memory for one block at a time. */
#include <stddef.h>

void *aligned_alloc(size_t alignment, size_t bytes);
void free(void *block);
