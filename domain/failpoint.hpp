// Places where a test makes the program fail on purpose, at every step from a delivery to its
// acknowledgement and from a submission to its verdict.
//
// Without the CMake option LEDGERD_FAILPOINTS nothing of it is compiled in. With it a place asks
// the handler that a test program has set (tests/support/failpoints.cpp). The daemon itself never
// sets one: there a place does nothing in any build. Any thread.
#pragma once

#include <atomic>
#include <string_view>

namespace ledgerd {

struct failpoint_row {
  std::string_view name;
  bool drops = false; // the step may also be left out, as if the world had lost it
};

// All of them. A kind of actor that works has one of its name, where it takes its work up.
inline constexpr failpoint_row failpoints[] = {
    // From a delivery to its acknowledgement.
    {"pull", true},     // a request for deliveries is sent
    {"delivery", true}, // one comes, on the library's thread
    {"fetcher"},        // deliveries are taken up
    {"decoded"},        // their entries leave the fetcher
    {"region"},
    {"ledger"},
    {"gate"},
    {"poster"},
    {"write"},           // a batch is decided and not yet written
    {"commit"},          // it is written, COMMIT comes next
    {"committed", true}, // and is done; dropped: nobody has heard how it ended
    {"answer"},          // the gate tells the verdicts
    {"park"},            // a dead letter is made
    {"publish", true},   // a result, dead letter or request is sent
    {"puback", true},    // the stream's word that it is stored comes, on the library's thread
    {"ack", true},
    {"terminate", true},
    {"renew", true},
    {"hand_back", true},
    {"postpone", true},
    // Between nodes.
    {"peer"},
    {"frame", true}, // entries are sent to their owner
    {"reply", true}, // his answers are sent
    {"word", true},  // a node says that it lives
    {"receiver"},
    {"membership"},
    // From a submission to its verdict.
    {"intake"},
    {"recorder"},
    {"record"},         // a batch of records is written, COMMIT comes next
    {"recorded", true}, // and is done
    {"accepted"},       // the request of a new record is about to be published
    {"reconciler"},
    {"settle"},        // verdicts are written, COMMIT comes next
    {"settled", true}, // and is done
    {"redriver"},
    {"ledger_client"},
    {"responder"},
    {"nats_api"},
    // Both sides.
    {"node"},
    {"account"},
    {"readiness"},
};

// A name of the table; any other is an error of the compiler.
struct failpoint_name {
  std::string_view text;

  consteval failpoint_name(const char* name) : text(name) {
    bool known = false;
    for (const auto& each : failpoints)
      known = known || each.name == text;
    if (!known)
      throw "no name of the table of failpoints";
  }
};

// What happens there is up to the handler, which may throw, wait or end the process. Whether the
// step is to be left out.
using failpoint_handler = bool (*)(std::string_view name);

#ifdef LEDGERD_WITHOUT_FAILPOINTS
constexpr bool failpoint(failpoint_name) noexcept {
  return false;
}
#else
inline std::atomic<failpoint_handler> on_failpoint = nullptr;

inline bool failpoint(failpoint_name where) {
  const auto handler = on_failpoint.load(std::memory_order_relaxed);
  return handler != nullptr && handler(where.text);
}
#endif

} // namespace ledgerd
