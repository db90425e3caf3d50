// What the log tells of changes (servers that go and come back, nodes, settings, whatever is
// wrong), kept for people who ask what was different just before.
#pragma once

#include <memory>

#include "app/operations/change_board.hpp"

namespace ledgerd {

// From now on every event of the log that tells of a change goes to this board too, for as long as
// somebody else holds it; `what` is then the event's code. Any thread.
void keep_changes(const std::shared_ptr<change_board>& on);

} // namespace ledgerd
