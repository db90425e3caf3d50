// In the SQL of this room `ledger.` and `account.` stand for the two schemas, whatever they are
// called.
#pragma once

#include <string>

#include "persistence/schema_names.hpp"

namespace ledgerd {

// The name of a schema as SQL takes it.
std::string schema_identifier(schema which);

// `sql` with the names that were chosen in place of `ledger.` and `account.`; the text itself when
// none was. Nothing that is not ours may stand in it: values are parameters.
std::string in_schemas(std::string sql);

} // namespace ledgerd
