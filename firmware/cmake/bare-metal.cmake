# Toolchain file: a bare-metal GCC, such as arm-none-eabi-gcc. MLUT_CORE_FLAGS selects the core.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MLUT_COMPILER_PREFIX)
set(CMAKE_C_COMPILER "${MLUT_COMPILER_PREFIX}gcc")
set(CMAKE_OBJCOPY "${MLUT_COMPILER_PREFIX}objcopy")
# A bare-metal program links only with our own linker script, so the compiler check must not link.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
