#!/bin/bash
#
# Code for AVX2 or AVX-512 must not reach the rest of the program (crypto/lanes/kernel.h): a kernel's object
# file defines its one table, calls nothing but memcpy, memset and the like, and runs nothing at start.
#
# usage: lanes_isolation_test.sh OBJECT…
set -euo pipefail

(($# == 2)) || { echo "two kernels expected, got $#"; exit 1; }
for object in "$@"; do
  symbols=$(nm --demangle "$object" | sed 's/^[0-9a-f]* *//')
  # Capitals are visible to the linker; W, V and u are those of which it keeps any one file's.
  visible=$(grep -vE '^U |^V DW\.ref\.' <<<"$symbols" | grep '^[A-TV-Zuvw] ' || true)
  if ! [[ $visible =~ ^[DR]\ noisegate::crypto::lanes::kAvx[0-9]+Kernel$ ]]; then
    echo "$object gives the linker more than its kernel:"
    echo "$visible"
    exit 1
  fi
  if grep -E '_GLOBAL__sub_I|__static_initialization' <<<"$symbols" | grep -v asan; then
    echo "$object runs code at start"
    exit 1
  fi
  if grep '^U ' <<<"$symbols" | grep -vE '^U (mem(cpy|set|move)|__(asan|ubsan|tsan|stack_chk)_?.*|_GLOBAL_OFFSET_TABLE_)$'; then
    echo "$object calls what may be compiled elsewhere"
    exit 1
  fi
done
