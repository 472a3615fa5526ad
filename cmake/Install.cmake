# SPDX-License-Identifier: Apache-2.0
#
# What cmake --install gives: headers, both libraries, sessile.pc, and a package for find_package(Sessile).

include(CMakePackageConfigHelpers)

install(DIRECTORY libcore/include/sessile DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS sessile sessile_static EXPORT SessileTargets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Sessile)
install(EXPORT SessileTargets NAMESPACE Sessile:: DESTINATION ${package_dir})
configure_package_config_file(cmake/SessileConfig.cmake.in ${PROJECT_BINARY_DIR}/SessileConfig.cmake
    INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/SessileConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/SessileConfig.cmake ${PROJECT_BINARY_DIR}/SessileConfigVersion.cmake
    DESTINATION ${package_dir})

configure_file(cmake/sessile.pc.in ${PROJECT_BINARY_DIR}/sessile.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/sessile.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
