# version.cmake: writes version.h with the commit and whether the tree differs from it; untouched when nothing changed.
execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET RESULT_VARIABLE failed)
set(dirty 0)
if(failed)
  set(commit unknown)
else()
  execute_process(COMMAND git -C ${SOURCE} status --porcelain OUTPUT_VARIABLE changes ERROR_QUIET)
  if(changes)
    set(dirty 1)
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define LUNETTE_COMMIT \"${commit}\"\n#define LUNETTE_DIRTY ${dirty}\n")
