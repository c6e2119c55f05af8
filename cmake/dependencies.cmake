# Everything that is not ours, from Debian's packages (.ci/packages names them).
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(Threads REQUIRED)

# Any BLAS with the CBLAS interface will do; OpenBLAS is what we measure with.
find_package(PkgConfig REQUIRED)
pkg_check_modules(openblas QUIET IMPORTED_TARGET openblas)
add_library(ds_blas INTERFACE)
if(openblas_FOUND)
  target_link_libraries(ds_blas INTERFACE PkgConfig::openblas)
else()
  find_package(BLAS REQUIRED)
  target_link_libraries(ds_blas INTERFACE BLAS::BLAS)
endif()
add_library(blas::blas ALIAS ds_blas)

# Searches make many small programs, side by side: an allocator for many threads saves a fifth of their time. Sanitizers bring
# their own.
option(DS_MIMALLOC "Use mimalloc for searches, where it is installed" ON)
add_library(ds_allocator INTERFACE)
if(DS_MIMALLOC AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  find_package(mimalloc 2.0 QUIET NO_MODULE)
  if(mimalloc_FOUND)
    target_link_libraries(ds_allocator INTERFACE mimalloc)
    target_sources(ds_allocator INTERFACE ${PROJECT_SOURCE_DIR}/cmake/ask_mimalloc.cpp)
  else()
    message(STATUS "mimalloc: not found, searches take a fifth longer")
  endif()
endif()
add_library(allocator::allocator ALIAS ds_allocator)

if(DS_TESTS)
  find_package(GTest REQUIRED)
  find_package(rapidcheck REQUIRED)
endif()

# Optional things. Only looked at, since their own find modules take seconds (Torch);
# a part that uses one calls find_package itself. One line each when absent, and never an error.
function(ds_optional name consequence)
  foreach(path ${ARGN})
    if(NOT ${path})
      message(STATUS "${name}: not found, ${consequence}")
      return()
    endif()
  endforeach()
endfunction()

find_program(DS_NVCC nvcc HINTS ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES bin)
find_path(DS_NCCL nccl.h HINTS ENV NCCL_HOME ENV CUDA_HOME PATHS /usr/local/cuda PATH_SUFFIXES include)
find_path(DS_TORCH Torch/TorchConfig.cmake PATHS /usr /usr/local PATH_SUFFIXES share/cmake lib/cmake lib/${CMAKE_LIBRARY_ARCHITECTURE}/cmake)
mark_as_advanced(DS_NVCC DS_NCCL DS_TORCH)
ds_optional("CUDA and NCCL" "ds-exec runs on CPUs only" DS_NVCC DS_NCCL)
ds_optional("LibTorch" "ds-tune has no learned policy" DS_TORCH)

# Open MPI, else MPICH, by pkg-config: CMake's own module runs programs.
option(DS_MPI "Join mpirun and srun, where MPI is installed" ON)
if(DS_MPI)
  pkg_search_module(mpi QUIET IMPORTED_TARGET ompi-c mpich)
endif()
if(DS_MPI AND mpi_FOUND)
  add_library(mpi::mpi INTERFACE IMPORTED)
  target_link_libraries(mpi::mpi INTERFACE PkgConfig::mpi)
  target_compile_definitions(mpi::mpi INTERFACE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)  # the C++ bindings of MPI 2
else()
  message(STATUS "MPI: not found, ds-exec starts its ranks itself, on one host")
endif()
