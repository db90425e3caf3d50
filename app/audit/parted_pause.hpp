// A pause in which something has to be done now and then.
#pragma once

#include <algorithm>
#include <chrono>

namespace ledgerd {

// Waits for `time` in parts that are no longer than `part`, which is above zero: calls
// `wait(milliseconds)` for each, and `between()` after each but the last. False as soon as `wait`
// returns false: it is to end. Pure but for these two.
template <class Wait, class Between>
bool pause_in_parts(std::chrono::milliseconds time, std::chrono::milliseconds part, Wait wait,
                    Between between) {
  for (; time > part; time -= part) {
    if (!wait(part))
      return false;
    between();
  }
  return wait(std::max(time, std::chrono::milliseconds{0}));
}

} // namespace ledgerd
