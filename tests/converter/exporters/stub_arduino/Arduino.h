// What the examples take of an Arduino core: Serial is standard output.
#ifndef STUB_ARDUINO_H
#define STUB_ARDUINO_H

#include <stdint.h>
#include <stdio.h>

struct SerialPort {
    void begin(unsigned long) {}
    explicit operator bool() const { return true; }
    void print(const char *text) { printf("%s", text); }
    void print(unsigned number) { printf("%u", number); }
    void print(long number) { printf("%ld", number); }
    void println(const char *text) { puts(text); }
};
extern SerialPort Serial;

void setup();
void loop();

#endif // STUB_ARDUINO_H
