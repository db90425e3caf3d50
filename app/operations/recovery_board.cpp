#include "app/operations/recovery_board.hpp"

#include "actors/common/log.hpp"
#include "actors/common/sentence_board.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t failed_min = 3; // one may meet a server that restarts
constexpr std::size_t say_again = 30; // failed looks from one line of the log to the next

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
  if (failed < failed_min)
    return;
  of_process().say(consumer, "what " + consumer + " gives up is not recovered: " + why);
  if ((failed - failed_min) % say_again == 0)
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
