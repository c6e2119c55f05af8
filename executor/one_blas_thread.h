#pragma once
// A rank is one core with one thread, OpenBLAS included.

namespace ds::executor {

/// The first call of `main`. OpenBLAS starts its threads before main and reads its environment only then, so the program
/// begins again with an environment that asks for one thread; where it has that already, this does nothing.
void start_with_one_blas_thread(char** argv);

}  // namespace ds::executor
