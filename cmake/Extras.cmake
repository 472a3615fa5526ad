# SPDX-License-Identifier: Apache-2.0
#
# Libraries beside libsessile, which may do what it does not: extras/files opens files.

file(GLOB SESSILE_FILES_SOURCES CONFIGURE_DEPENDS extras/files/*.c)
add_library(sessile_files STATIC ${SESSILE_FILES_SOURCES})
set_target_properties(sessile_files PROPERTIES OUTPUT_NAME sessile-files POSITION_INDEPENDENT_CODE ON)
target_include_directories(sessile_files PUBLIC extras/files)
target_compile_definitions(sessile_files PRIVATE _GNU_SOURCE)
target_link_libraries(sessile_files PUBLIC sessile_static PRIVATE sessile_flags)
