#include "persistence/postgres.hpp"

#include "tests/persistence/postgres/postgres_world.hpp"

#define CAF_SUITE postgres_store
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using world = postgres_world;

} // namespace

#include "tests/persistence/store_contract.hpp"
