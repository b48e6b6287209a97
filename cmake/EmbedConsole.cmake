# Writes the files of the console, DIR/**, into OUT as rows of `struct console_file`, sorted by path,
# each with its bytes and, where that is shorter, its bytes as gzip. The result depends on the contents
# only, so builds are reproducible.
#
# The bytes become string literals, which compile ten times as fast as arrays of numbers (20 ms for
# 200 kB). `ld -r -b binary` makes symbols out of the path of the source. The dependency files of
# compilers do not know what .incbin reads.
cmake_minimum_required(VERSION 3.25)

set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")

# Sets out_literal to the bytes of the file as a string literal, and out_bytes to their number.
function(read_bytes path out_literal out_bytes)
  file(READ ${path} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR bytes "${digits} / 2")
  string(REGEX REPLACE "(..)" "\\\\x\\1" text "${hex}")
  set(${out_literal} "\"${text}\"" PARENT_SCOPE)
  set(${out_bytes} ${bytes} PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE names RELATIVE ${DIR} ${DIR}/*)
list(SORT names)
set(rows "/* made from src/console by cmake/EmbedConsole.cmake */\n")
foreach(name ${names})
  string(REGEX MATCH "^[a-z0-9_/-]+\\.([a-z]+)$" is_named ${name})
  if(NOT is_named OR NOT DEFINED type_${CMAKE_MATCH_1})
    message(FATAL_ERROR "src/console/${name}: the name must be of a-z 0-9 _ - and end with .html, .css, .js or .svg")
  endif()
  set(type "${type_${CMAKE_MATCH_1}}")
  read_bytes(${DIR}/${name} plain n_plain)
  execute_process(
    COMMAND ${GZIP} -9nc ${DIR}/${name} OUTPUT_FILE ${OUT}.gz COMMAND_ERROR_IS_FATAL ANY)
  read_bytes(${OUT}.gz gzip n_gzip)
  file(REMOVE ${OUT}.gz)
  file(SHA256 ${DIR}/${name} hash)
  string(SUBSTRING ${hash} 0 24 hash)
  string(REGEX REPLACE "^index\\.html$" "" path ${name}) # the page itself is /console/
  set(row "    { .path = \"${path}\",\n      .type = \"${type}\",\n")
  string(APPEND row "      .plain = { .tag = \"\\\"${hash}\\\"\",\n        .bytes = { ${plain}, ${n_plain} } },\n")
  if(n_gzip LESS n_plain)
    string(APPEND row "      .gzip = { .tag = \"\\\"${hash}-gzip\\\"\",\n        .bytes = { ${gzip}, ${n_gzip} } },\n")
  endif()
  string(APPEND rows "${row}    },\n")
endforeach()
file(WRITE ${OUT} "${rows}")
