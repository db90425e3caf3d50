# Run by CPack on what it is about to pack: Debian has changelogs and man pages compressed, without a time inside.
file(GLOB_RECURSE papers
  "${CPACK_TEMPORARY_DIRECTORY}/*/share/man/man*/*.[0-9]"
  "${CPACK_TEMPORARY_DIRECTORY}/*/share/doc/ledgerd/changelog"
  "${CPACK_TEMPORARY_DIRECTORY}/*/share/doc/ledgerd/CHANGELOG.md")
foreach(paper IN LISTS papers)
  execute_process(COMMAND gzip -9nf "${paper}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
