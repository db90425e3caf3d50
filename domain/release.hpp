// Memory that is given back. Pure; any thread.
#pragma once

#include <utility>

namespace ledgerd {

// Empties a value that holds strings or vectors, and frees what they have: an assignment of an
// empty one, `value = {}`, keeps their memory.
template <class T>
void release(T& value) {
  const T gone = std::exchange(value, T{});
}

} // namespace ledgerd
