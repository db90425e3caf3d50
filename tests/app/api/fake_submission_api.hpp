// An account side for tests of the HTTP routes: keeps what it is asked and answers as it is told.
#pragma once

#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/api/submission_api.hpp"
#include "app/http/server.hpp"

namespace ledgerd {

class fake_submission_api final : public submission_api {
public:
  // What the next questions are answered with; without it each gets what a sound node would say.
  void answer_with(api_answer answer) { answer_ = std::move(answer); }

  // Keeps the next questions unanswered, or answers those that were kept.
  void hold(bool on) {
    std::vector<api_callback> released;
    {
      const std::lock_guard lock{mutex_};
      holding_ = on;
      if (!on)
        released.swap(held_);
    }
    for (const auto& done : released)
      done({200, "", "{\"held\":true}", {}});
  }

  std::size_t held() const {
    const std::lock_guard lock{mutex_};
    return held_.size();
  }

  // The questions so far, such as `submit[BODY][KEY][WAITms]`.
  std::vector<std::string> asked() const {
    const std::lock_guard lock{mutex_};
    return asked_;
  }

  void forget() {
    const std::lock_guard lock{mutex_};
    asked_.clear();
  }

  void submit(const submit_call& call, api_callback done) override {
    const auto document = nlohmann::json::parse(call.body, nullptr, false);
    take("submit[" + std::string{call.body} + "][" + std::string{call.idempotency_key} + "]["
             + std::to_string(call.wait.count()) + "ms]",
         document.is_object() ? api_answer{202, "", "{}", {{"Location", "/v1/transactions/7"}}}
                              : problem(400, "MALFORMED_JSON"),
         std::move(done));
  }

  void record(record_id id, api_callback done) override {
    take("record[" + std::to_string(to_int(id)) + "]", {200, "", "{}", {}}, std::move(done));
  }

  void account(std::string_view user_id, api_callback done) override {
    take("account[" + std::string{user_id} + "]", {200, "", "{}", {}}, std::move(done));
  }

  void history(std::string_view user_id, std::string_view currency, std::string_view limit,
               std::string_view before, api_callback done) override {
    take("history[" + std::string{user_id} + "][" + std::string{currency} + "]["
             + std::string{limit} + "][" + std::string{before} + "]",
         {200, "", "{}", {}}, std::move(done));
  }

  static api_answer problem(int status, const std::string& code) {
    return {status, code, http_problem(status, code, "as the test wants").body, {}};
  }

private:
  void take(std::string question, api_answer otherwise, api_callback done) {
    {
      const std::lock_guard lock{mutex_};
      asked_.push_back(std::move(question));
      if (holding_) {
        held_.push_back(std::move(done));
        return;
      }
    }
    done(answer_.value_or(std::move(otherwise)));
  }

  mutable std::mutex mutex_;
  std::optional<api_answer> answer_;
  bool holding_ = false;
  std::vector<api_callback> held_;
  std::vector<std::string> asked_;
};

} // namespace ledgerd
