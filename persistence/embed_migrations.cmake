# Writes OUTPUT, a source file that holds the migrations of each schema (files separated by commas).
#   cmake -DOUTPUT=migrations.cpp -DLEDGER=a.sql,b.sql -DACCOUNT=c.sql -P embed_migrations.cmake
function(read_migrations files result)
  string(REPLACE "," ";" files "${files}")
  set(entries "")
  set(version 0)
  foreach(file IN LISTS files)
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
  set(${result} "${entries}" PARENT_SCOPE)
endfunction()

read_migrations("${LEDGER}" ledger)
read_migrations("${ACCOUNT}" account)
file(WRITE "${OUTPUT}" "// Made by embed_migrations.cmake.
#include \"persistence/postgres/migrations.hpp\"

namespace ledgerd {

const std::vector<migration>& migrations(schema which) {
  static const std::vector<migration> ledger = {
${ledger}  };
  static const std::vector<migration> account = {
${account}  };
  return which == schema::ledger ? ledger : account;
}

} // namespace ledgerd
")
