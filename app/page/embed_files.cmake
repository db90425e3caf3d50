# Writes OUTPUT, a source file that holds the files in FOLDER: index.html for the path /, all others for /page/NAME.
#   cmake -DOUTPUT=page_files.cpp -DFOLDER=app/page/files -P embed_files.cmake
set(type_html "text/html; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_js "text/javascript; charset=utf-8")
set(type_svg "image/svg+xml")

file(GLOB names RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT names)
set(rows "")
foreach(name IN LISTS names)
  file(READ "${FOLDER}/${name}" text)
  file(SHA256 "${FOLDER}/${name}" digest)
  string(SUBSTRING "${digest}" 0 32 etag)
  string(REGEX REPLACE "^.*\\." "" ending "${name}")
  if(NOT DEFINED type_${ending})
    message(FATAL_ERROR "nobody knows the content type of ${name}")
  endif()
  set(path "/page/${name}")
  if(name STREQUAL "index.html")
    set(path "/")
  endif()
  string(APPEND rows "    {\"${path}\", \"${type_${ending}}\", \"\\\"${etag}\\\"\", R\"page(${text})page\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Made by embed_files.cmake.
#include \"app/page/page_routes.hpp\"

namespace ledgerd {

std::span<const page_file> page_files() {
  static constexpr page_file files[] = {
${rows}  };
  return files;
}

} // namespace ledgerd
")
