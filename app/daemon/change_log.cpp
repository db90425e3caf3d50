#include "app/daemon/change_log.hpp"

#include <string>

#include "actors/common/log.hpp"

namespace ledgerd {

void keep_changes(const std::shared_ptr<change_board>& on) {
  on_change([kept = std::weak_ptr<change_board>{on}](const log_change& change) {
    const auto board = kept.lock();
    if (!board)
      return;
    const auto& row = row_of(change.event);
    board->note({change.at_us, std::string{to_text(row.level)}, std::string{row.code},
                 std::string{change.sentence}});
  });
}

} // namespace ledgerd
