# Run by CPack on what it is about to pack: Debian has changelogs and manual pages compressed, without a time inside.
file(GLOB_RECURSE files "${CPACK_TEMPORARY_DIRECTORY}/*")
list(FILTER files INCLUDE REGEX "/share/(man/man[0-9]/[^/]+\\.[0-9]|doc/ledgerd/(changelog|CHANGELOG\\.md))$")
foreach(file IN LISTS files)
  execute_process(COMMAND gzip -9nf "${file}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
