# An inline function that a file with instruction-set flags shares with the rest of the program is a trap: the linker
# keeps one copy, and it may be the one that older processors cannot run. So a library of fast kernels may define weak
# symbols in its own namespace only.   cmake -DNM=... -DLIBRARY=... -DSET=avx2 -P shared_symbols.cmake
execute_process(COMMAND ${NM} -C ${LIBRARY} OUTPUT_VARIABLE symbols RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "nm failed on ${LIBRARY}")
endif()
string(REGEX MATCHALL "[0-9a-f]+ [WVu] [^\n]*" weak "${symbols}")
foreach(symbol IN LISTS weak)
  if(NOT symbol MATCHES "ds::kernels::cpu::${SET}::")
    message(SEND_ERROR "weak symbol outside ds::kernels::cpu::${SET}: ${symbol}")
  endif()
endforeach()
