#include "actors/cluster/name_board.hpp"

#include <mutex>

namespace ledgerd {

namespace {

class board {
public:
  void note(const std::string& sentence) {
    const std::lock_guard lock{mutex_};
    sentence_ = sentence;
  }

  std::string noted() {
    const std::lock_guard lock{mutex_};
    return sentence_;
  }

private:
  std::mutex mutex_;
  std::string sentence_;
};

board& namesakes() {
  static board instance;
  return instance;
}

board& strangers() {
  static board instance;
  return instance;
}

} // namespace

void note_namesake(const std::string& what) {
  namesakes().note(what);
}

std::string namesake_found() {
  return namesakes().noted();
}

void note_stranger(const std::string& what) {
  strangers().note(what);
}

std::string stranger_found() {
  return strangers().noted();
}

} // namespace ledgerd
