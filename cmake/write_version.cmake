# SPDX-License-Identifier: Apache-2.0

# Writes OUT, the definition of tools/version.h, when what it says has changed: run at each build,
# because the commit is not known when the build is configured.
# cmake -DRELEASE=... -DSOURCE=... -DOUT=... -P write_version.cmake

set(commit "")
find_program(GIT git)
if(GIT AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND ${GIT} rev-parse --short=8 HEAD WORKING_DIRECTORY ${SOURCE}
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
set(version ${RELEASE})
if(commit MATCHES "^[0-9a-f]+$")
  execute_process(COMMAND ${GIT} diff-index --quiet HEAD -- WORKING_DIRECTORY ${SOURCE}
    RESULT_VARIABLE changed OUTPUT_QUIET ERROR_QUIET)
  if(changed)
    string(APPEND commit ", changed")
  endif()
  string(APPEND version " (${commit})")
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT [[
#include "tools/version.h"

namespace altteul::tools {

std::string_view ProgramVersion() { return "@version@"; }

}  // namespace altteul::tools
]] @ONLY)
