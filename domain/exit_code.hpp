// What the end of the process tells whoever started it: the only place that knows the numbers.
#pragma once

namespace ledgerd::exit_code {

inline constexpr int done = 0;
inline constexpr int answer_is_no = 1; // what a verb was asked
inline constexpr int wrong_usage = 2;
inline constexpr int cannot_start = 3; // or its output cannot be written
inline constexpr int bug = 70;         // or an end that was not orderly

} // namespace ledgerd::exit_code
