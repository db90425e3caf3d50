// What the failpoints of domain/failpoint.hpp do in a test program.
#pragma once

#include <string>
#include <string_view>

namespace ledgerd::test {

// Reads rules such as `gate=throw;publish=drop@3;write=delay(200)@1..`: a name of the table, what
// happens there, and when: the third time, from the third on (`@3..`), the third to fifth time
// (`@3..5`); every time without it. What may happen:
//
//   kill       the process ends at once, as by SIGKILL
//   throw      std::runtime_error{"the failpoint NAME"}
//   hang       the thread does not go on
//   delay(MS)  it goes on so many milliseconds later
//   drop       the step is left out, where the table allows it
//
// The name `allocation` stands for operator new, which may only throw (std::bad_alloc).
//
// The first time that a rule applies, a line on stderr says so: `failpoint NAME: throw, time 1`.
// From now on these are the rules of the process; once only. Returns what is wrong with the text,
// in one sentence, and changes nothing then; empty: nothing.
std::string arm_failpoints(std::string_view rules);

} // namespace ledgerd::test
