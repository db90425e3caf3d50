# Writes OUTPUT, a source file that holds the text of FILE.
#   cmake -DOUTPUT=openapi_document.cpp -DFILE=docs/openapi.json -P embed_openapi.cmake
file(READ "${FILE}" text)
file(WRITE "${OUTPUT}" "// Made by embed_openapi.cmake.
#include \"app/api/submission_routes.hpp\"

namespace ledgerd {

const std::string& openapi_document() {
  static const std::string document = R\"openapi(${text})openapi\";
  return document;
}

} // namespace ledgerd
")
