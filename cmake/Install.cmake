# cmake --install: the program, and what belongs beside it wherever the prefix is. A component of its
# own for the program alone (the Dockerfile takes that).
include(GNUInstallDirs)

install(TARGETS eventhub RUNTIME COMPONENT server)
install(FILES LICENSE README.md CHANGELOG.md eventhub.conf.example
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc)
install(FILES docs/eventhub.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT doc)
install(FILES docs/eventhub.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT doc)
