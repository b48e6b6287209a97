# Builds a Debian package: cmake --preset deb && cmake --build --preset deb && (cd build/deb && cpack)
# Debian's policy differs from a plain installation, so the package has its own install rules.
include(GNUInstallDirs)
include(cmake/Completions.cmake)
find_program(GZIP gzip REQUIRED)

set(DEB ${PROJECT_SOURCE_DIR}/docker/deb)
set(DEB_OUT ${PROJECT_BINARY_DIR}/deb)

# The configuration of the service: the example, with a secret that postinst creates.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS eventhub.conf.example)
file(READ eventhub.conf.example EXAMPLE)
string(REPLACE "\n#JWT_SECRET_FILE =\n" "\nJWT_SECRET_FILE = /etc/eventhub/jwt-secret\n" DEB_CONF "${EXAMPLE}")
if(DEB_CONF STREQUAL EXAMPLE)
  message(FATAL_ERROR "eventhub.conf.example has no line #JWT_SECRET_FILE =")
endif()
file(CONFIGURE OUTPUT ${DEB_OUT}/eventhub.conf CONTENT "${DEB_CONF}" @ONLY)

function(gzipped from to)
  add_custom_command(OUTPUT ${DEB_OUT}/${to} COMMAND ${GZIP} -9nc ${from} > ${DEB_OUT}/${to}
    DEPENDS ${from} VERBATIM)
  target_sources(debian_docs PRIVATE ${DEB_OUT}/${to})
endfunction()
add_custom_target(debian_docs ALL)
gzipped(${PROJECT_SOURCE_DIR}/docs/eventhub.8 eventhub.8.gz)
gzipped(${PROJECT_SOURCE_DIR}/docs/eventhub.conf.5 eventhub.conf.5.gz)
gzipped(${PROJECT_SOURCE_DIR}/docs/eventhubctl.1 eventhubctl.1.gz)
gzipped(${PROJECT_SOURCE_DIR}/CHANGELOG.md changelog.gz)
gzipped(${DEB}/changelog changelog.Debian.gz)

install(TARGETS eventhub eventhubctl)
install(FILES ${COMPLETIONS}/_eventhubctl
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${DEB_OUT}/eventhub.conf DESTINATION /etc/eventhub
  PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
install(FILES docker/systemd/eventhub.service docker/systemd/eventhub.socket
  DESTINATION /lib/systemd/system)
install(FILES ${DEB_OUT}/eventhubctl.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${DEB_OUT}/eventhub.8.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${DEB_OUT}/eventhub.conf.5.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${DEB}/copyright ${DEB_OUT}/changelog.gz ${DEB_OUT}/changelog.Debian.gz
  eventhub.conf.example DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(FILES ${DEB}/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
  RENAME eventhub)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_CONTACT "The Eventhub authors <eventhub@example.org>")
set(CPACK_PACKAGE_DESCRIPTION
"Clients connect over WebSockets or server-sent events, subscribe to topics
and patterns, and get every message published to them, with an event log to
catch up from. Several servers on one Redis form a cluster.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# libcurl is loaded when JWT_JWKS_URL is set, so dpkg-shlibdeps does not see it.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.54~), libcurl4 (>= 7.87)")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "redis-server, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${DEB}/conffiles ${DEB}/postinst ${DEB}/prerm ${DEB}/postrm)
include(CPack)
