// Tells of a delivery that is postponed because nobody could look up its currency. Any thread.
#pragma once

#include <cstdint>
#include <string>

#include "actors/common/log.hpp"

namespace ledgerd {

inline void note_unread_currency(const std::string& instance, std::uint64_t stream_seq) {
  log(log_event::currencies_unread, {{"consumer", instance}, {"seq", stream_seq}},
      "{}: nobody can look up the currency of message {}: it comes again in half a minute",
      instance, stream_seq);
}

} // namespace ledgerd
