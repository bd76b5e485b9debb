# The firmware: console application + port + start-up code + what these share + one converted model
# + the engine.
file(GLOB app_sources CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/app/*.c" "${CMAKE_CURRENT_SOURCE_DIR}/common/*.c")

# A port may lie in a folder with what several share: port/a/b is made of port/a and port/a/b.
set(port_folders "")
set(port_folder "${MLUT_PORT}")
while(port_folder)
  list(APPEND port_folders "${CMAKE_CURRENT_SOURCE_DIR}/port/${port_folder}")
  cmake_path(GET port_folder PARENT_PATH port_folder)
endwhile()
list(TRANSFORM port_folders APPEND "/*.c" OUTPUT_VARIABLE port_globs)
file(GLOB port_sources CONFIGURE_DEPENDS ${port_globs})

add_executable(firmware
  ${app_sources} ${port_sources} "${MLUT_MODEL_DIR}/model.c" "${MLUT_MODEL_DIR}/weights.c")
set_target_properties(firmware PROPERTIES OUTPUT_NAME "${MLUT_NAME}" SUFFIX ".elf")
target_include_directories(firmware PRIVATE app common port ${port_folders} "${MLUT_MODEL_DIR}" "${MLUT_CONFIG_DIR}")
# Nothing here is hot: the generated code only calls the engine, so it is compiled for size.
target_compile_options(firmware PRIVATE -Os)
target_compile_definitions(firmware PRIVATE MLUT_ARENA_GUARD=16u)
target_link_libraries(firmware PRIVATE microlut)
target_link_options(firmware PRIVATE -Wl,--gc-sections "-Wl,-Map=${MLUT_NAME}.map")

if(MLUT_ARENA_MEMORY)
  set_property(SOURCE "${MLUT_MODEL_DIR}/model.c" APPEND PROPERTY COMPILE_DEFINITIONS
    "MLUT_ARENA_SECTION=__attribute__((section(\".bss.mlut_${MLUT_ARENA_MEMORY}\")))")
endif()

if(MLUT_PROFILE)
  target_sources(firmware PRIVATE profile/dump.c profile/laps.c)
  target_include_directories(firmware PRIVATE profile)
  target_compile_definitions(firmware PRIVATE MLUT_PROFILE)
endif()

if(MLUT_STARTUP)
  # The deepest stack is computed from the call graphs, with the frames' sizes.
  target_compile_options(mlut_options INTERFACE -fcallgraph-info=su)
  set(linker_script "${CMAKE_CURRENT_SOURCE_DIR}/linker/${MLUT_STARTUP}.ld")
  file(GLOB startup_sources CONFIGURE_DEPENDS
    "${CMAKE_CURRENT_SOURCE_DIR}/startup/${MLUT_STARTUP}*.c")
  target_sources(firmware PRIVATE ${startup_sources} startup/paint.c)
  target_include_directories(firmware PRIVATE startup)
  target_link_options(firmware PRIVATE
    -nostartfiles "-L${MLUT_CONFIG_DIR}" "-T${linker_script}"
    -Wl,--build-id=none -Wl,--fatal-warnings)
  set_property(TARGET firmware APPEND PROPERTY
    LINK_DEPENDS "${linker_script}" "${MLUT_CONFIG_DIR}/memory.ld" "${MLUT_CONFIG_DIR}/memories.ld")
  foreach(format IN LISTS MLUT_FORMATS)
    string(REPLACE ":" ";" format "${format}")
    list(GET format 0 bfd_name)
    list(GET format 1 ending)
    set(lacks "")
    if(bfd_name STREQUAL "binary") # a flat file from one memory to another would be huge
      list(TRANSFORM MLUT_BINARY_LACKS PREPEND "--remove-section=" OUTPUT_VARIABLE lacks)
    endif()
    add_custom_command(TARGET firmware POST_BUILD VERBATIM
      COMMAND "${CMAKE_OBJCOPY}" -O ${bfd_name} ${lacks} "${MLUT_NAME}.elf" "${MLUT_NAME}.${ending}")
  endforeach()
endif()
