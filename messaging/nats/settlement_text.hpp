// What an acknowledgement says, and the failpoint of each kind. Private to this room.
#pragma once

#include <string_view>

#include "domain/assert.hpp"
#include "domain/failpoint.hpp"
#include "messaging/ports.hpp"

namespace ledgerd {

inline std::string_view settlement_text(settlement how) {
  switch (how) {
  case settlement::acknowledge:
    return "+ACK";
  case settlement::progress:
    return "+WPI";
  case settlement::hand_back:
    return "-NAK";
  case settlement::postpone:
    return R"(-NAK {"delay":30000000000})";
  case settlement::terminate:
    return "+TERM";
  case settlement::let_go:
    break; // without a word
  }
  LEDGERD_ASSERT(!"a settlement without a name");
  return {};
}

// One failpoint for each kind.
inline bool is_dropped(settlement how) {
  switch (how) {
  case settlement::acknowledge:
    return failpoint("ack");
  case settlement::progress:
    return failpoint("renew");
  case settlement::hand_back:
    return failpoint("hand_back");
  case settlement::postpone:
    return failpoint("postpone");
  case settlement::terminate:
    return failpoint("terminate");
  case settlement::let_go:
    break;
  }
  return false;
}

} // namespace ledgerd
