// Goal: the version has one value, in CMake's project() and in the program.
#include "pglynx/server/version.h"

#include <fstream>
#include <sstream>

#include "support/catch.h"

TEST_CASE("the program's version is the project's") {
  std::ifstream file(PGLYNX_SOURCE_DIR "/CMakeLists.txt");
  std::stringstream text;
  text << file.rdbuf();
  CHECK(text.str().find("project(pglynx VERSION " + std::string(pglynx::server::kVersion) + " ") !=
        std::string::npos);
}
