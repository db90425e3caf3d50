#define CAF_SUITE meter

#include "actors/common/fail_stop.hpp"
#include "actors/common/measured.hpp"
#include "actors/common/meter.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <thread>

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

using namespace std::chrono_literals;
using worker = caf::typed_actor<caf::replies_to<std::int64_t>::with<std::int64_t>>;

// One actor that has a row of its own, and one of a crowd. The message says how long to take.
struct alone_state {
  static inline const char* name = "alone";
};
struct many_state {
  static inline const char* name = "many";
  static constexpr bool one_of_many = true;
};

template <class State>
worker::behavior_type body(worker::stateful_pointer<State> self, std::int64_t most) {
  return {[self, most](std::int64_t milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds{milliseconds});
    if (milliseconds > most)
      self->quit();
    return milliseconds;
  }};
}

std::optional<actor_report> row(const std::string& kind, const std::string& instance = {}) {
  for (auto& each : read_meters())
    if (each.actor == kind && each.instance == instance)
      return each;
  return std::nullopt;
}

std::int64_t value(const actor_report& report, std::string_view name) {
  for (const auto& [what, number] : report.values)
    if (what->name == name)
      return number;
  CAF_FAIL("no value " << name);
  return 0;
}

const duration_histogram& durations(const actor_report& report, std::string_view name) {
  for (const auto& [what, histogram] : report.histograms)
    if (what->name == name)
      return histogram;
  CAF_FAIL("no histogram " << name);
  return report.histograms.front().histogram;
}

struct meter_fixture : fixture {
  template <class State>
  worker spawn_measured(std::int64_t most = 1000) {
    return started_actor(sys.spawn(guarded(body<State>), most));
  }
};

} // namespace

CAF_TEST(a message is followed through a mailbox and none is measured that has passed it) {
  mailbox_probe probe;
  CAF_CHECK(!probe.is_at(1));
  probe.put(3);
  probe.put(4); // one at a time
  CAF_CHECK(!probe.is_at(2));
  CAF_CHECK(probe.is_at(3));
  const auto waited = probe.take(mailbox_probe::clock::now() + 5s);
  CAF_CHECK(waited >= 5s && waited < 6s);
  CAF_CHECK(!probe.is_at(4));
  probe.put(7);
  CAF_CHECK(probe.is_at(8)); // the order was another one: it has just passed
}

CAF_TEST(times are put into their bucket and add up) {
  timing times;
  times.record(9us);
  times.record(10us);
  times.record(10us + 1ns);
  times.record(20s);
  times.record(-5us); // a clock that went back
  duration_histogram sum;
  times.add_to(sum);
  CAF_CHECK_EQUAL(sum.count(), 5);
  CAF_CHECK_EQUAL(sum.buckets()[0], 3);
  CAF_CHECK_EQUAL(sum.buckets()[1], 1);
  CAF_CHECK_EQUAL(sum.buckets().back(), 1);
  CAF_CHECK_EQUAL(sum.sum_us(), 20'000'029);
}

CAF_TEST(what has come and was not handled waits and one is under way) {
  actor_meter meter;
  for (int i = 0; i < 3; ++i)
    meter.arrive();
  CAF_CHECK_EQUAL(meter.mailbox(), 3);
  meter.run();
  meter.begin();
  CAF_CHECK_EQUAL(meter.mailbox(), 2);
  CAF_CHECK(meter.busy(actor_meter::clock::now() + 3s) >= 3s);
  meter.end();
  CAF_CHECK_EQUAL(meter.mailbox(), 2);
  CAF_CHECK_EQUAL(meter.busy(actor_meter::clock::now()).count(), 0);
  runtime_counters counted;
  meter.add_to(counted);
  CAF_CHECK_EQUAL(counted.messages, 1);
  CAF_CHECK_EQUAL(counted.processing_time.count(), 1);
  CAF_CHECK_EQUAL(counted.mailbox_time.count(), 1);
}

CAF_TEST_FIXTURE_SCOPE(meter_tests, meter_fixture)

