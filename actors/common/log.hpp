// LOG: the one way into the log. A line has an event with a stable code, a sentence for people, and
// what matters of it as fields for machines. Any thread; never blocks, never throws.
//
//   log(log_event::account_back, {{"gate", index}, {"user", user}}, "gate {}: ...", index, ...);
//
// Of an event that comes again and again a few lines a second are written and the others counted,
// unless its row says that every one matters. The number of those left out is always said, and of
// errors the last sentence too.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include <spdlog/fmt/fmt.h>

#include "actors/common/log_event.hpp"
#include "actors/common/log_line_parts.hpp"

namespace ledgerd {

void write_log(log_event event, std::initializer_list<log_field> fields, fmt::string_view sentence,
               fmt::format_args values) noexcept;

template <class... Values>
void log(log_event event, std::initializer_list<log_field> fields,
         fmt::format_string<Values...> sentence, Values&&... values) {
  write_log(event, fields, sentence, fmt::make_format_args(values...));
}

template <class... Values>
void log(log_event event, fmt::format_string<Values...> sentence, Values&&... values) {
  write_log(event, {}, sentence, fmt::make_format_args(values...));
}

// A line about a change, as a tap gets it.
struct log_change {
  std::int64_t at_us = 0; // since 1970, by the system's clock
  log_event event{};
  std::string sentence;
};

// From now on `tap` hears of every line of an event whose row says `change`, whatever the level of
// the log; one for the process, an empty one ends it. Called on the thread that logs: it must not
// block, log or throw.
void on_change(std::function<void(const log_change&)> tap);

// For a regular beat: says how many lines of an event were left out since its last one, once its
// flood has ended; at the end of the process of all events. Says as well how many lines were
// dropped because whoever reads the log is too slow.
enum class left_out : std::uint8_t { of_floods_that_ended, all };
void tell_left_out(left_out which = left_out::of_floods_that_ended) noexcept;

} // namespace ledgerd
