# Rules for cmake --install: the programs, and their documentation under any prefix. The programs are a component
# of their own, which the Dockerfile installs.
include(GNUInstallDirs)
include(cmake/Completions.cmake)

install(TARGETS eventhub eventhubctl RUNTIME COMPONENT server)
install(FILES ${COMPLETIONS}/_eventhubctl COMPONENT doc
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES LICENSE README.md CHANGELOG.md eventhub.conf.example
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc)
install(FILES docs/eventhub.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT doc)
install(FILES docs/eventhub.conf.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT doc)
install(FILES docs/eventhubctl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT doc)
