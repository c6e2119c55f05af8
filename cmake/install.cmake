# What `cmake --install` puts where, the packages that CPack makes of it, and how other CMake projects find the libraries.
# Everything is found from where the programs or these files lie, so a prefix can be moved.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# ---- programs, their data and documents

install(TARGETS ds-sim ds-tune ds-exec RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT programs)
# What the programs look for beside bin/ (simulator/workload/presets.cpp).
install(DIRECTORY ${PROJECT_SOURCE_DIR}/profiles/ DESTINATION share/ds COMPONENT programs
        FILES_MATCHING PATTERN *.json PATTERN *.pt PATTERN README.md)
# What needs LibTorch is a package of its own: nobody else has to have that.
if(TARGET ds_policy_library)
  install(TARGETS ds_policy_library LIBRARY DESTINATION lib/ds COMPONENT policy)
endif()
install(FILES LICENSE NOTICE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT programs)

# Completions and manual pages, by the programs themselves.
function(ds_document program file)
  set(made ${CMAKE_BINARY_DIR}/documents/${file})
  add_custom_command(OUTPUT ${made} COMMAND $<TARGET_FILE:${program}> ${ARGN} > ${made} DEPENDS ${program} VERBATIM)
  set_property(GLOBAL APPEND PROPERTY ds_documents ${made})
endfunction()

file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/documents)
foreach(program ds-sim ds-tune ds-exec)
  ds_document(${program} ${program} completions bash)
  ds_document(${program} _${program} completions zsh)
  ds_document(${program} ${program}.fish completions fish)
  ds_document(${program} ${program}.1 man-page)
  install(FILES ${CMAKE_BINARY_DIR}/documents/${program} COMPONENT programs
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${CMAKE_BINARY_DIR}/documents/_${program} COMPONENT programs
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${CMAKE_BINARY_DIR}/documents/${program}.fish COMPONENT programs
          DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  install(FILES ${CMAKE_BINARY_DIR}/documents/${program}.1 COMPONENT programs DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endforeach()
get_property(documents GLOBAL PROPERTY ds_documents)
add_custom_target(documents ALL DEPENDS ${documents})
add_dependencies(programs documents)

# ---- libraries: what predicts and searches. ds_libraries is the list that ds_module() has kept.

get_property(libraries GLOBAL PROPERTY ds_libraries)
add_library(ds_all INTERFACE)
target_link_libraries(ds_all INTERFACE ${libraries})
set_target_properties(ds_all PROPERTIES EXPORT_NAME ds)
install(TARGETS ${libraries} ds_all ds_options EXPORT ds ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/ds COMPONENT development)
install(DIRECTORY simulator tuner DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ds COMPONENT development
        FILES_MATCHING PATTERN *.h)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/ds)
install(EXPORT ds NAMESPACE ds:: FILE targets.cmake DESTINATION ${package} COMPONENT development)
configure_package_config_file(cmake/config.cmake.in ${CMAKE_BINARY_DIR}/generated/ds-config.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/ds-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/generated/ds-config.cmake ${CMAKE_BINARY_DIR}/generated/ds-config-version.cmake
        DESTINATION ${package} COMPONENT development)

# Archives name each other in both directions: the linker goes over them until nothing is missing.
set(archives "")
foreach(library ${libraries})
  get_target_property(type ${library} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    string(APPEND archives " -l${library}")
  endif()
endforeach()
file(RELATIVE_PATH ds_up ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/ds.pc.in ${CMAKE_BINARY_DIR}/generated/ds.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/generated/ds.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# ---- packages: ds (programs), ds-dev (libraries), ds-policy (ds-tune's learned policy, where LibTorch was found)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ds)
set(CPACK_PACKAGE_CONTACT "the ds authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_COMPONENTS_ALL programs development)
if(TARGET ds_policy_library)
  list(APPEND CPACK_COMPONENTS_ALL policy)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAMS_PACKAGE_NAME ds)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME ds-dev)
set(CPACK_DEBIAN_POLICY_PACKAGE_NAME ds-policy)
set(CPACK_DEBIAN_POLICY_PACKAGE_DEPENDS "ds, libopenblas0-pthread")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "libfmt-dev, nlohmann-json3-dev, libboost-graph-dev, libeigen3-dev")
set(CPACK_STRIP_FILES ON)
include(CPack)
