# `cmake --install`: bin/ with the programs and, with PACELINE_BUNDLE, lib/ with every shared library
# that they need but glibc's, so that the folder runs wherever it is put.

include(GNUInstallDirs)
get_property(programs GLOBAL PROPERTY PACELINE_PROGRAMS)
if(programs)
  set_target_properties(${programs} PROPERTIES INSTALL_RPATH "\$ORIGIN/../lib")
  install(TARGETS ${programs} RUNTIME DESTINATION bin)
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION share/doc/paceline)

# Loaded by name while running, so no program names them.
set(PACELINE_LOADED_LIBRARIES libopenblas.so.0)

if(PACELINE_BUNDLE)
  install(CODE "
    execute_process(
      COMMAND bash \"${PROJECT_SOURCE_DIR}/cmake/bundle_libraries.sh\"
              \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\" ${PACELINE_LOADED_LIBRARIES}
      COMMAND_ERROR_IS_FATAL ANY)")
endif()
