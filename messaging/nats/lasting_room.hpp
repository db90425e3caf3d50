// How much of its room a caller will have again. Pure: no clock of its own, one thread.
#pragma once

#include <algorithm>
#include <chrono>

#include "messaging/ports.hpp"

namespace ledgerd {

// A caller may hold something for as long as a stranger likes, such as the request of an account
// whose row somebody has locked. Who waits until nothing is held waits as long. So what has not
// changed for a while counts as staying, until there is more room again.
//
// Once what stays has used up the credit, room in bytes says no more what is held beyond it. One
// message more than that may be held then, and no other beside it however long it stays.
class lasting_room {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::milliseconds patience{3000};

  // The room at present, several times a second.
  void look(const capacity& room, time_point now) noexcept {
    if (room != last_) {
      last_ = room;
      since_ = now;
    }
    if (room.bytes > most_.bytes)
      most_ = room;
    else if (room.bytes == most_.bytes)
      most_.messages = std::max(most_.messages, room.messages);
    else if (now - since_ >= patience)
      most_ = room;
  }

  // The most room in bytes that is to be expected.
  std::size_t bytes() const noexcept { return most_.bytes; }

  // Nothing is held but what stays.
  bool is_back(const capacity& room) const noexcept {
    return room.bytes > 0 ? room.bytes >= most_.bytes
                          : most_.bytes == 0 && room.messages >= most_.messages;
  }

private:
  capacity most_{0, 0};
  capacity last_{0, 0};
  time_point since_;
};

} // namespace ledgerd
