# Language level, warnings and where things are put.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Every target of ours links this one. Equal input has to give equal bits, so the compiler may not
# contract a * b + c on its own; kernels that want it use the instruction explicitly.
add_library(ds_options INTERFACE)
set_target_properties(ds_options PROPERTIES EXPORT_NAME options)
target_compile_features(ds_options INTERFACE cxx_std_20)
target_compile_options(ds_options INTERFACE $<BUILD_INTERFACE:-Wall> $<BUILD_INTERFACE:-Wextra>
                                            $<BUILD_INTERFACE:-Wconversion> $<BUILD_INTERFACE:-Wshadow>
                                            $<BUILD_INTERFACE:-ffp-contract=off>
                                            $<BUILD_INTERFACE:$<$<BOOL:${DS_WERROR}>:-Werror>>)
# g++ 12 reports a false overlap inside std::string's operator+ (GCC bug 105651), and warns of members that a
# designated initialiser leaves at their default, which is what designated initialisers are for.
target_compile_options(ds_options INTERFACE $<BUILD_INTERFACE:$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>>
                                            $<BUILD_INTERFACE:-Wno-missing-field-initializers>)
target_include_directories(ds_options INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/ds>)

# Under sanitizers g++ 12 takes what is set for uninitialised (GCC bug 105562); without them the warning stands.
if(CMAKE_CXX_FLAGS MATCHES "fsanitize=")
  target_compile_options(ds_options INTERFACE $<BUILD_INTERFACE:-Wno-maybe-uninitialized>)
endif()

# CI seeks less than the soak, since sources then take half as long to compile: of undefined behaviour none in what tests do, and
# neither null, which AddressSanitizer stops at where it is used, nor alignment; and no use of locals after their scope, which is
# a quarter of the time by itself.
option(DS_ALL_UNDEFINED "Under sanitizers seek all kinds of undefined behaviour, in tests too" OFF)
set(DS_SOME_UNDEFINED OFF)
if(CMAKE_CXX_FLAGS MATCHES "fsanitize=address,undefined" AND NOT DS_ALL_UNDEFINED)
  set(DS_SOME_UNDEFINED ON)
  target_compile_options(ds_options INTERFACE $<BUILD_INTERFACE:-fno-sanitize=null,alignment>
                                              $<BUILD_INTERFACE:-fno-sanitize-address-use-after-scope>)
endif()

find_program(DS_CCACHE ccache)
if(DS_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${DS_CCACHE})
endif()
find_program(DS_MOLD mold)
if(DS_MOLD)
  target_link_options(ds_options INTERFACE $<BUILD_INTERFACE:-fuse-ld=mold>)
endif()
