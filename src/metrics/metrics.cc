#include "pglynx/metrics/stats.h"

// Header-only for now; this file gives the module its library.
