#define CAF_SUITE submission_root

#include "actors/submissions/root.hpp"

#include <algorithm>

#include "tests/actors/child_lines.hpp"

#include "tests/actors/submissions/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct submission_root_fixture : account_fixture {
  std::vector<std::shared_ptr<fake_source>> sources;
  submission_root_actor root;

  submission_root_fixture() {
    submission_root_options options{.node_name = "node",
                                    .currencies = currencies,
                                    .reconcilers = {},
                                    .intake_store = store,
                                    .finder_store = store,
                                    .redriver_store = store,
                                    .intake_requests = publisher,
                                    .redriver_requests = std::make_shared<fake_publisher>(),
                                    .questions = std::make_shared<fake_inquirer>(),
                                    .submissions_max = 100,
                                    .batch_max = 8,
                                    .lease = usual::lease,
                                    .redrive_after = std::chrono::milliseconds{30000},
                                    .detach = false};
    for (const auto* instance : {"results/0", "letters"}) {
      sources.push_back(std::make_shared<fake_source>());
      options.reconcilers.push_back(
          {instance, sources.back(), std::make_shared<fake_publisher>(), store, {20}});
    }
    root = started_actor(sys.spawn(submission_root, options));
    consume_messages();
    for (const auto& each : children())
      started_actor(each.handle); // it ends after the root, or its beat would never
  }

  const std::vector<child>& children() {
    return deref<caf::stateful_actor<submission_root_state, submission_root_actor::base>>(root)
        .state.children.all();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(submission_root_tests, submission_root_fixture)

CAF_TEST(children stand in the list in the order of spawning) {
  CAF_CHECK_EQUAL(lines_of(children()),
                  (child_lines{
                      "ledger_client: answers",
                      "recorder of the finder: answers",
                      "lookup: answers, reports",
                      "recorder of the intake: answers",
                      "intake: moves money, reports, drains",
                      "recorder of the reconciler: moves money",
                      "reconciler results/0: moves money, reports, pulsed, drains",
                      "recorder of the reconciler: moves money",
                      "reconciler letters: moves money, reports, pulsed, drains",
                      "recorder of the redriver: answers",
                      "redriver: moves money, reports",
                  }));
}

CAF_TEST(a report holds those of all children that report) {
  auto kinds = std::make_shared<child_lines>();
  ask(
      root,
      [kinds](const std::vector<actor_report>& all) {
        for (const auto& each : all)
          kinds->push_back(each.actor);
      },
      report_atom_v);
  consume_messages();
  std::sort(kinds->begin(), kinds->end());
  CAF_CHECK_EQUAL(*kinds,
                  (child_lines{"intake", "lookup", "reconciler", "reconciler", "redriver"}));
}

CAF_TEST(the drained children hand back what they hold and all end in reverse) {
  const auto ended = watch_ends(children());
  child_lines reversed;
  for (const auto& each : children())
    reversed.insert(reversed.begin(), each.role.who());
  std::optional<drain_summary> told;
  ask(
      root, [&](const drain_summary& all) { told = all; }, drain_atom_v, std::int64_t{1000});
  consume_messages();
  CAF_REQUIRE(told.has_value());
  for (const auto& each : sources)
    CAF_CHECK(each->closed);
  CAF_CHECK_EQUAL(*ended, reversed);
}

CAF_TEST_FIXTURE_SCOPE_END()
