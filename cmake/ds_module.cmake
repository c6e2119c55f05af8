# One call per part. `USES` is both the link line and what tests/layers_test checks against the #include lines.
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

function(ds_module folder)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  ds_target_of(${folder} target)
  add_library(${target} STATIC ${arg_SOURCES})
  target_link_libraries(${target} PUBLIC ds_options)
  ds_link(${target} PUBLIC ${arg_USES})
endfunction()

function(ds_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ds_options)
  ds_link(${name} PRIVATE ${arg_USES})
endfunction()

# A test binary; `LABELS slow` keeps it out of the fast set. `TIMEOUT` in seconds, 120 when left out.
function(ds_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;USES;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ds_options GTest::gtest_main)
  ds_link(${name} PRIVATE ${arg_USES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_compile_definitions(${name} PRIVATE DS_SOURCE_DIR="${PROJECT_SOURCE_DIR}" DS_BINARY_DIR="${CMAKE_BINARY_DIR}")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
endfunction()
