# SPDX-License-Identifier: Apache-2.0
#
# How everything here is compiled. sessile_flags is for our own files; sessile_sanitizers is also handed to whatever is
# linked with the library inside this build. Neither is installed.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(sessile_sanitizers INTERFACE)
if(SESSILE_SANITIZE)
    list(JOIN SESSILE_SANITIZE "," sanitizers)
    target_compile_options(sessile_sanitizers INTERFACE
        -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(sessile_sanitizers INTERFACE -fsanitize=${sanitizers})
endif()

add_library(sessile_flags INTERFACE)
target_compile_options(sessile_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
if(SESSILE_WERROR)
    target_compile_options(sessile_flags INTERFACE -Werror)
endif()
target_link_libraries(sessile_flags INTERFACE sessile_sanitizers)
