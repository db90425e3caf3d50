// Finding out about a currency that is not in the table yet: unknown here is not invalid.
#pragma once

#include <cstdint>
#include <functional>

namespace ledgerd {

// Has the table brought up to date from where it comes from. Any thread; no call blocks.
class currency_lookup {
public:
  virtual ~currency_lookup() = default;

  // Asks for a look that begins after this call; returns its number. Looks are shared: any number
  // of calls between two looks ask for the same one.
  virtual std::uint64_t request() = 0;

  // The number of the last look that went well. A currency that is not in the table after the look
  // that was asked for when it was met is none.
  virtual std::uint64_t done() const = 0;

  // The same for a caller that is not an actor: calls `then` once, on a thread of the lookup, when
  // the look has ended; false: it failed, and nothing is known.
  virtual void request(std::function<void(bool)> then) = 0;
};

} // namespace ledgerd
