# SPDX-License-Identifier: Apache-2.0
#
# The Python module: bindings/sessile.i through SWIG, the glue, and the library itself, linked in whole and hidden. The
# build tree's folder python/ is a package to import from: the extension, and links to the sources beside it.

option(SESSILE_PYTHON_ABI3 "One module for CPython 3.12 and all later ones (needs SWIG 4.4)" OFF)

find_package(Python3 3.10 REQUIRED COMPONENTS Interpreter Development.Module)
find_program(SESSILE_SWIG NAMES swig swig4.1 swig4.0 REQUIRED)

if(SESSILE_PYTHON_ABI3)
    execute_process(COMMAND ${SESSILE_SWIG} -version OUTPUT_VARIABLE swig_version COMMAND_ERROR_IS_FATAL ANY)
    string(REGEX MATCH "[0-9]+\\.[0-9.]+" swig_version "${swig_version}")
    if(swig_version VERSION_LESS 4.4 OR Python3_VERSION VERSION_LESS 3.12)
        message(FATAL_ERROR "SESSILE_PYTHON_ABI3 needs SWIG 4.4 and CPython 3.12: ${SESSILE_SWIG} is ${swig_version}, "
            "${Python3_EXECUTABLE} is ${Python3_VERSION}")
    endif()
endif()

set(python_folder ${PROJECT_SOURCE_DIR}/bindings/python)
set(python_package ${PROJECT_BINARY_DIR}/python/sessile)
file(GLOB python_glue CONFIGURE_DEPENDS ${python_folder}/glue/*.c)
file(GLOB python_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/extras/files/*.c)
file(GLOB python_sources CONFIGURE_DEPENDS LIST_DIRECTORIES false RELATIVE ${python_folder}/sessile
    ${python_folder}/sessile/* ${python_folder}/sessile/asyncio/* ${python_folder}/sessile/cli/*
    ${python_folder}/sessile/openssh/*)
list(FILTER python_sources EXCLUDE REGEX "\\.so$")
file(GLOB python_headers CONFIGURE_DEPENDS libcore/include/sessile/*.h)

set(python_wrapper ${PROJECT_BINARY_DIR}/python/sessile_wrap.c)
add_custom_command(
    OUTPUT ${python_wrapper}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${python_package}
    COMMAND ${SESSILE_SWIG} -python -noproxy -module _sessile -I${python_folder} -I${PROJECT_SOURCE_DIR}/libcore/include
        -outdir ${PROJECT_BINARY_DIR}/python -o ${python_wrapper} ${PROJECT_SOURCE_DIR}/bindings/sessile.i
    DEPENDS ${PROJECT_SOURCE_DIR}/bindings/sessile.i ${python_folder}/lang.i ${python_headers}
    VERBATIM)

if(SESSILE_PYTHON_ABI3)
    Python3_add_library(sessile_python MODULE ${python_wrapper} ${python_glue} ${python_files})
    set_target_properties(sessile_python PROPERTIES SUFFIX .abi3.so)
    target_compile_definitions(sessile_python PRIVATE Py_LIMITED_API=0x030c0000)
else()
    Python3_add_library(sessile_python MODULE WITH_SOABI ${python_wrapper} ${python_glue} ${python_files})
endif()
set_target_properties(sessile_python PROPERTIES
    OUTPUT_NAME _sessile
    LIBRARY_OUTPUT_DIRECTORY ${python_package}
    C_VISIBILITY_PRESET hidden)
# Our own files are held to our own warnings; what SWIG writes is not. Python's slots keep functions in void pointers.
set_source_files_properties(${python_glue} PROPERTIES COMPILE_OPTIONS
    "-Wall;-Wextra;-Wconversion;-Wshadow;-Wstrict-prototypes;-Wmissing-prototypes")
set_source_files_properties(${python_wrapper} PROPERTIES COMPILE_OPTIONS "-w")
set_source_files_properties(${python_files} PROPERTIES COMPILE_DEFINITIONS _GNU_SOURCE)
target_include_directories(sessile_python SYSTEM PRIVATE ${Python3_INCLUDE_DIRS})
target_include_directories(sessile_python PRIVATE ${python_folder}/glue ${PROJECT_SOURCE_DIR}/extras/files)
target_compile_options(sessile_python PRIVATE -fno-strict-aliasing)
target_link_libraries(sessile_python PRIVATE sessile_static)
# The library's own symbols are for nobody else in the process.
target_link_options(sessile_python PRIVATE -Wl,--exclude-libs,ALL)

foreach(folder IN ITEMS asyncio cli openssh)
    file(MAKE_DIRECTORY ${python_package}/${folder})
endforeach()
foreach(source IN LISTS python_sources)
    file(CREATE_LINK ${python_folder}/sessile/${source} ${python_package}/${source} SYMBOLIC)
endforeach()
