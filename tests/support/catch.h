#pragma once

// Debian 12 has Catch2 v2, Debian 13 v3: one include for both.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
