// The statements of the record store.
#pragma once

#include <vector>

#include "persistence/postgres/database.hpp"

namespace ledgerd {

extern const statement insert_records, find_keys, settle_records, find_records, find_locked_records,
    claim_records, lock_ids, raise_ids, highest_id;

// What a session of the store prepares.
std::vector<statement> record_statements();

// All that the store executes about records, about none.
std::vector<prepared_call> idle_record_calls();

} // namespace ledgerd
