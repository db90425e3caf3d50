// What the gate does to its batches: forming, cutting, taking accounts out. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "actors/ledger/protocol.hpp"

namespace ledgerd {

void add_group(gate_batch& batch, ledger_group&& next);

// Empties the batch into the groups of its accounts, in the order of its heads.
std::vector<ledger_group> groups_of(gate_batch&& batch);

// Takes groups off the front of `from`, as many as have `entries_max` entries together, but one at
// least. Groups stay whole and keep their order. Precondition (asserted): there is more than one.
gate_batch_ptr split_off(gate_batch& from, std::size_t entries_max);

// Takes the groups of the heads at these places out, in this order. Precondition (asserted): the
// places exist.
std::vector<ledger_group> take_out(gate_batch& from, const std::vector<std::size_t>& places);

} // namespace ledgerd
