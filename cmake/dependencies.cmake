# Everything that is not ours, from Debian's packages (.ci/packages names them).
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)

# Any BLAS with the CBLAS interface will do; OpenBLAS is what we measure with.
find_package(PkgConfig REQUIRED)
pkg_check_modules(openblas IMPORTED_TARGET openblas)
add_library(ds_blas INTERFACE)
if(openblas_FOUND)
  target_link_libraries(ds_blas INTERFACE PkgConfig::openblas)
else()
  find_package(BLAS REQUIRED)
  target_link_libraries(ds_blas INTERFACE BLAS::BLAS)
endif()
add_library(blas::blas ALIAS ds_blas)

if(DS_TESTS)
  find_package(GTest REQUIRED)
  find_package(rapidcheck REQUIRED)
endif()
