"""Applications of other ecosystems: with stubs of these, they speak the protocol and infer."""

from __future__ import annotations

import select
import subprocess
from pathlib import Path

import numpy as np
import pytest
from engine_batch import require

import microlut
from digits_example import MODEL, TEST
from microlut.errors import InvalidInput
from microlut.exporters.formats import APPLICATIONS, ExportFormat
from microlut.running.device import Device, run_inputs
from microlut.running.protocol import microseconds_of
from microlut.verification.reference import make_reference

COMMAND_CHARACTERS = 256  # the longest command, firmware/app/console.c

# What each application takes of its ecosystem: the console is standard input and output.
TIME = """
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static inline uint64_t stub_microseconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}
static inline int stub_get(void)
{
    const int byte = getchar();
    if (byte == EOF) {
        exit(0);
    }
    return byte;
}
"""
ARDUINO = """
#pragma once
#include "stub.h"
struct SerialPort {
    void begin(unsigned long) {}
    int available() { return 1; }
    int read() { return stub_get(); }
    void write(const uint8_t *text, size_t bytes)
    {
        fwrite(text, 1, bytes, stdout);
        fflush(stdout);
    }
    void flush() {}
};
inline SerialPort Serial;
static inline uint32_t micros() { return (uint32_t)stub_microseconds(); }
static inline void yield() {}
static inline void delay(unsigned) {}
extern "C" { // as in the core for STM32
void setup();
void loop();
}
"""
STUBS: dict[str, dict[str, str]] = {
    "arduino": {"Arduino.h": ARDUINO},
    "platformio": {"Arduino.h": ARDUINO},
    "pico-sdk": {
        "pico/stdlib.h": """
#include "stub.h"
static inline void stdio_init_all(void) {}
static inline int getchar_timeout_us(uint32_t us) { (void)us; return stub_get(); }
static inline int putchar_raw(int c) { return putchar(c); }
static inline void stdio_flush(void) { fflush(stdout); }
static inline uint64_t time_us_64(void) { return stub_microseconds(); }
static inline void sleep_ms(uint32_t ms) { (void)ms; }
"""
    },
    "zephyr": {
        "zephyr/kernel.h": """
#include "stub.h"
#define K_FOREVER 0
/* A tick takes 10 ms and a cycle 1 us; the 32 bits of cycles have begun before the kernel. */
static inline uint64_t stub_uptime(void)
{
    static uint64_t start;
    if (start == 0u) {
        start = stub_microseconds();
    }
    return stub_microseconds() - start;
}
static inline int64_t k_uptime_ticks(void) { return (int64_t)(stub_uptime() / 10000u); }
static inline uint64_t k_ticks_to_cyc_floor64(uint64_t ticks) { return ticks * 10000u; }
static inline uint64_t k_ticks_to_us_floor64(uint64_t ticks) { return ticks * 10000u; }
static inline uint64_t k_cyc_to_us_floor64(uint64_t cycles) { return cycles; }
static inline uint32_t k_cycle_get_32(void) { return (uint32_t)stub_uptime() - 500u; }
static inline int k_sleep(int timeout) { return timeout; }
""",
        "zephyr/sys/printk.h": '#include "stub.h"\n#define printk printf\n',
        "zephyr/console/console.h": """
#include "stub.h"
static inline int console_init(void) { return 0; }
static inline int console_getchar(void) { fflush(stdout); return stub_get(); }
static inline int console_putchar(char c) { return putchar(c); }
""",
    },
    "esp-idf": {
        "esp_timer.h": """
#include "stub.h"
static inline int64_t esp_timer_get_time(void) { return (int64_t)stub_microseconds(); }
""",
        "freertos/FreeRTOS.h": '#include "stub.h"\n#define portMAX_DELAY 0xffffffffu\n',
        "freertos/task.h": """
#include <stdlib.h>
static inline void vTaskDelay(uint32_t ticks) { (void)ticks; if (feof(stdin)) { exit(0); } }
void app_main(void);
""",
    },
    "stm32cube": {
        "main.h": """
#include "stub.h"
typedef struct { int number; } UART_HandleTypeDef;
extern UART_HandleTypeDef huart2;
#define HAL_OK 0
#define HAL_MAX_DELAY 0xffffffffu
static inline int HAL_UART_Receive(
    UART_HandleTypeDef *uart, uint8_t *to, uint16_t n, uint32_t wait)
{
    (void)uart;
    (void)n;
    (void)wait;
    fflush(stdout);
    *to = (uint8_t)stub_get();
    return HAL_OK;
}
static inline int HAL_UART_Transmit(
    UART_HandleTypeDef *uart, uint8_t *from, uint16_t n, uint32_t wait)
{
    (void)uart;
    (void)wait;
    return fwrite(from, 1, n, stdout) == n ? HAL_OK : 1;
}
static inline uint32_t HAL_GetTick(void) { return (uint32_t)(stub_microseconds() / 1000u); }
typedef struct { uint32_t VAL, LOAD; } SysTick_Type;
__attribute__((unused)) static SysTick_Type stub_systick = {500, 999};
#define SysTick (&stub_systick)
static inline void __WFI(void) { exit(0); }
"""
    },
}
ENTRIES = {  # where the ecosystem has the main function
    "arduino": 'extern "C" void setup(void); int main(void) { setup(); return 0; }\n',
    "platformio": 'extern "C" void setup(void); int main(void) { setup(); return 0; }\n',
    "esp-idf": "extern void app_main(void); int main(void) { app_main(); return 0; }\n",
    "stm32cube": '#include "main.h"\nextern void mlut_app_run(void);\n'
    "UART_HandleTypeDef huart2; int main(void) { mlut_app_run(); return 0; }\n",
}


