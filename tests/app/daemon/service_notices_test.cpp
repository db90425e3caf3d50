#define CAF_SUITE service_notices

#include <string>

#include "app/daemon/service_notices.hpp"
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

const progress_time start{1000s};
const service_look ready{};
const service_look waiting{{"database"}, true};
const service_look standing{{"progress"}, false};

// What is said, and taken.
std::string said(service_words& words, const service_look& seen, progress_time now) {
  auto lines = words.look(seen, now);
  words.taken();
  return lines;
}

} // namespace

CAF_TEST(a start that waits for a server asks for more time and names the server) {
  service_words words{std::nullopt};
  CAF_CHECK_EQUAL(said(words, waiting, start),
                  "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=starting, waits for: database\n");
  CAF_CHECK_EQUAL(said(words, waiting, start + 9s), "");
  CAF_CHECK_EQUAL(said(words, waiting, start + 10s), "EXTEND_TIMEOUT_USEC=60000000\n");
  CAF_CHECK_EQUAL(said(words, {{"broker", "progress"}, true}, start + 11s),
                  "STATUS=starting, waits for: broker, progress\n");
  CAF_CHECK_EQUAL(said(words, ready, start + 12s), "READY=1\nSTATUS=ready\n");
  CAF_CHECK_EQUAL(said(words, ready, start + 100s), "");
}

CAF_TEST(ready is said once and afterwards only the status changes) {
  service_words words{std::nullopt};
  CAF_CHECK_EQUAL(said(words, ready, start), "READY=1\nSTATUS=ready\n");
  CAF_CHECK_EQUAL(said(words, waiting, start + 1s), "STATUS=not ready: database\n");
  CAF_CHECK_EQUAL(said(words, ready, start + 2s), "STATUS=ready\n");
}

CAF_TEST(what nobody has taken is said again) {
  service_words words{8s};
  const auto all = "READY=1\nSTATUS=ready\nWATCHDOG=1\n";
  CAF_CHECK_EQUAL(words.look(ready, start), all);
  CAF_CHECK_EQUAL(words.look(ready, start + 1s), all);
  words.taken();
  CAF_CHECK_EQUAL(words.look(ready, start + 2s), "");
}

CAF_TEST(the watchdog is fed from ready on and only while the node moves) {
  service_words words{8s};
  CAF_CHECK(said(words, waiting, start).find("WATCHDOG") == std::string::npos);
  CAF_CHECK_EQUAL(said(words, ready, start + 1s), "READY=1\nSTATUS=ready\nWATCHDOG=1\n");
  CAF_CHECK_EQUAL(said(words, ready, start + 2s), "");
  CAF_CHECK_EQUAL(said(words, ready, start + 3s), "WATCHDOG=1\n");
  CAF_CHECK_EQUAL(said(words, standing, start + 5s), "STATUS=not ready: progress\n");
  CAF_CHECK_EQUAL(said(words, standing, start + 50s), "");
  // A server that is away is no fault of this process.
  CAF_CHECK_EQUAL(said(words, {{"progress"}, true}, start + 51s), "WATCHDOG=1\n");
}

CAF_TEST(nobody is fed who does not watch) {
  service_words words{std::nullopt};
  CAF_CHECK_EQUAL(said(words, ready, start), "READY=1\nSTATUS=ready\n");
  CAF_CHECK_EQUAL(said(words, ready, start + 100s), "");
}

CAF_TEST(a reload is told with the time of its beginning unless the node is not ready yet) {
  service_words words{std::nullopt};
  CAF_CHECK_EQUAL(words.reload_begins(start), "");
  CAF_CHECK_EQUAL(words.reload_ends(), "");
  said(words, ready, start);
  CAF_CHECK_EQUAL(words.reload_begins(start), "RELOADING=1\nMONOTONIC_USEC=1000000000\n");
  CAF_CHECK_EQUAL(words.reload_ends(), "READY=1\n");
}

CAF_TEST(the end asks for the time it needs and is the last word) {
  service_words words{8s};
  said(words, ready, start);
  CAF_CHECK_EQUAL(words.stops(10s), "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=15000000\n");
  CAF_CHECK_EQUAL(words.look(waiting, start + 30s), "");
  CAF_CHECK_EQUAL(words.reload_begins(start), "");
  CAF_CHECK_EQUAL(words.reload_ends(), "");
}
