# The commit that was built, for --version and for the provenance of every file we write.
find_package(Git QUIET)
set(DS_COMMIT unknown)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} rev-parse --short=12 HEAD WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
                  OUTPUT_VARIABLE DS_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
option(DS_SOURCE_PROFILES "Programs that are not installed read the profiles of the source tree" ON)
set(DS_SOURCE_DIR "")
if(DS_SOURCE_PROFILES)
  set(DS_SOURCE_DIR ${PROJECT_SOURCE_DIR})
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/version.h.in ${CMAKE_BINARY_DIR}/generated/ds_version.h)
