# SPDX-License-Identifier: Apache-2.0
#
# Fuzz targets: each fuzz/*.c that defines LLVMFuzzerTestOneInput. With SESSILE_LIBFUZZER they are fuzzers; without,
# they are linked with fuzz/standalone.c, which feeds them files, and ctest replays fuzz/corpus/<target> through them.

sessile_split(fuzz "LLVMFuzzerTestOneInput\\(" targets helpers)
set(driver ${PROJECT_SOURCE_DIR}/fuzz/standalone.c)
list(REMOVE_ITEM targets ${driver})
list(REMOVE_ITEM helpers ${driver})
add_library(fuzz_support OBJECT ${helpers})
target_include_directories(fuzz_support PUBLIC ${PROJECT_SOURCE_DIR}/fuzz)
target_link_libraries(fuzz_support PUBLIC sessile_tests_support)

foreach(source IN LISTS targets)
    get_filename_component(name ${source} NAME_WE)
    add_executable(fuzz_${name} ${source})
    set_target_properties(fuzz_${name} PROPERTIES
        OUTPUT_NAME ${name}
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    target_link_libraries(fuzz_${name} PRIVATE fuzz_support)
    if(SESSILE_LIBFUZZER)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(fuzz_${name} PRIVATE ${driver})
        add_test(NAME corpus_${name} COMMAND fuzz_${name} ${PROJECT_SOURCE_DIR}/fuzz/corpus/${name})
        set_tests_properties(corpus_${name} PROPERTIES LABELS corpus TIMEOUT 120)
    endif()
endforeach()

# What fuzz/seeds.py runs: whole SSH sessions on record.
add_executable(fuzz_recorder ${PROJECT_SOURCE_DIR}/fuzz/recorder/ssh_flights.c)
set_target_properties(fuzz_recorder PROPERTIES OUTPUT_NAME ssh_flights)
target_link_libraries(fuzz_recorder PRIVATE fuzz_support)
