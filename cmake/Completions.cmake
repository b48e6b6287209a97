# Makes the scripts for completion by running the tool, and installs those for bash and fish. zsh has another
# directory in Debian's policy than elsewhere, so the includer installs ${COMPLETIONS}/_eventhubctl.
set(COMPLETIONS ${PROJECT_BINARY_DIR}/completions)
file(MAKE_DIRECTORY ${COMPLETIONS})
add_custom_command(
  OUTPUT ${COMPLETIONS}/eventhubctl ${COMPLETIONS}/_eventhubctl ${COMPLETIONS}/eventhubctl.fish
  COMMAND eventhubctl completion bash > ${COMPLETIONS}/eventhubctl
  COMMAND eventhubctl completion zsh > ${COMPLETIONS}/_eventhubctl
  COMMAND eventhubctl completion fish > ${COMPLETIONS}/eventhubctl.fish
  DEPENDS eventhubctl
  VERBATIM)
add_custom_target(completions ALL
  DEPENDS ${COMPLETIONS}/eventhubctl ${COMPLETIONS}/_eventhubctl ${COMPLETIONS}/eventhubctl.fish)

install(FILES ${COMPLETIONS}/eventhubctl COMPONENT doc
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${COMPLETIONS}/eventhubctl.fish COMPONENT doc
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
