# SPDX-License-Identifier: Apache-2.0
#
# A folder of programs: each C file with a main is a program of its name; the others, and those in its folder common/,
# are compiled once and linked with all of them.

# Split the C files of folder by whether a line of theirs matches pattern.
function(sessile_split folder pattern with without)
    file(GLOB sources CONFIGURE_DEPENDS
        ${PROJECT_SOURCE_DIR}/${folder}/*.c
        ${PROJECT_SOURCE_DIR}/${folder}/common/*.c)
    set(hits)
    set(misses)
    foreach(source IN LISTS sources)
        file(STRINGS ${source} found REGEX "${pattern}" LIMIT_COUNT 1)
        if(found)
            list(APPEND hits ${source})
        else()
            list(APPEND misses ${source})
        endif()
    endforeach()
    set(${with} ${hits} PARENT_SCOPE)
    set(${without} ${misses} PARENT_SCOPE)
endfunction()

# The targets are called <prefix>_<file>, the programs <file>, in the build tree's folder of the same name.
function(sessile_programs folder prefix)
    find_package(Threads REQUIRED)
    sessile_split(${folder} "^int main\\(" programs helpers)
    add_library(${prefix}_helpers INTERFACE)
    target_include_directories(${prefix}_helpers INTERFACE ${PROJECT_SOURCE_DIR}/${folder})
    target_compile_definitions(${prefix}_helpers INTERFACE _GNU_SOURCE)
    target_link_libraries(${prefix}_helpers INTERFACE sessile_static sessile_flags Threads::Threads
        $<TARGET_NAME_IF_EXISTS:sessile_files>)
    if(helpers)
        add_library(${prefix}_support STATIC ${helpers})
        target_link_libraries(${prefix}_support PUBLIC ${prefix}_helpers)
    endif()
    foreach(source IN LISTS programs)
        get_filename_component(name ${source} NAME_WE)
        add_executable(${prefix}_${name} ${source})
        set_target_properties(${prefix}_${name} PROPERTIES
            OUTPUT_NAME ${name}
            RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
        target_link_libraries(${prefix}_${name} PRIVATE ${prefix}_helpers)
        if(helpers)
            target_link_libraries(${prefix}_${name} PRIVATE ${prefix}_support)
        endif()
    endforeach()
endfunction()
