# Files beside the program. Those whose place is the system's own (/etc, the units below
# /usr/lib) are right for the prefix /usr; any other prefix gets them below itself.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/README.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${PROJECT_SOURCE_DIR}/packaging/systemd/pglynx.service
        DESTINATION lib/systemd/system)
install(FILES ${PROJECT_SOURCE_DIR}/packaging/sysusers.d/pglynx.conf
        DESTINATION lib/sysusers.d)

# The prefix is not known before the installation: cmake --install takes one. The file holds
# secrets once it is edited, so that only its owner and group may read it; one that is there
# already is never overwritten.
install(
  CODE "
    set(directory \"\${CMAKE_INSTALL_PREFIX}/etc/pglynx\")
    if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
      set(directory /etc/pglynx)
    endif()
    if(NOT EXISTS \"\$ENV{DESTDIR}\${directory}/pglynx.toml\")
      file(INSTALL DESTINATION \"\${directory}\" TYPE FILE
           PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ
           FILES \"${PROJECT_SOURCE_DIR}/config/pglynx.toml\")
    endif()
")
