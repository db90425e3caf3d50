# What is installed, and the Debian package of it: `cpack -G DEB` in a build directory, or `./dev package`.
#
# The component `debian` is what only a package brings: the unit, /etc/ledgerd and the papers that Debian asks for.
# `cmake --install` alone leaves it out.

include(GNUInstallDirs)

# An address of whoever builds the package belongs here.
set(LEDGERD_MAINTAINER "The ledgerd authors <ledgerd@localhost.localdomain>" CACHE STRING
  "Who is named in the package as its maintainer: a name and an address")

install(TARGETS ledgerd RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT program)
install(FILES deploy/roles.sql deploy/nats-permissions.conf deploy/systemd/ledgerd.toml
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/ledgerd/examples" COMPONENT program)
install(DIRECTORY deploy/prometheus deploy/grafana
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/ledgerd/examples" COMPONENT program PATTERN "*_test.yml" EXCLUDE)

file(STRINGS LICENSE license_lines)
list(SUBLIST license_lines 2 -1 license_lines) # without title and the line of the copyright
list(TRANSFORM license_lines PREPEND " ")
list(TRANSFORM license_lines REPLACE "^ $" " .")
string(REPLACE ";" "\n" license "${license_lines}")
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH, where that is set
set(papers "${CMAKE_CURRENT_BINARY_DIR}/debian")
configure_file(deploy/debian/copyright.in "${papers}/copyright" @ONLY)
configure_file(deploy/debian/changelog.in "${papers}/changelog" @ONLY)

install(FILES deploy/systemd/ledgerd.service DESTINATION lib/systemd/system COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/ledgerd.toml DESTINATION /etc/ledgerd COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES "${papers}/copyright" "${papers}/changelog" CHANGELOG.md
  DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/ledgerd" COMPONENT debian EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ledgerd)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "${LEDGERD_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "posts requests from NATS JetStream to a ledger in PostgreSQL")
set(CPACK_PACKAGE_DESCRIPTION "A daemon that pulls deposits and withdrawals from JetStream, decides each
exactly once, posts them to PostgreSQL in group commits and publishes the
result. Several of them share the accounts among themselves. Beside it an
account side takes requests over HTTP and NATS and answers with the verdict.")
# Everything that is installed in one package, parts of other folders (pages, completions) among them.
set(CPACK_COMPONENTS_ALL program Unspecified debian)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_SET_DESTDIR ON) # files of /etc lie beyond the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_SOURCE_DIR}/cmake/compress_papers.cmake")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_NAME ledgerd)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# adduser: for postinst; procps: /bin/kill of the unit's reload.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, procps")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "nats-server, postgresql")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  "${CMAKE_CURRENT_SOURCE_DIR}/deploy/debian/conffiles"
  "${CMAKE_CURRENT_SOURCE_DIR}/deploy/debian/postinst"
  "${CMAKE_CURRENT_SOURCE_DIR}/deploy/debian/prerm"
  "${CMAKE_CURRENT_SOURCE_DIR}/deploy/debian/postrm")
include(CPack)
