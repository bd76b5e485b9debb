/* Runs one family's clock code on registers in memory, and prints what it left there.
 *
 * argv[1]: which oscillators run, any of "h" (HSE), "p" (PLL) and "s" (the switch to the PLL, and
 * whatever else is waited for). The rest: pairs ADDRESS=VALUE that registers have after reset.
 */
#include "stm32.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REGISTERS 64u

void mlut_enable_caches(void);
void mlut_enable_caches(void)
{
}

static struct {
    uint32_t address;
    uint32_t value;
} registers[REGISTERS];
static unsigned used;
static const char *running;

static uint32_t *find(uint32_t address)
{
    for (unsigned i = 0; i < used; i++) {
        if (registers[i].address == address) {
            return &registers[i].value;
        }
    }
    if (used == REGISTERS) {
        abort();
    }
    registers[used].address = address;
    return &registers[used++].value;
}

/* Every access first lets the hardware follow what was written before. */
volatile uint32_t *fake_register(uint32_t address)
{
    uint32_t *value = find(address);
    if (address == FAKE_RCC_CR) {
        uint32_t ready = 0;
        ready |= strchr(running, 'h') != NULL && (*value & STM32_HSEON) != 0u ? STM32_HSERDY : 0u;
        ready |= strchr(running, 'p') != NULL && (*value & STM32_PLLON) != 0u ? STM32_PLLRDY : 0u;
        *value = (*value & ~(STM32_HSERDY | STM32_PLLRDY)) | ready;
    }
    if (strchr(running, 's') != NULL) {
        if (address == FAKE_SWITCH) {
            *value =
                (*value & ~(FAKE_SW << FAKE_SWS_SHIFT)) | ((*value & FAKE_SW) << FAKE_SWS_SHIFT);
        }
#ifdef FAKE_READY
        static const struct {
            uint32_t address, request_address, request, ready;
        } rules[] = {FAKE_READY};
        for (unsigned i = 0; i < sizeof rules / sizeof rules[0]; i++) {
            if (address == rules[i].address &&
                (*find(rules[i].request_address) & rules[i].request) == rules[i].request) {
                *value |= rules[i].ready;
            }
        }
#endif
    }
    return value;
}

int main(int argc, char **argv)
{
    running = argv[1];
    for (int i = 2; i < argc; i++) {
        char *end = NULL;
        uint32_t address = (uint32_t)strtoul(argv[i], &end, 16);
        *find(address) = (uint32_t)strtoul(end + 1, NULL, 16);
    }
    stm32_clocks_t first = stm32_start_clocks();
    stm32_clocks_t again = stm32_start_clocks();
    printf("clocks %u %u %u %u\n", first.core_hz, first.apb1_hz, first.apb2_hz,
        memcmp(&first, &again, sizeof first) == 0);
    for (unsigned i = 0; i < used; i++) {
        printf("%08x %08x\n", registers[i].address, registers[i].value);
    }
    return 0;
}
