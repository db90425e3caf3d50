// A deterministic actor system: the test decides which message is handled next and what time it is.
#pragma once

#include "tests/actors/fakes.hpp"

#include <caf/test/dsl.hpp>

namespace ledgerd::test {

// What the program takes from its configuration or derives from it, and actors therefore have no
// default for. A test that depends on one says a value of its own.
namespace usual {
inline constexpr std::size_t batch_max = 1000;
inline constexpr std::uint32_t attempts_max = 3;
inline constexpr capacity credit{4096, 8 << 20};
inline constexpr std::chrono::milliseconds lease{30000};
} // namespace usual

struct fixture : test_coordinator_fixture<actors_config> {
  // Actors that send themselves a beat would keep the base class's destructor running for ever.
  ~fixture() override {
    for (const auto& each : started)
      caf::anon_send_exit(each, caf::exit_reason::kill);
    consume_messages();
  }

  template <class Actor>
  Actor started_actor(Actor handle) {
    started.push_back(caf::actor_cast<caf::actor>(handle));
    return handle;
  }

  // CAF 0.17 dereferences a null pointer when an actor's function has no arguments: the function
  // itself becomes one.
  template <class Handle, class Function>
  Handle spawn_fake(Function behavior) {
    return started_actor(Handle{sys.spawn([](typename Handle::pointer me, const Function& make) ->
                                          typename Handle::behavior_type { return make(me); },
                                          std::move(behavior))});
  }

  // Sends a request from an actor of its own, which hands the answer to `on_answer`.
  template <class Handle, class OnAnswer, class... Request>
  void ask(const Handle& whom, OnAnswer on_answer, Request... request) {
    sys.spawn([=](caf::event_based_actor* me,
                  const Handle& to) { me->request(to, caf::infinite, request...).then(on_answer); },
              whom);
  }

  // Lets time pass in steps of a beat, so that re-armed timers fire as often as they would.
  void pass(std::chrono::milliseconds duration) {
    for (auto left = duration; left.count() > 0; left -= std::chrono::milliseconds{100}) {
      advance_time(std::chrono::milliseconds{100});
      consume_messages();
    }
  }

  std::vector<caf::actor> started;
};

inline account_key won_account(const std::string& user) {
  return {user, *currency_code::parse("KRW")};
}

inline entry deposit(std::int64_t id, const std::string& user, std::int64_t amount) {
  return {record_id{id}, won_account(user), movement::deposit, money{amount}};
}

// Records every group; the test answers.
inline group_sink::behavior_type recording_gate(group_sink::pointer,
                                                std::shared_ptr<std::vector<ledger_group>> groups) {
  return {[=](post_atom, ledger_group& next) { groups->push_back(std::move(next)); }};
}

} // namespace ledgerd::test
