# Writes TO, a source that says of which commit the tree at FROM is: "unknown" without git, and with "-changed" where files
# differ from it. It is written anew only when that changes, so that nothing else is built again.
execute_process(COMMAND git describe --always --exclude=* --dirty=-changed WORKING_DIRECTORY "${FROM}"
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT "${TO}" CONTENT [[
namespace ledgerd::sim {
extern const char* const commit_of_build;
const char* const commit_of_build = "@commit@";
} // namespace ledgerd::sim
]] @ONLY)
