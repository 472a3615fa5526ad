# SPDX-License-Identifier: Apache-2.0
#
# The Lua modules: bindings/sessile.i through SWIG, once, the glue, and the library itself, linked in whole and hidden;
# one sessile/core.so for each Lua. That for Lua 5.1 is LuaJIT's as well: their ABI is the same. The build tree's folder
# lua/VERSION goes into package.cpath as lua/VERSION/?.so; the sources in Lua are used where they are, in bindings/lua.

set(SESSILE_LUA_VERSIONS "" CACHE STRING "Luas to build for, such as 5.4;5.1 (empty: those whose headers are found)")
set(SESSILE_LUA_INCLUDE_DIR "" CACHE PATH "Where lua.h is, to build for that Lua alone")
set(SESSILE_LUA_LMOD "" CACHE PATH "Where sources in Lua are installed (empty: share/lua/VERSION)")
set(SESSILE_LUA_CMOD "" CACHE PATH "Where modules in C are installed (empty: lib/lua/VERSION)")

find_package(PkgConfig)
find_program(SESSILE_SWIG NAMES swig swig4.1 swig4.0 REQUIRED)

set(lua_folder ${PROJECT_SOURCE_DIR}/bindings/lua)
file(GLOB lua_glue CONFIGURE_DEPENDS ${lua_folder}/glue/*.c)
file(GLOB lua_headers CONFIGURE_DEPENDS libcore/include/sessile/*.h)

set(lua_wrapper ${PROJECT_BINARY_DIR}/lua/sessile_wrap.c)
add_custom_command(
    OUTPUT ${lua_wrapper}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/lua
    COMMAND ${SESSILE_SWIG} -lua -nomoduleglobal -no-old-metatable-bindings -module sessile_flat -I${lua_folder}
        -I${PROJECT_SOURCE_DIR}/libcore/include -o ${lua_wrapper} ${PROJECT_SOURCE_DIR}/bindings/sessile.i
    DEPENDS ${PROJECT_SOURCE_DIR}/bindings/sessile.i ${lua_folder}/lang.i
        ${lua_folder}/sftp.i ${lua_headers}
    VERBATIM)
add_custom_target(sessile_lua_wrapper DEPENDS ${lua_wrapper})
add_custom_target(sessile_lua)

# Our own files are held to our own warnings; what SWIG writes is not, and exports nothing of its own.
set_source_files_properties(${lua_glue} PROPERTIES COMPILE_OPTIONS
    "-Wall;-Wextra;-Wpedantic;-Wconversion;-Wshadow;-Wstrict-prototypes;-Wmissing-prototypes")
set_source_files_properties(${lua_wrapper} PROPERTIES
    GENERATED ON COMPILE_OPTIONS "-w" COMPILE_DEFINITIONS "SWIGEXPORT=")

# What holds the glue and the wrapper, for one Lua's headers.
function(sessile_lua_sources target include_dir)
    target_sources(${target} PRIVATE ${lua_wrapper} ${lua_glue})
    add_dependencies(${target} sessile_lua_wrapper)
    set_target_properties(${target} PROPERTIES C_VISIBILITY_PRESET hidden)
    target_include_directories(${target} SYSTEM PRIVATE ${include_dir})
    target_include_directories(${target} PRIVATE ${lua_folder}/glue)
    target_link_libraries(${target} PRIVATE sessile_static)
endfunction()

function(sessile_lua_module version include_dir)
    set(target sessile_lua_${version})
    add_library(${target} MODULE)
    sessile_lua_sources(${target} ${include_dir})
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME core
        PREFIX ""
        SUFFIX .so
        LINKER_LANGUAGE C
        LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lua/${version}/sessile)
    # The library's own symbols are for nobody else in the process; Lua's are found in whatever program loads this.
    target_link_options(${target} PRIVATE -Wl,--exclude-libs,ALL)
    add_dependencies(sessile_lua ${target})
    set(lmod ${CMAKE_INSTALL_DATADIR}/lua/${version})
    set(cmod ${CMAKE_INSTALL_LIBDIR}/lua/${version})
    if(SESSILE_LUA_LMOD)
        set(lmod ${SESSILE_LUA_LMOD})
    endif()
    if(SESSILE_LUA_CMOD)
        set(cmod ${SESSILE_LUA_CMOD})
    endif()
    install(DIRECTORY ${lua_folder}/sessile DESTINATION ${lmod} COMPONENT lua FILES_MATCHING PATTERN "*.lua")
    install(TARGETS ${target} LIBRARY DESTINATION ${cmod}/sessile COMPONENT lua)
    set_property(GLOBAL APPEND PROPERTY SESSILE_LUA_BUILT ${version})
endfunction()

# Where the headers of a version are: in result, empty where they are nowhere.
function(sessile_lua_find version result)
    set(names lua-${version} lua${version})
    if(version STREQUAL "5.1")
        list(APPEND names luajit)
    endif()
    foreach(name IN LISTS names)
        if(NOT DEFINED lua_${version}_FOUND OR NOT lua_${version}_FOUND)
            pkg_check_modules(lua_${version} QUIET ${name})
        endif()
    endforeach()
    set(${result} "" PARENT_SCOPE)
    if(lua_${version}_FOUND)
        list(GET lua_${version}_INCLUDE_DIRS 0 folder)
        set(${result} ${folder} PARENT_SCOPE)
    endif()
endfunction()

if(SESSILE_LUA_INCLUDE_DIR)
    file(STRINGS ${SESSILE_LUA_INCLUDE_DIR}/lua.h number REGEX "define[ \t]+LUA_VERSION_NUM[ \t]+50[0-9]")
    string(REGEX REPLACE ".*50([0-9]).*" "5.\\1" version "${number}")
    sessile_lua_module(${version} ${SESSILE_LUA_INCLUDE_DIR})
else()
    set(wanted ${SESSILE_LUA_VERSIONS})
    if(NOT wanted)
        set(wanted 5.4 5.3 5.1)
    endif()
    foreach(version IN LISTS wanted)
        sessile_lua_find(${version} folder)
        if(folder)
            sessile_lua_module(${version} ${folder})
        elseif(SESSILE_LUA_VERSIONS)
            message(FATAL_ERROR "The headers of Lua ${version} were not found")
        endif()
    endforeach()
endif()
get_property(lua_built GLOBAL PROPERTY SESSILE_LUA_BUILT)
if(NOT lua_built)
    message(FATAL_ERROR "No Lua was found: install its headers, or set SESSILE_LUA_INCLUDE_DIR")
endif()
message(STATUS "Lua modules for: ${lua_built}")

# A program that embeds Lua 5.4 and the module, for the tests: with sanitizers, and with memory that fails.
find_library(SESSILE_LUA_LIBRARY NAMES lua5.4 lua-5.4 lua)
if("5.4" IN_LIST lua_built AND SESSILE_LUA_LIBRARY AND NOT SESSILE_LUA_INCLUDE_DIR)
    sessile_lua_find(5.4 folder)
    add_executable(sessile_lua_host EXCLUDE_FROM_ALL tests/lua/host.c)
    sessile_lua_sources(sessile_lua_host ${folder})
    target_link_libraries(sessile_lua_host PRIVATE sessile_flags ${SESSILE_LUA_LIBRARY} m ${CMAKE_DL_LIBS})
    target_link_options(sessile_lua_host PRIVATE -rdynamic)
    set_target_properties(sessile_lua_host PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lua)
endif()

# The example of an application that embeds Lua, for 5.4 and for LuaJIT.
function(sessile_lua_example name pkg)
    pkg_check_modules(${name}_lua QUIET ${pkg})
    if(${name}_lua_FOUND)
        add_executable(${name} EXCLUDE_FROM_ALL examples/lua/host.c)
        list(GET ${name}_lua_INCLUDE_DIRS 0 folder)
        sessile_lua_sources(${name} ${folder})
        target_link_libraries(${name} PRIVATE sessile_flags ${${name}_lua_LINK_LIBRARIES} m ${CMAKE_DL_LIBS})
        set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lua)
        add_dependencies(sessile_lua_examples ${name})
    endif()
endfunction()

if(NOT SESSILE_LUA_INCLUDE_DIR)
    add_custom_target(sessile_lua_examples)
    sessile_lua_example(host_lua54 lua5.4)
    sessile_lua_example(host_luajit luajit)
endif()
