# package.cmake: what is installed, and the portable bundle: cmake --build build --target package makes one archive with the
# program, the CUDA backend where that was built (target lunette_cuda), and every library they load but the C library, the
# driver, cuBLAS and cuDNN. It runs from any folder of a Linux machine with a C library as new as the builder's.
set(BUNDLE_LIBRARIES lib/lunette)
# DT_RPATH and not DT_RUNPATH: it also serves the libraries' own libraries and those that the program loads by name.
set_target_properties(lunette PROPERTIES INSTALL_RPATH "$ORIGIN/../${BUNDLE_LIBRARIES}")
target_link_options(lunette PRIVATE -Wl,--disable-new-dtags)
install(TARGETS lunette RUNTIME DESTINATION bin)
install(FILES ${CMAKE_BINARY_DIR}/liblunette_cuda.so DESTINATION ${BUNDLE_LIBRARIES} OPTIONAL)
install(PROGRAMS ${CMAKE_BINARY_DIR}/tests/gpu/lunette_gpu_parity DESTINATION libexec/lunette OPTIONAL)
install(FILES README.md CHANGELOG.md DESTINATION share/doc/lunette)
install(DIRECTORY examples DESTINATION share/lunette)
install(FILES lua/library/lunette.lua DESTINATION share/lunette/library) # annotations, for editors

# Those that the program loads by name.
find_library(BUNDLE_OPENBLAS libopenblas.so.0
  PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp NO_DEFAULT_PATH)
find_library(BUNDLE_OPENBLAS libopenblas.so.0)
set(BUNDLE_LOADED ${BUNDLE_OPENBLAS})
if(LUNETTE_ONEDNN)
  find_library(BUNDLE_DNNL NAMES libdnnl.so.2 libdnnl.so.3)
  list(APPEND BUNDLE_LOADED ${BUNDLE_DNNL})
endif()
configure_file(packaging/libraries.cmake.in packaging/libraries.cmake @ONLY)
install(SCRIPT ${CMAKE_CURRENT_BINARY_DIR}/packaging/libraries.cmake COMPONENT bundle EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_NAME lunette)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_FILE_NAME lunette-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Self-supervised representation research")
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_STRIP_FILES ON)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_COMPONENT_INCLUDE_TOPLEVEL_DIRECTORY ON)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_COMPONENTS_ALL Unspecified bundle)
include(CPack)
