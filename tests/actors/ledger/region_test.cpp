#define CAF_SUITE region

#include "actors/ledger/region.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

struct region_fixture : fixture {
  std::shared_ptr<std::vector<ledger_group>> groups = std::make_shared<std::vector<ledger_group>>();
  region_actor subject;

  region_fixture() {
    subject = started_actor(sys.spawn(
        region, region_options{.gates = {started_actor(sys.spawn(recording_gate, groups))},
                               .ledgers_max = 2,
                               .ledger_idle = std::chrono::milliseconds{5000},
                               .group_max = {usual::batch_max}}));
    consume_messages();
  }

  using numbered = std::vector<std::pair<std::int64_t, std::string>>;

  void send(const numbered& entries) {
    std::vector<asked_entry> batch;
    for (const auto& [id, user] : entries)
      batch.push_back({deposit(id, user, 1), {{}, static_cast<ticket>(id)}});
    caf::anon_send(subject, apply_atom_v, std::move(batch));
  }

  void apply(const numbered& entries) {
    send(entries);
    consume_messages();
  }

  // The beat asks idle ledgers to go; before they handle that, these reach the region.
  void apply_while_asked_to_go(const numbered& entries) {
    for (int i = 0; i < 5; ++i) {
      advance_time(std::chrono::milliseconds{1000});
      consume_messages();
    }
    advance_time(std::chrono::milliseconds{1000});
    CAF_REQUIRE(consume_message()); // the region's beat
    send(entries);
    sched.prioritize(subject);
    consume_messages();
  }

  void answer_all() {
    for (auto& group : std::exchange(*groups, {}))
      caf::anon_send(group.ledger, head_atom_v, std::optional{account_head{money{1}, 1}});
    consume_messages();
  }

  std::int64_t value(const std::string& name) {
    auto report = std::make_shared<actor_report>();
    ask(
        subject, [report](const actor_report& got) { *report = got; }, report_atom_v);
    consume_messages();
    for (const auto& each : report->values)
      if (each.what->name == name)
        return each.value;
    CAF_FAIL("no value " << name);
    return 0;
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(region_tests, region_fixture)

CAF_TEST(the accounts for which most comes are noted and no others) {
  apply({{1, "ann"}, {2, "bob"}, {3, "ann"}});
  answer_all();
  apply({{4, "ann"}});
  auto accounts = std::make_shared<std::vector<noted_account>>();
  ask(
      subject, [accounts](const actor_report& got) { *accounts = got.accounts; }, report_atom_v);
  consume_messages();
  CAF_REQUIRE_EQUAL(accounts->size(), 2u);
  CAF_CHECK_EQUAL(accounts->at(0).account.user_id, "ann");
  CAF_CHECK_EQUAL(accounts->at(0).entries, 3u);
  CAF_CHECK_EQUAL(accounts->at(1).entries, 1u);
}

CAF_TEST(a batch is split by account and each account keeps its order) {
  apply({{1, "ann"}, {2, "bob"}, {3, "ann"}});
  CAF_REQUIRE_EQUAL(groups->size(), 2u);
  const auto& ann = groups->at(0).account.user_id == "ann" ? groups->at(0) : groups->at(1);
  CAF_REQUIRE_EQUAL(ann.entries.size(), 2u);
  CAF_CHECK_EQUAL(to_int(ann.entries[0].asked.id), 1);
  CAF_CHECK_EQUAL(to_int(ann.entries[1].asked.id), 3);
  CAF_CHECK_EQUAL(ann.entries[1].from.tag, 3u);
}

CAF_TEST(an account in use keeps its ledger and its head) {
  apply({{1, "ann"}});
  answer_all();
  apply({{2, "ann"}});
  CAF_REQUIRE_EQUAL(groups->size(), 1u);
  CAF_CHECK(groups->at(0).head.has_value());
  CAF_CHECK_EQUAL(value("ledgers_spawned_total"), 1);
}

CAF_TEST(the least recently used ledger goes when there are too many) {
  apply({{1, "ann"}});
  answer_all();
  pass(std::chrono::milliseconds{100});
  apply({{2, "bob"}});
  answer_all();
  pass(std::chrono::milliseconds{100});
  apply({{3, "cid"}});
  answer_all();
  CAF_CHECK_EQUAL(value("ledgers"), 2);
  CAF_CHECK_EQUAL(value("ledgers_passivated_total"), 1);
  apply({{4, "bob"}});
  CAF_REQUIRE_EQUAL(groups->size(), 1u);
  CAF_CHECK(groups->at(0).head.has_value());
  apply({{5, "ann"}});
  CAF_REQUIRE_EQUAL(groups->size(), 2u);
  CAF_CHECK(!groups->at(1).head.has_value());
}

CAF_TEST(an idle ledger goes after its time) {
  apply({{1, "ann"}});
  answer_all();
  pass(std::chrono::milliseconds{4000});
  CAF_CHECK_EQUAL(value("ledgers"), 1);
  pass(std::chrono::milliseconds{3000});
  CAF_CHECK_EQUAL(value("ledgers"), 0);
}

CAF_TEST(a ledger at work stays though it was asked to go) {
  apply({{1, "ann"}});
  pass(std::chrono::milliseconds{8000});
  CAF_CHECK_EQUAL(value("ledgers"), 1);
  CAF_CHECK_EQUAL(value("ledgers_passivated_total"), 0);
  answer_all();
  apply({{2, "ann"}});
  CAF_REQUIRE_EQUAL(groups->size(), 1u);
  CAF_CHECK(groups->at(0).head.has_value());
}

CAF_TEST(entries for a ledger that is leaving are held and reach its successor) {
  apply({{1, "ann"}});
  answer_all();
  apply_while_asked_to_go({{2, "ann"}, {3, "ann"}});
  CAF_REQUIRE_EQUAL(groups->size(), 1u);
  CAF_CHECK_EQUAL(groups->at(0).entries.size(), 2u);
  CAF_CHECK_EQUAL(value("ledgers_spawned_total"), 2);
}

CAF_TEST(entries for a ledger that could not leave after all reach it) {
  apply({{1, "ann"}}); // at the gate, so the ledger stays
  apply_while_asked_to_go({{2, "ann"}, {3, "ann"}});
  answer_all();
  CAF_REQUIRE_EQUAL(groups->size(), 1u);
  CAF_CHECK_EQUAL(groups->at(0).entries.size(), 2u);
  CAF_CHECK_EQUAL(value("ledgers_spawned_total"), 1);
}

CAF_TEST_FIXTURE_SCOPE_END()
