#!/bin/sh
# Install the programs that microlut starts and that no Python package brings: a C compiler, the
# bare-metal compilers for Arm (with newlib) and RISC-V (with picolibc), QEMU for both, and Python's
# venv module.
#
# With --tests also what only tests need: a compiler for Xtensa, Clang, and flash tools.
# With --analysis also what only `make analyze-code` needs: clang-tidy and cppcheck.
# Does nothing when all are there. Uses apt-get where it exists; elsewhere it says what to install.
set -eu

has() {
    command -v "$1" >/dev/null 2>&1
}

has_file() { # compiler, file of a C library
    has "$1" || return 1
    case $("$1" -print-file-name="$2") in
    /*) return 0 ;;
    *) return 1 ;;
    esac
}

has_venv() {
    # ensurepip is what Debian leaves out of Python without python3-venv
    has python3 && python3 -c 'import ensurepip, venv' >/dev/null 2>&1
}

missing=
has_venv || missing="$missing python3-venv"
{ has cc && has c++; } || missing="$missing build-essential" # c++ only for tests
has arm-none-eabi-gcc || missing="$missing gcc-arm-none-eabi"
has_file arm-none-eabi-gcc nano.specs || missing="$missing libnewlib-arm-none-eabi"
has qemu-system-arm || missing="$missing qemu-system-arm"
has riscv64-unknown-elf-gcc || missing="$missing gcc-riscv64-unknown-elf"
has_file riscv64-unknown-elf-gcc picolibc.specs || missing="$missing picolibc-riscv64-unknown-elf"
has qemu-system-riscv32 || missing="$missing qemu-system-misc"
if [ "${1:-}" = --tests ]; then
    has xtensa-lx106-elf-gcc || missing="$missing gcc-xtensa-lx106"
    has openocd || missing="$missing openocd"
    has st-flash || missing="$missing stlink-tools"
    has clang || missing="$missing clang"
elif [ "${1:-}" = --analysis ]; then
    has clang-tidy || missing="$missing clang-tidy"
    has cppcheck || missing="$missing cppcheck"
fi

if [ -z "$missing" ]; then
    echo "install-tools: everything is installed"
    exit 0
fi

if ! has apt-get; then
    echo "install-tools: missing (names of Debian packages):$missing" >&2
    echo "There is no apt-get here. Install them with:" >&2
    echo "  Fedora: sudo dnf install python3 gcc make arm-none-eabi-gcc-cs" \
        "arm-none-eabi-newlib qemu-system-arm qemu-system-riscv" >&2
    echo "  Arch:   sudo pacman -S python base-devel arm-none-eabi-gcc" \
        "arm-none-eabi-newlib qemu-system-arm riscv64-elf-gcc qemu-system-riscv" >&2
    echo "  macOS:  xcode-select --install; brew install python qemu;" \
        "brew install --cask gcc-arm-embedded" >&2
    exit 1
fi

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        echo "install-tools: neither root nor sudo; run as root: $*" >&2
        exit 1
    fi
}

echo "install-tools: installing:$missing"
as_root env DEBIAN_FRONTEND=noninteractive apt-get update
# shellcheck disable=SC2086  # one word per package
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
