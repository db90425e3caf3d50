// What the log tells of changes (servers that go and come back, nodes, settings, whatever is
// wrong), kept for people who ask what was different just before.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <spdlog/common.h>
#include <string_view>

#include "app/operations/change_board.hpp"

namespace ledgerd {

// The change that a line of the log tells of: every warning and error, and of the others those of
// the node's life. Nothing for what comes with each message. Pure; any thread.
std::optional<node_change> change_of(std::string_view level, std::string_view message,
                                     std::int64_t at_us);

// A sink for the process's logger that notes changes on the board; see `keep_changes`.
spdlog::sink_ptr make_change_sink();

// From now on changes go to this board, for as long as somebody else holds it. Any thread.
void keep_changes(const std::shared_ptr<change_board>& on);

} // namespace ledgerd
