// What several say of their troubles, as health reads it in one text. Any thread.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace ledgerd {

class sentence_board {
public:
  // In the place of what the same one said before.
  void say(const std::string& who, std::string sentence) {
    const std::lock_guard lock(mutex_);
    sentences_[who] = std::move(sentence);
  }

  // Whether there was something to take back.
  bool take_back(const std::string& who) {
    const std::lock_guard lock(mutex_);
    return sentences_.erase(who) > 0;
  }

  // Empty: nobody says anything.
  std::string text() const {
    const std::lock_guard lock(mutex_);
    std::string result;
    for (const auto& [who, sentence] : sentences_)
      result += (result.empty() ? "" : "; ") + sentence;
    return result;
  }

  // How many say something.
  std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return sentences_.size();
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> sentences_; // by who says them
};

} // namespace ledgerd
