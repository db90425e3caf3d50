// A node does not start under the name of another that lives.

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "actors/cluster/name_board.hpp"
#include "app/daemon/start.hpp"
#include "domain/exit_code.hpp"
#include "tests/app/operations/fake_line.hpp"

#define CAF_SUITE name_check
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace std::chrono_literals;

namespace {

line_reply says(const std::string& name, node_doing doing, std::uint64_t database = 0) {
  cluster_answer answer;
  answer.word.boot = boot_id{name == "mine" ? 7U : 8U};
  answer.word.name = name;
  answer.word.version = "1.2.3";
  answer.word.ledger = true;
  answer.word.doing = doing;
  answer.word.database = database;
  return {0, false, encode_answer(answer)};
}

struct fixture {
  fixture() { settings.node_name = "mine"; }

  // The exit code with which the start ends; -1: it goes on.
  int check(std::vector<line_reply> replies, std::chrono::milliseconds timeout = 60s,
            std::uint64_t database = 0) {
    line->reply_with(std::move(replies));
    try {
      check_name({settings, signals, health, std::chrono::steady_clock::now() + timeout}, line,
                 database);
      return -1;
    } catch (const stop_start& stop) {
      return stop.exit_code;
    }
  }

  config settings;
  process_signals of_process;
  start_signals signals{of_process, [] {}};
  readiness health{std::make_shared<progress_board>(), std::make_shared<topology_board>()};
  std::shared_ptr<fake_line> line = std::make_shared<fake_line>();
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(tests, fixture)

CAF_TEST(a name is free that no node has) {
  CAF_CHECK_EQUAL(check({{0, true, ""}}), -1);
  CAF_CHECK_EQUAL(check({says("other", node_doing::serving)}), -1);
}

CAF_TEST(the name of a node that lives is refused) {
  for (const auto doing :
       {node_doing::starting, node_doing::serving, node_doing::paused, node_doing::stalled})
    CAF_CHECK_EQUAL(check({says("other", node_doing::serving), says("mine", doing)}),
                    static_cast<int>(exit_code::cannot_start));
}

CAF_TEST(a node of another ledger that lives is refused and one that does not say is not ) {
  CAF_CHECK_EQUAL(check({says("other", node_doing::serving, 8)}, 60s, 7),
                  static_cast<int>(exit_code::cannot_start));
  CAF_CHECK_EQUAL(check({says("other", node_doing::serving, 7)}, 60s, 7), -1);
  CAF_CHECK_EQUAL(check({says("other", node_doing::serving)}, 60s, 7), -1);
  CAF_CHECK_EQUAL(check({says("other", node_doing::serving, 8)}), -1);
}

CAF_TEST(nobody who answers costs half a second and no more) {
  const auto began = std::chrono::steady_clock::now();
  CAF_CHECK_EQUAL(check({}), -1);
  const auto took = std::chrono::steady_clock::now() - began;
  CAF_CHECK(took >= 500ms);
  CAF_CHECK(took < 5s); // on a busy machine
}

CAF_TEST(a node of this name that is leaving is waited for) {
  std::thread goes{[this] {
    while (line->asked < 1)
      std::this_thread::sleep_for(10ms);
    line->reply_with({{0, true, ""}});
  }};
  CAF_CHECK_EQUAL(check({says("mine", node_doing::leaving)}), -1);
  goes.join();
  CAF_CHECK_EQUAL(line->asked.load(), 2);
}

CAF_TEST(a node of this name that does not go is refused in the end) {
  CAF_CHECK_EQUAL(check({says("mine", node_doing::leaving)}, 1500ms),
                  static_cast<int>(exit_code::cannot_start));
}

CAF_TEST(a name that is taken twice is not ready) {
  const auto name_check = [this] {
    for (const auto& each : health.latest())
      if (each.name == "name")
        return each;
    return readiness_check{"none", true, ""};
  };
  CAF_CHECK_EQUAL(name_check().name, "none");
  note_namesake("another one has it");
  CAF_CHECK_EQUAL(name_check().ok, false);
  CAF_CHECK_EQUAL(name_check().detail, "another one has it");
  note_namesake({});
  CAF_CHECK_EQUAL(name_check().name, "none");
}

CAF_TEST(a node beside one of another ledger is not ready) {
  note_stranger("the node b serves another ledger");
  const auto seen = health.latest();
  note_stranger({});
  CAF_CHECK(std::any_of(seen.begin(), seen.end(), [](const readiness_check& each) {
    return each.name == "ledger" && !each.ok && each.detail == "the node b serves another ledger";
  }));
}

CAF_TEST_FIXTURE_SCOPE_END()
