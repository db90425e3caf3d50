#include "app/operations/recovery_board.hpp"

#include <map>
#include <mutex>

#include "actors/common/log.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t failed_min = 3; // one may meet a server that restarts
constexpr std::size_t say_again = 30; // failed looks from one line of the log to the next

struct board {
  std::mutex mutex;
  std::map<std::string, std::string> sentences; // by consumer
};

board& of_process() {
  static board instance;
  return instance;
}

} // namespace

void note_recovery(const std::string& consumer, std::size_t failed, const std::string& why) {
  auto& all = of_process();
  const std::lock_guard lock{all.mutex};
  if (failed == 0) {
    if (all.sentences.erase(consumer) > 0)
      log(log_event::recovery_goes_on, {{"consumer", consumer}},
          "{}: what it gives up is recovered again", consumer);
    return;
  }
  if (failed < failed_min)
    return;
  all.sentences[consumer] = "what " + consumer + " gives up is not recovered: " + why;
  if ((failed - failed_min) % say_again == 0)
    log(log_event::recovery_failed, {{"consumer", consumer}, {"why", why}},
        "{}: what it gives up cannot be recovered, and is tried again: {}", consumer, why);
}

std::string unrecovered() {
  auto& all = of_process();
  const std::lock_guard lock{all.mutex};
  std::string result;
  for (const auto& [consumer, sentence] : all.sentences)
    result += (result.empty() ? "" : "; ") + sentence;
  return result;
}

} // namespace ledgerd
