// The entry point of every unit-test program. Catch2 v3 brings its own main.

#if !__has_include(<catch2/catch_all.hpp>)
#define CATCH_CONFIG_MAIN
#endif
#include "support/catch.h"
