// The test runner's main function; the suites stand in the other files.
#include "caf/test/unit_test_impl.hpp"
