/* Multiplication to 64 bits and division: the ESP8266 has them in its ROM, so that Debian's libgcc
 * for the core leaves them out. */
#include <stdint.h>

uint64_t __muldi3(uint64_t a, uint64_t b);
uint32_t __udivsi3(uint32_t dividend, uint32_t divisor);
uint32_t __umodsi3(uint32_t dividend, uint32_t divisor);
int32_t __divsi3(int32_t dividend, int32_t divisor);
uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
int64_t __divdi3(int64_t dividend, int64_t divisor);

uint64_t __muldi3(uint64_t a, uint64_t b)
{
    const uint32_t a0 = (uint16_t)a;
    const uint32_t a1 = (uint16_t)(a >> 16);
    const uint32_t b0 = (uint16_t)b;
    const uint32_t b1 = (uint16_t)(b >> 16);
    const uint32_t low = a0 * b0;
    const uint32_t middle = a1 * b0 + (low >> 16); /* at most (2^16 - 1)^2 + 2^16 - 1 < 2^32 */
    const uint32_t other = a0 * b1 + (uint16_t)middle;
    uint32_t high = a1 * b1 + (middle >> 16) + (other >> 16);
    high += (uint32_t)(a >> 32) * (uint32_t)b + (uint32_t)a * (uint32_t)(b >> 32);
    return (uint64_t)high << 32 | (other << 16 | (uint16_t)low);
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor)
{
    uint64_t quotient = 0;
    uint64_t rest = 0;
    for (uint32_t i = 0; i < 64u; i++) {
        rest = rest << 1 | dividend >> 63;
        dividend <<= 1;
        quotient <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= 1u;
        }
    }
    return quotient;
}

int64_t __divdi3(int64_t dividend, int64_t divisor)
{
    const uint64_t a = dividend < 0 ? 0u - (uint64_t)dividend : (uint64_t)dividend;
    const uint64_t b = divisor < 0 ? 0u - (uint64_t)divisor : (uint64_t)divisor;
    const uint64_t quotient = __udivdi3(a, b);
    return (int64_t)((dividend < 0) == (divisor < 0) ? quotient : 0u - quotient);
}

uint32_t __udivsi3(uint32_t dividend, uint32_t divisor)
{
    return (uint32_t)__udivdi3(dividend, divisor);
}

uint32_t __umodsi3(uint32_t dividend, uint32_t divisor)
{
    return dividend - __udivsi3(dividend, divisor) * divisor;
}

int32_t __divsi3(int32_t dividend, int32_t divisor)
{
    return (int32_t)__divdi3(dividend, divisor);
}
