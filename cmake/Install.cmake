# Rules for cmake --install: the program, and its documentation under any prefix. The program is a component
# of its own, which the Dockerfile installs.
include(GNUInstallDirs)

install(TARGETS eventhub RUNTIME COMPONENT server)
install(FILES LICENSE README.md CHANGELOG.md eventhub.conf.example
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc)
install(FILES docs/eventhub.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT doc)
install(FILES docs/eventhub.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT doc)
