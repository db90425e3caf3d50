// What an actor at a question desk counts, and how it is reported and exported: the responder of
// the ledger and the account API over NATS, each under a name of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

struct question_counters {
  std::int64_t answered = 0;
  std::int64_t expired = 0;
  std::int64_t overflow = 0;
  std::int64_t foreign = 0;

  // With what the desk itself dropped.
  question_counters with(const question_losses& lost) const {
    auto sum = *this;
    sum.expired += static_cast<std::int64_t>(lost.expired);
    sum.overflow += static_cast<std::int64_t>(lost.overflow);
    sum.foreign += static_cast<std::int64_t>(lost.foreign_reply);
    return sum;
  }
};

template <class Numbers>
constexpr auto question_table(std::string_view dropped) {
  using n = Numbers;
  constexpr std::string_view help =
      "Questions over NATS to this role that were dropped unread, by the reason.";
  return std::to_array<number_row<n>>({
      {&n::answered, "questions_answered_total", not_exported("Only a loss tells of trouble.")},
      {&n::expired, "questions_expired_total", exported(dropped, help, "expired")},
      {&n::overflow, "questions_overflow_total", exported(dropped, help, "overflow")},
      {&n::foreign, "questions_foreign_total", exported(dropped, help, "foreign_reply")},
  });
}

} // namespace ledgerd
