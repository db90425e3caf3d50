// Which of two things the code of a missing privilege means.
#pragma once

#include "persistence/postgres/database.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

// Whether a 42501 can only have been row security's, which refuses single rows with it: it holds
// for the session's role on one of the schema's tables, and the role lacks no privilege on them.
// Between transactions; throws database_error.
bool only_rows_are_refused(database& session, schema which);

} // namespace ledgerd
