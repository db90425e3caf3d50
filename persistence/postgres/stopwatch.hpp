// How long a piece of work has taken so far, from the making of the object on.
#pragma once

#include <chrono>

namespace ledgerd {

class stopwatch {
public:
  std::chrono::microseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now()
                                                                 - begin_);
  }

private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

} // namespace ledgerd
