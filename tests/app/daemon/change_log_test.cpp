#include "app/daemon/change_log.hpp"

#define CAF_SUITE change_log
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(a line tells of a change or comes with each message) {
  struct row {
    const char* level;
    const char* message;
    const char* what; // empty: none
  };
  for (const auto& [level, message, what] : {
           row{"info", "cluster: node b (0001, 0.1.0) is serving", "cluster"},
           row{"info", "node-1 is running with the roles ledger: 1 fetchers per consumer, 2 gates",
               "started"},
           row{"info", "told to stop: draining within 10000 ms", "draining"},
           row{"info", "broker: connected: nats://x", "broker"},
           row{"warning", "database away: pulling stops, what is held is kept alive", "node"},
           row{"warning", "gate: something", "gate"},
           row{"error", "stream TRANSACTIONS is missing", "node"},
           row{"info", "deposit-consumer/0: parking 5 of transaction.deposit", ""},
           row{"info", "redriver: 3 records without a verdict", ""},
           row{"warning", "dump: {\"actors\":[]}", ""},
           row{"debug", "cluster: node b", ""},
       }) {
    const auto found = change_of(level, message, 7);
    CAF_CHECK_EQUAL((found ? found->what : "") + " " + message, what + std::string{" "} + message);
    if (found)
      CAF_CHECK_EQUAL(found->text, message);
  }
  CAF_CHECK_EQUAL(change_of("warning", "x", 7)->level, "warn");
  CAF_CHECK_EQUAL(change_of("critical", "x", 7)->level, "error");
  CAF_CHECK_EQUAL(change_of("info", "made stream X", 7)->at_us, 7);
}
