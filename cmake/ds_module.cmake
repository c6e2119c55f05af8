# One call per part. `USES` is both the link line and what tests/layers checks against the #include lines.
#
#   ds_module(simulator/network SOURCES fair_share.cpp routes.cpp
#                               USES simulator/base simulator/workload Boost::graph)
#
# Names with a namespace (Boost::graph) are other people's libraries, names with or without a slash are our folders.

function(ds_target_of folder result)
  string(REPLACE "/" "_" name ${folder})
  set(${result} ds_${name} PARENT_SCOPE)
endfunction()

function(ds_link target scope)
  foreach(item ${ARGN})
    if(item MATCHES "::")
      target_link_libraries(${target} ${scope} ${item})
    else()
      ds_target_of(${item} library)
      target_link_libraries(${target} ${scope} ${library})
    endif()
  endforeach()
endfunction()

# A misspelt keyword would otherwise be taken for one more source file, or be dropped.
function(ds_refuse_unknown call name)
  if(ARGN)
    message(FATAL_ERROR "${call}(${name}): unknown words: ${ARGN}")
  endif()
endfunction()

# A part without SOURCES is its headers.
function(ds_module folder)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  ds_refuse_unknown(ds_module ${folder} ${arg_UNPARSED_ARGUMENTS})
  ds_target_of(${folder} target)
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(${target} ${scope} ds_options)
  ds_link(${target} ${scope} ${arg_USES})
  if(folder MATCHES "^(simulator|tuner)/")  # what predicts and searches is installed, too (install.cmake)
    string(REGEX REPLACE "^ds_" "" exported ${target})
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${exported})
    set_property(GLOBAL APPEND PROPERTY ds_libraries ${target})
  endif()
endfunction()

function(ds_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  ds_refuse_unknown(ds_program ${name} ${arg_UNPARSED_ARGUMENTS})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ds_options)
  ds_link(${name} PRIVATE ${arg_USES})
endfunction()

# Sanitizers slow a test down by their own factor, and what they should be strict about is the same for everybody.
set(DS_SANITIZER_OPTIONS "" CACHE STRING "Further ASAN_OPTIONS of tests, such as .ci/soak's, which double their time")
mark_as_advanced(DS_SANITIZER_OPTIONS)
set(DS_TIMEOUT_FACTOR 1)
set(DS_TEST_ENVIRONMENT "")
if(CMAKE_CXX_FLAGS MATCHES "fsanitize=address")
  set(DS_TIMEOUT_FACTOR 4)
  set(DS_TEST_ENVIRONMENT ASAN_OPTIONS=strict_string_checks=1:check_initialization_order=1:${DS_SANITIZER_OPTIONS}
                          UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1)
elseif(CMAKE_CXX_FLAGS MATCHES "fsanitize=thread")
  set(DS_TIMEOUT_FACTOR 10)
  set(DS_TEST_ENVIRONMENT TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1)
endif()

# What tests do themselves takes next to no time, but gtest and rapidcheck make it the longest part of a build to compile.
set(DS_OPTIONS_OF_TESTS -O1)
if(DS_SOME_UNDEFINED)
  list(APPEND DS_OPTIONS_OF_TESTS -fno-sanitize=undefined)
endif()

# One test binary, one entry of ctest. `LABELS slow` keeps it out of the fast set and out of the sanitizer run of CI;
# `TIMEOUT` in seconds of a Release build, 120 when left out. `PROCESSORS` that it keeps busy, 1 when left out: ctest -j runs
# so many fewer others beside it. Ranks that wait for one another take far longer on cores that they do not have.
function(ds_test name)
  cmake_parse_arguments(arg "" "TIMEOUT;PROCESSORS" "SOURCES;USES;LABELS" ${ARGN})
  ds_refuse_unknown(ds_test ${name} ${arg_UNPARSED_ARGUMENTS})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ds_options GTest::gtest_main)
  target_compile_options(${name} PRIVATE ${DS_OPTIONS_OF_TESTS})
  ds_link(${name} PRIVATE ${arg_USES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_compile_definitions(${name} PRIVATE DS_SOURCE_DIR="${PROJECT_SOURCE_DIR}" DS_BINARY_DIR="${CMAKE_BINARY_DIR}")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  math(EXPR timeout "${arg_TIMEOUT} * ${DS_TIMEOUT_FACTOR}")
  if(NOT arg_PROCESSORS)
    set(arg_PROCESSORS 1)
  endif()
  if(DS_SOME_UNDEFINED AND "slow" IN_LIST arg_LABELS)
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)  # CI does not run them with sanitizers
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} PROCESSORS ${arg_PROCESSORS} LABELS "${arg_LABELS}"
    ENVIRONMENT "${DS_TEST_ENVIRONMENT}")
endfunction()

# Runs a test of `ds_test` once more, on that many ranks that mpirun starts: as root and on fewer cores where it has to.
# MPI leaks by itself and keeps what it has; and it was not built for ThreadSanitizer, which would find much in it.
find_program(DS_MPIRUN mpirun)
mark_as_advanced(DS_MPIRUN)
set(DS_MPIRUN_ENVIRONMENT OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
                          OMPI_MCA_rmaps_base_oversubscribe=1 LSAN_OPTIONS=detect_leaks=0)
function(ds_mpirun_test name ranks)
  if(NOT TARGET mpi::mpi OR NOT DS_MPIRUN OR CMAKE_CXX_FLAGS MATCHES "fsanitize=thread")
    return()
  endif()
  add_test(NAME ${name}_on_${ranks} COMMAND ${DS_MPIRUN} -n ${ranks} $<TARGET_FILE:${name}>)
  get_test_property(${name} TIMEOUT timeout)
  # Eight ranks on two cores take minutes under sanitizers.
  set_tests_properties(${name}_on_${ranks} PROPERTIES TIMEOUT ${timeout} PROCESSORS 2 LABELS slow
    ENVIRONMENT "${DS_TEST_ENVIRONMENT};${DS_MPIRUN_ENVIRONMENT}")
endfunction()
