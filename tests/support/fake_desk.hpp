// A question desk for tests: hands out what it is given, newest first, and keeps the answers.
#pragma once

#include <algorithm>
#include <iterator>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messaging/ports.hpp"

namespace ledgerd::test {

class fake_desk final : public question_desk {
public:
  struct given_answer {
    std::string reply;
    std::string payload;
    std::string status; // of a problem; else empty
  };

  // Any thread.
  void put(api_question one) {
    waker wake;
    {
      const std::lock_guard lock{mutex_};
      waiting_.push_back(std::move(one));
      if (waiting_.size() == 1) // as a real one does
        wake = wake_;
    }
    if (wake)
      wake();
  }

  std::vector<given_answer> answers() const {
    const std::lock_guard lock{mutex_};
    return answers_;
  }

  void lose(question_losses lost) { losses_ = lost; }

  void open(waker wake) override {
    const std::lock_guard lock{mutex_};
    wake_ = std::move(wake);
  }

  std::vector<api_question> take(std::size_t at_most) override {
    const std::lock_guard lock{mutex_};
    const auto first =
        waiting_.end() - static_cast<std::ptrdiff_t>(std::min(at_most, waiting_.size()));
    std::vector<api_question> result{std::make_move_iterator(first),
                                     std::make_move_iterator(waiting_.end())};
    waiting_.erase(first, waiting_.end());
    return result;
  }

  void answer(const std::string& reply, std::string_view payload,
              const std::vector<header>& headers) override {
    const std::lock_guard lock{mutex_};
    answers_.push_back({reply, std::string{payload}, headers.empty() ? "" : headers[0].value});
  }

  question_losses losses() const override { return losses_; }

  std::size_t message_bytes_max() const override { return bytes_max; }

  void close() override {}

  std::size_t bytes_max = 1 << 20;

private:
  mutable std::mutex mutex_;
  waker wake_;
  std::vector<api_question> waiting_;
  std::vector<given_answer> answers_;
  question_losses losses_;
};

} // namespace ledgerd::test
