// The headers of a message as they travel: a line with the version and possibly a status, a line
// `Name: value` for each header, an empty line; each ends with CR and LF. Pure; any thread.
//
// The library's own reading of such a block is not used on what comes from outside: it takes the
// line after an empty value for that value, and where the last value is empty it finds no header at
// all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "messaging/ports.hpp"

namespace ledgerd {

// How many headers of a message are kept: many tiny ones would take many times their bytes.
inline constexpr std::size_t headers_kept_max = 256;

struct header_line {
  std::string_view name;
  std::string_view value; // without blanks around it, possibly empty
};

// Goes through a block from the first header to the last. The block outlives it.
class header_walk {
public:
  explicit header_walk(std::string_view block) noexcept;

  // What follows the version in its line, such as `409 Consumer Deleted`; empty: nothing.
  std::string_view status() const noexcept { return status_; }

  // The next line that is a header; false: there is none left. What is none is passed over.
  bool next(header_line& line) noexcept;

  // Whether everything so far was as it should be, so that nobody can read it otherwise: no line
  // continues the one before, no name has a blank in it, there are no control characters, and
  // nothing stands behind the empty line. After the last `next` that is said of the whole block. No
  // block at all is sound.
  bool sound() const noexcept { return sound_; }

private:
  std::string_view take_line() noexcept;

  std::string_view rest_;
  std::string_view status_;
  bool sound_ = true;
  bool ended_; // the empty line has come, or the block's end
};

// Whether the whole block is sound, and how many headers it has.
struct header_judgement {
  bool sound = true;
  std::size_t count = 0;
};
header_judgement judge_headers(std::string_view block) noexcept;

enum class header_choice { all, application }; // application: without those that begin with "Nats-"

// The headers of a block, at most `headers_kept_max`. Where that is not all, those that ledgerd
// itself reads (`Ledgerd-*`, `Nats-Msg-Id`, tracing) are kept before any others; their order stays.
std::vector<header> parse_headers(std::string_view block, header_choice which = header_choice::all);

// The value of the first header of exactly this name; empty: none.
std::string_view header_value_in(std::string_view block, std::string_view name) noexcept;

} // namespace ledgerd
