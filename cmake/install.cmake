# Files beside the program. The unit's path is systemd's own, not below the prefix.
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
