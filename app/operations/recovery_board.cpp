#include "app/operations/recovery_board.hpp"

#include "actors/common/log.hpp"
#include "actors/common/sentence_board.hpp"
#include "app/operations/failed_looks.hpp"

namespace ledgerd {

namespace {

sentence_board& of_process() {
  static sentence_board instance;
  return instance;
}

} // namespace

void note_recovery(const std::string& consumer, std::size_t failed, const std::string& why) {
  if (failed == 0) {
    if (of_process().take_back(consumer))
      log(log_event::recovery_goes_on, {{"consumer", consumer}},
          "{}: what it gives up is recovered again", consumer);
    return;
  }
  if (failed < failed_looks_min)
    return;
  of_process().say(consumer, "what " + consumer + " gives up is not recovered: " + why);
  if (is_line_due(failed))
    log(log_event::recovery_failed, {{"consumer", consumer}, {"why", why}},
        "{}: what it gives up cannot be recovered, and is tried again: {}", consumer, why);
}

std::string unrecovered() {
  return of_process().text();
}

std::size_t unrecovered_consumers() {
  return of_process().count();
}

} // namespace ledgerd