class Pipe:
    """A process as the device at the end of a port."""

    name = "pipe"

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def read(self, seconds: float) -> bytes:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        return self._process.stdout.read1(4096) if ready else b""  # type: ignore[attr-defined]

    def write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()


def built(to: str, folder: Path, place: Path) -> Path:
    """Compile an application with the stubs, with all warnings; only these are on a path."""
    stubs = place / "stubs"
    for name, text in {"stub.h": f"#pragma once\n{TIME}", **STUBS[to]}.items():
        (stubs / name).parent.mkdir(parents=True, exist_ok=True)
        (stubs / name).write_text(text)
    code = folder / APPLICATIONS[ExportFormat(to)].replace("NAME", "digits")
    sources = [*code.rglob("*.c"), *folder.rglob("*.cpp"), *folder.rglob("*.ino")]
    if to in ENTRIES:
        (place / f"entry.{'cpp' if to in ('arduino', 'platformio') else 'c'}").write_text(
            ENTRIES[to]
        )
        sources += place.glob("entry.*")
    options = ["-O1", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror", f"-I{stubs}"]
    objects = []
    for i, source in enumerate(sources):
        plain = source.suffix == ".c"
        language = ["-x", "c", "-std=c11"] if plain else ["-x", "c++", "-std=c++17"]
        target = place / f"{i}.o"
        command = [require("gcc" if plain else "g++"), *options, *language, "-c", source]
        subprocess.run([*command, "-o", target], check=True)
        objects.append(target)
    subprocess.run([require("g++"), *objects, "-o", place / "program"], check=True)
    return place / "program"


@pytest.mark.parametrize("to", sorted(STUBS))
def test_applications_infer_by_the_protocol(to: str, project, tmp_path: Path):
    exported = microlut.export(project, to, tmp_path / "app", app=True)
    assert {"README.md", "LICENSE", "microlut.json"} < {*exported.files}
    (tmp_path / "place").mkdir()
    program = built(to, tmp_path / "app", tmp_path / "place")
    samples = microlut.load_samples(TEST, project.inputs)
    reference = make_reference(project, samples)
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        device = Device(Pipe(process))
        assert device.model() == "digits"
        found = run_inputs(
            device, reference.flat_inputs[:3], reference.outputs.shape[1], lambda: None
        )
        assert np.array_equal(found.outputs, reference.outputs[:3])
        assert all(0 <= time < 10**7 for time in found.microseconds)
        times = [microseconds_of(device.command(b"timestamp%"))[0] for _ in range(20)]
        assert times == sorted(times)
        assert 0 <= times[-1] - times[0] < 10**7
        assert any(time % 10000 for time in times)  # finer than an operating system's tick
    finally:
        process.kill()
        process.wait()


def test_zephyrs_console_holds_a_command(project, tmp_path: Path):
    """With the 16 bytes that it holds by itself, a command loses bytes in QEMU."""
    microlut.export(project, "zephyr", tmp_path / "app", app=True)
    settings = dict(
        line.split("=") for line in (tmp_path / "app" / "prj.conf").read_text().splitlines()
    )
    assert int(settings["CONFIG_CONSOLE_GETCHAR_BUFSIZE"]) >= COMMAND_CHARACTERS


def test_every_application_is_tested_with_a_stub():
    assert {*STUBS} == {to.value for to in APPLICATIONS}


def test_sources_of_applications_are_listed(project, tmp_path: Path):
    for to, listing in (
        ("pico-sdk", "CMakeLists.txt"),
        ("zephyr", "CMakeLists.txt"),
        ("esp-idf", "main/CMakeLists.txt"),
    ):
        folder = tmp_path / to
        microlut.export(project, to, folder, app=True)
        text = (folder / listing).read_text()
        code = [*folder.rglob("*.c")]
        assert len(code) > 50
        listed = [file.relative_to((folder / listing).parent).as_posix() for file in code]
        assert [name for name in listed if name not in text.replace('"', " ").split()] == []


def test_what_is_no_application(project, second, tmp_path: Path):
    for models, to, more, message in (
        (project, "zip", {}, "zip has no applications; export one to arduino"),
        (project, "tflite", {}, "tflite has no applications"),
        ([project, second], "zephyr", {}, "runs one model, and 2 were given"),
        (project, "zephyr", {"front": "mfcc"}, "leave the front end out"),
    ):
        with pytest.raises(InvalidInput, match=message):
            microlut.export(models, to, tmp_path / "out", app=True, **more)
    with pytest.raises(InvalidInput, match="pico-sdk takes applications; give --app"):
        microlut.export(project, "pico-sdk", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_model_that_has_the_name_of_a_part(tmp_path: Path):
    made = microlut.convert(MODEL, name="console", input_range=(0, 16))
    with pytest.raises(InvalidInput, match=r"console\.[ch] would be a model's file and the app"):
        microlut.export(made, "arduino", tmp_path / "out", app=True)
