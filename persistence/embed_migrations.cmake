# Writes OUTPUT, a source file that holds the migrations FILES (separated by commas).
#   cmake -DOUTPUT=migrations.cpp -DFILES=a.sql,b.sql -P embed_migrations.cmake
string(REPLACE "," ";" FILES "${FILES}")
set(entries "")
set(version 0)
foreach(file IN LISTS FILES)
  math(EXPR version "${version} + 1")
  get_filename_component(name "${file}" NAME_WE)
  if(NOT name MATCHES "^0*${version}_")
    message(FATAL_ERROR "migration ${version} is missing: found ${name} in its place")
  endif()
  file(READ "${file}" sql)
  file(SHA256 "${file}" checksum)
  string(APPEND entries
    "    {${version}, \"${name}\", \"${checksum}\", R\"migration(${sql})migration\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Made by embed_migrations.cmake.
#include \"persistence/migrations.hpp\"

namespace ledgerd {

const std::vector<migration>& migrations() {
  static const std::vector<migration> list = {
${entries}  };
  return list;
}

} // namespace ledgerd
")
