#include "actors/common/unplaced.hpp"

#include <map>
#include <mutex>

namespace ledgerd {

namespace {

struct board {
  std::mutex mutex;
  std::map<std::string, std::string> sentences; // by who says them
};

board& of_process() {
  static board instance;
  return instance;
}

} // namespace

void note_unplaced(const std::string& who, std::size_t count, std::chrono::milliseconds oldest,
                   const std::string& cause) {
  auto& all = of_process();
  const std::lock_guard lock{all.mutex};
  if (count == 0)
    all.sentences.erase(who);
  else
    all.sentences[who] = who + ": " + std::to_string(count) + " letters are not stored, one for "
                         + std::to_string(oldest.count() / 1000) + " s: " + cause;
}

std::string unplaced_letters() {
  auto& all = of_process();
  const std::lock_guard lock{all.mutex};
  std::string result;
  for (const auto& [who, sentence] : all.sentences)
    result += (result.empty() ? "" : "; ") + sentence;
  return result;
}

} // namespace ledgerd
