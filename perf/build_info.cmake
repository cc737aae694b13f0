# Writes build_info.h, at every build, so that results name the source that they were made from.
#   cmake -DSOURCE=… -DOUTPUT=… -DFLAGS=… -P build_info.cmake
execute_process(COMMAND git describe --always --dirty --abbrev=12
                WORKING_DIRECTORY ${SOURCE}
                OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
# configure_file leaves a file alone that would not change.
configure_file(${SOURCE}/perf/build_info.h.in ${OUTPUT} @ONLY)
