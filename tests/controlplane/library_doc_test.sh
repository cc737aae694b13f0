#!/usr/bin/env bash
# The program in docs/library.md is the one that is compiled.
#
#   library_doc_test.sh LIBRARY.MD EXAMPLE.CC
set -euo pipefail
diff <(sed -n '/^```cpp$/,/^```$/{/^```/d;p}' "$1") "$2"