CAF_TEST(an actor is counted and timed without its help and under the name that its parent gives) {
  const auto subject = spawn_measured<alone_state>();
  CAF_REQUIRE(row("alone").has_value());
  name_actor(subject, "alone", "first");
  CAF_CHECK(!row("alone").has_value());
  for (int i = 0; i < 4; ++i)
    ask(
        subject, [](std::int64_t) {}, std::int64_t{2});
  // Those who ask have run, the subject has not.
  while (value(*row("alone", "first"), "mailbox") < 4)
    sched.run_once();
  consume_messages();
  const auto after = *row("alone", "first");
  CAF_CHECK_EQUAL(value(after, "mailbox"), 0);
  CAF_CHECK_EQUAL(value(after, "messages_total"), 4);
  CAF_CHECK_EQUAL(value(after, "actors"), 1);
  CAF_CHECK_EQUAL(value(after, "busy_ms"), 0);
  CAF_CHECK_EQUAL(durations(after, "processing_time").count(), 4);
  CAF_CHECK(durations(after, "processing_time").sum_us() >= 8000);
  CAF_CHECK(durations(after, "mailbox_time").count() >= 1);
}

CAF_TEST(what an actor counted stays when it ends) {
  const auto before = row("alone", "ended");
  const auto handled = before ? value(*before, "messages_total") : 0;
  const auto subject = spawn_measured<alone_state>(0);
  ask(
      subject, [](std::int64_t) {}, std::int64_t{1}); // which ends it
  consume_messages();
  CAF_CHECK(!row("alone").has_value());
  const auto ended = row("alone", "ended");
  CAF_REQUIRE(ended.has_value());
  CAF_CHECK_EQUAL(value(*ended, "messages_total"), handled + 1);
  CAF_CHECK_EQUAL(value(*ended, "actors"), 0);
}

CAF_TEST(a crowd is one row and what waits for those that have ended waits no more) {
  constexpr int many = 100;
  {
    std::vector<worker> all;
    for (int i = 0; i < many; ++i)
      all.push_back(spawn_measured<many_state>());
    for (const auto& each : all)
      for (int i = 0; i < 4; ++i)
        ask(
            each, [](std::int64_t) {}, std::int64_t{0});
    consume_messages();
    const auto counted = *row("many");
    CAF_CHECK_EQUAL(value(counted, "actors"), many);
    CAF_CHECK_EQUAL(value(counted, "mailbox"), 0);
    CAF_CHECK_EQUAL(value(counted, "messages_total"), 4 * many);
    CAF_CHECK_EQUAL(value(counted, "busy_ms"), not_known);
    const auto timed = durations(counted, "processing_time").count();
    CAF_CHECK_EQUAL(timed, 4 * many / static_cast<int>(crowd_meter::timed_one_in));
    CAF_CHECK(durations(counted, "mailbox_time").count() > 0);
    for (const auto& each : all) {
      caf::anon_send_exit(each, caf::exit_reason::kill);
      caf::anon_send(each, std::int64_t{0}); // comes behind its end
    }
    consume_messages();
    for (const auto& each : all)
      caf::anon_send(each, std::int64_t{0}); // comes to nobody
    started.clear();
  }
  const auto after = *row("many");
  CAF_CHECK_EQUAL(value(after, "actors"), 0);
  CAF_CHECK_EQUAL(value(after, "mailbox"), 0);
}

CAF_TEST_FIXTURE_SCOPE_END()

// With threads of its own: whoever asks it waits, and its numbers are there all the same.
CAF_TEST(an actor that answers nobody is seen with what waits for it and for how long) {
  caf::actor_system_config config;
  caf::actor_system system{config};
  std::promise<void> blocked;
  std::promise<void> go_on;
  const auto subject = system.spawn<caf::detached>(
      guarded([&blocked, &go_on](worker::stateful_pointer<alone_state>,
                                 std::int64_t) -> worker::behavior_type {
        return {[&](std::int64_t number) {
          if (number == 0) {
            blocked.set_value();
            go_on.get_future().wait();
          }
          return number;
        }};
      }),
      std::int64_t{0});
  name_actor(subject, "alone", "stuck");
  for (std::int64_t i = 0; i < 5; ++i)
    caf::anon_send(subject, i);
  blocked.get_future().wait();
  std::this_thread::sleep_for(20ms);
  const auto stuck = *row("alone", "stuck");
  CAF_CHECK_EQUAL(value(stuck, "mailbox"), 4);
  CAF_CHECK(value(stuck, "busy_ms") >= 20);
  CAF_CHECK_EQUAL(value(stuck, "messages_total"), 0);
  go_on.set_value();
  caf::anon_send_exit(subject, caf::exit_reason::user_shutdown);
}
