# embed.cmake: what the build writes for the program: the Lua library as bytes, and the commit it was built from.

# Every lua/lunette/**/*.lua, included by the assembler: adding or changing one needs no other edit.
function(embed_lua target)
  file(GLOB_RECURSE files RELATIVE ${CMAKE_SOURCE_DIR}/lua CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lua/lunette/*.lua)
  set(bytes "")
  set(declarations "")
  set(table "")
  set(n 0)
  foreach(file ${files})
    string(APPEND bytes "    \".global lunb_text_${n}, lunb_end_${n}\\n\"\n    \"lunb_text_${n}: .incbin \\\"${CMAKE_SOURCE_DIR}/lua/${file}\\\"\\n\"\n    \"lunb_end_${n}: .byte 0\\n\"\n")
    string(APPEND declarations "extern const char lunb_text_${n}[], lunb_end_${n}[];\n")
    string(APPEND table "    {\"${file}\", lunb_text_${n}, lunb_end_${n}},\n")
    math(EXPR n "${n} + 1")
  endforeach()
  set(source ${CMAKE_BINARY_DIR}/embedded.c)
  file(CONFIGURE OUTPUT ${source} CONTENT "/* Written by the build. */
#include \"embedded.h\"
__asm__(\".section .rodata\\n\"
@bytes@    \".previous\\n\");
@declarations@const lunb_file lunb_embedded[] = {
@table@    {0, 0, 0}};
" @ONLY)
  list(TRANSFORM files PREPEND ${CMAKE_SOURCE_DIR}/lua/)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files}")
  target_sources(${target} PRIVATE ${source})

  add_custom_target(version ALL COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUT=${CMAKE_BINARY_DIR}/generated/version.h
    -P ${CMAKE_SOURCE_DIR}/bindings/cmake/version.cmake BYPRODUCTS ${CMAKE_BINARY_DIR}/generated/version.h VERBATIM)
  add_dependencies(${target} version)
  target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/generated)
endfunction()
