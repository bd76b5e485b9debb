/* Reads (x, multiplier, shift) as int32 from a file and writes mlut_multiply of each to another. */
#include "fixed_point.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL;
    FILE *out = argc == 3 ? fopen(argv[2], "wb") : NULL;
    if (in == NULL || out == NULL) {
        return 1;
    }
    int32_t triple[3];
    while (fread(triple, sizeof(triple), 1, in) == 1) {
        const int32_t product = mlut_multiply(triple[0], triple[1], triple[2]);
        if (fwrite(&product, sizeof(product), 1, out) != 1) {
            return 1;
        }
    }
    return fclose(in) | fclose(out);
}
