#pragma once
// Matrix products of BLAS for both types, row-major; one thread per rank (OPENBLAS_NUM_THREADS=1 before
// exec).

#include <cblas.h>

#include <cstdint>

namespace ds::kernels::cpu::DS_INSTRUCTION_SET {

template <class T>
struct Factor {
  const T* data;
  std::int64_t row;  // elements from one row to the next
  bool transposed{false};
};

inline int narrow(std::int64_t n) { return static_cast<int>(n); }
inline CBLAS_TRANSPOSE transposition(bool transposed) { return transposed ? CblasTrans : CblasNoTrans; }

/// c [rows, columns] = alpha a b + beta c, summed over `inner`; beta = 0 does not read c.
inline void multiply(std::int64_t rows, std::int64_t columns, std::int64_t inner, float alpha,
                     Factor<float> a, Factor<float> b, float beta, float* c, std::int64_t c_row) {
  cblas_sgemm(CblasRowMajor, transposition(a.transposed), transposition(b.transposed), narrow(rows),
              narrow(columns), narrow(inner), alpha, a.data, narrow(a.row), b.data, narrow(b.row), beta, c,
              narrow(c_row));
}
inline void multiply(std::int64_t rows, std::int64_t columns, std::int64_t inner, double alpha,
                     Factor<double> a, Factor<double> b, double beta, double* c, std::int64_t c_row) {
  cblas_dgemm(CblasRowMajor, transposition(a.transposed), transposition(b.transposed), narrow(rows),
              narrow(columns), narrow(inner), alpha, a.data, narrow(a.row), b.data, narrow(b.row), beta, c,
              narrow(c_row));
}

}  // namespace ds::kernels::cpu::DS_INSTRUCTION_SET
