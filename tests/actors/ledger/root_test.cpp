#define CAF_SUITE ledger_root

#include "actors/ledger/root.hpp"

#include <algorithm>

#include "actors/cluster/name_board.hpp"
#include "actors/ledger/database_board.hpp"
#include "messaging/names.hpp"
#include "tests/actors/child_lines.hpp"
#include "tests/actors/process_end.hpp"
#include "tests/support/fake_desk.hpp"
#include "tests/support/memory_store.hpp"

#include "tests/actors/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

// Says nothing by itself.
class played_word_line : public word_line {
public:
  std::vector<node_doing> said;
  std::vector<std::string> arriving;

  void open(waker) override {}
  void say(std::string_view word) override { said.push_back(decode_word(word).value().doing); }
  std::vector<std::string> take() override { return arriving; }
};

struct ledger_root_fixture : fixture {
  std::vector<std::shared_ptr<fake_source>> sources;
  std::shared_ptr<fake_desk> entries = std::make_shared<fake_desk>();
  std::shared_ptr<fake_desk> asks = std::make_shared<fake_desk>();
  std::shared_ptr<played_word_line> words = std::make_shared<played_word_line>();
  std::vector<std::shared_ptr<memory_store>> stores; // of both lanes
  ledger_root_actor root;

  explicit ledger_root_fixture(bool among_others = false) {
    const auto database = std::make_shared<memory_database>();
    ledger_root_options options{.node_name = "node",
                                .fetchers = {},
                                .stores = {},
                                .side_stores = {},
                                .desk = std::make_shared<fake_desk>(),
                                .currencies = std::make_shared<currency_table>(
                                    std::vector<currency>{{*currency_code::parse("KRW"), 0}}),
                                .rules = {},
                                .batch_max = 8,
                                .ledgers_max = 3,
                                .ledger_idle = std::chrono::milliseconds{2000},
                                .attempts_max = usual::attempts_max,
                                .lease = usual::lease,
                                .detach = false};
    for (const auto* instance : {"deposits/0", "withdrawals/0"}) {
      sources.push_back(std::make_shared<fake_source>());
      options.fetchers.push_back(
          {instance, sources.back(), std::make_shared<fake_publisher>(), {20}});
      for (auto* lane : {&options.stores, &options.side_stores}) {
        stores.push_back(std::make_shared<memory_store>(database));
        lane->push_back(stores.back());
      }
    }
    if (among_others)
      options.cluster = ledger_cluster{
          .self = {.boot = boot_id{1}, .name = "node", .ledger = true, .database = 7},
          .words = words,
          .asks = asks,
          .entries = entries,
          .make_line = [](boot_id) { return nullptr; },
          .received = {100}};
    root = started_actor(sys.spawn(ledger_root, options));
    consume_messages();
    for (const auto& each : children())
      started_actor(each.handle); // it ends after the root, or its beat would never
  }

  const std::vector<child>& children() {
    return deref<caf::stateful_actor<ledger_root_state, ledger_root_actor::base>>(root)
        .state.children();
  }
};

struct cluster_root_fixture : ledger_root_fixture {
  cluster_root_fixture() : ledger_root_fixture(true) {}

  void tell_circuit(std::uint32_t gate, bool open) {
    caf::anon_send(root, circuit_atom_v, gate, open);
    consume_messages();
  }

  void put(std::string question, std::string reply) {
    asks->put({std::string{names::cluster_ask},
               std::move(question),
               {},
               std::move(reply),
               std::chrono::steady_clock::now()});
  }

  // What the node says to whoever asks so.
  record_look look_at(const look_question& asked) {
    put(encode_look_question(asked), "_INBOX.a");
    consume_messages();
    return decode_look(asks->answers().back().payload).value();
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(ledger_root_tests, ledger_root_fixture)

CAF_TEST(children stand in the list in the order of spawning) {
  CAF_CHECK_EQUAL(lines_of(children()),
                  (child_lines{
                      "poster 0: moves money",
                      "side poster 0: answers",
                      "gate 0: moves money, reports",
                      "poster 1: moves money",
                      "side poster 1: answers",
                      "gate 1: moves money, reports",
                      "region: moves money, reports",
                      "fetcher deposits/0: moves money, reports, pulsed, drains",
                      "fetcher withdrawals/0: moves money, reports, pulsed, drains",
                      "responder: answers, reports",
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
                  (child_lines{"fetcher", "fetcher", "gate", "gate", "region", "responder"}));
}

CAF_TEST(a child that ends by itself ends the process) {
  CAF_CHECK_EQUAL(exit_code_of([this] {
                    caf::anon_send_exit(children().front().handle, caf::exit_reason::kill);
                    consume_messages();
                  }),
                  exit_code::bug);
}

CAF_TEST(the drained fetchers hand back what they hold and all end in reverse) {
  sources[0]->arriving.push_back(
      make_delivery("transaction.deposit", deposit_json(1, "ann", 5), 1));
  pass(std::chrono::milliseconds{500});
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

CAF_TEST_FIXTURE_SCOPE(cluster_root_tests, cluster_root_fixture)

CAF_TEST(among other nodes it has a membership and a receiver) {
  CAF_CHECK_EQUAL(lines_of(children()),
                  (child_lines{
                      "poster 0: moves money",
                      "side poster 0: answers",
                      "gate 0: moves money, reports",
                      "poster 1: moves money",
                      "side poster 1: answers",
                      "gate 1: moves money, reports",
                      "membership: moves money, reports",
                      "region: moves money, reports",
                      "receiver: moves money, reports, drains",
                      "fetcher deposits/0: moves money, reports, pulsed, drains",
                      "fetcher withdrawals/0: moves money, reports, pulsed, drains",
                      "responder: answers, reports",
                  }));
}

CAF_TEST(it says what it is doing and its last word is that it has gone) {
  const auto since = [this](std::size_t count) {
    std::vector<node_doing> result;
    for (auto at = count; at < words->said.size(); ++at)
      if (result.empty() || result.back() != words->said[at])
        result.push_back(words->said[at]);
    return result;
  };
  using d = node_doing;
  pass(std::chrono::milliseconds{1000});
  CAF_CHECK(since(0) == (std::vector{d::starting, d::serving}));
  // Paused while any gate's database is away.
  auto count = words->said.size();
  for (const auto& [gate, open] : {std::pair{0U, true}, {1U, true}, {0U, false}})
    tell_circuit(gate, open);
  CAF_CHECK(since(count) == std::vector{d::paused});
  tell_circuit(1, false);
  CAF_CHECK(since(count) == (std::vector{d::paused, d::serving}));
  count = words->said.size();
  ask(
      root, [](const drain_summary&) {}, drain_atom_v, std::int64_t{1000});
  consume_messages();
  CAF_CHECK(since(count) == (std::vector{d::leaving, d::gone}));
}

CAF_TEST(a node that is drained before it has begun pulls nothing) {
  ask(
      root, [](const drain_summary&) {}, drain_atom_v, std::int64_t{1000});
  consume_messages();
  for (const auto& each : sources)
    CAF_CHECK(!each->pulled);
}

CAF_TEST(a node with nothing to do is paused while health cannot reach its database) {
  const auto after = [this](std::chrono::milliseconds time) {
    pass(time);
    return words->said.back();
  };
  CAF_CHECK(after(std::chrono::milliseconds{1000}) == node_doing::serving);
  note_database_fault("it was slow to answer");
  CAF_CHECK(after(std::chrono::milliseconds{2000}) == node_doing::serving);
  note_database_fault("");
  CAF_CHECK(after(std::chrono::milliseconds{2000}) == node_doing::serving);
  note_database_fault("it is away");
  CAF_CHECK(after(std::chrono::milliseconds{5000}) == node_doing::paused);
  // A gate that posts nothing new changes nothing.
  tell_circuit(0, true);
  tell_circuit(0, false);
  CAF_CHECK(after(std::chrono::milliseconds{1000}) == node_doing::paused);
  note_database_fault("");
  CAF_CHECK(after(std::chrono::milliseconds{1000}) == node_doing::serving);
}

CAF_TEST(a consumer that alone does not answer keeps only its own fetcher from work) {
  const auto pulls = [this](const delivery_source::silence& of_the_first) {
    sources[0]->unanswered_for = of_the_first;
    pass(std::chrono::milliseconds{1500});
    for (const auto& each : sources)
      each->room = 0;
    pass(std::chrono::milliseconds{1500});
    return sources[1]->room > 0;
  };
  using std::chrono::seconds;
  CAF_CHECK(pulls({}));
  CAF_CHECK(pulls({.since = seconds{60}, .subject = "NEXT", .complaint = {}, .alone = true}));
  CAF_CHECK(words->said.back() == node_doing::serving);
  CAF_CHECK(!pulls({.since = seconds{60}, .subject = "NEXT", .complaint = {}}));
  CAF_CHECK(words->said.back() == node_doing::stalled);
  CAF_CHECK(pulls({}));
  CAF_CHECK(words->said.back() == node_doing::serving);
}

CAF_TEST(beside a node of another ledger its fetchers pull nothing until that has gone) {
  const auto pulls = [this] {
    for (const auto& each : sources)
      each->room = 0;
    pass(std::chrono::milliseconds{1500});
    return std::count_if(sources.begin(), sources.end(),
                         [](const auto& each) { return each->room > 0; });
  };
  for (const auto& each : sources)
    CAF_CHECK(!each->pulled); // nobody knows yet who else is there
  CAF_CHECK_EQUAL(pulls(), 2);
  words->arriving = {encode_word({.boot = boot_id{2},
                                  .name = "other",
                                  .ledger = true,
                                  .doing = node_doing::serving,
                                  .database = 8})};
  pass(std::chrono::milliseconds{1500});
  CAF_CHECK(!stranger_found().empty());
  CAF_CHECK_EQUAL(pulls(), 0);
  tell_circuit(0, true);
  tell_circuit(0, false); // the database that comes back changes nothing
  CAF_CHECK_EQUAL(pulls(), 0);
  words->arriving.clear();
  pass(std::chrono::milliseconds{4000});
  CAF_CHECK_EQUAL(pulls(), 2);
}

CAF_TEST(whoever asks about a record is told what all fetchers say) {
  pass(std::chrono::milliseconds{1000});
  sources[0]->arriving.push_back(
      make_delivery("transaction.deposit", deposit_json(5, "ann", 1), 3));
  sources[0]->wake();
  pass(std::chrono::milliseconds{100});
  put(encode_look_question({record_id{5}}), "_INBOX.a");
  put("what is this", "_INBOX.b");
  consume_messages();
  const auto given = asks->answers();
  CAF_REQUIRE_EQUAL(given.size(), 2u);
  const auto is_look = [](const auto& each) { return each.reply == "_INBOX.a"; };
  const auto look = decode_look(std::find_if(given.begin(), given.end(), is_look)->payload);
  CAF_REQUIRE(look.has_value());
  CAF_CHECK_EQUAL(look->node, "node");
  CAF_REQUIRE_EQUAL(look->pulled.size(), 1u);
  CAF_CHECK_EQUAL(look->pulled[0].to, 3u);
  // What nobody knows is answered as ever.
  CAF_CHECK(decode_answer(std::find_if_not(given.begin(), given.end(), is_look)->payload));
}

CAF_TEST(whoever asks about a record is told what its account waits for) {
  const auto ann = won_account("ann");
  for (const auto& each : stores)
    each->block(ann, memory_store::naming::at_once);
  sources[0]->arriving.push_back(make_delivery(
      "transaction.deposit", R"({"recordId":5,"userId":"ann","amount":1,"currency":"KRW"})", 3));
  sources[0]->wake();
  pass(std::chrono::milliseconds{2000});
  const auto held = look_at({record_id{5}});
  CAF_REQUIRE_EQUAL(held.held.size(), 1u);
  CAF_REQUIRE(held.wait.has_value());
  CAF_CHECK_EQUAL(held.wait->why, "blocked");
  CAF_CHECK(held.wait->for_ms > 1000 && held.wait->for_ms <= 2000);
  // What another node holds may wait here.
  CAF_CHECK(!look_at({record_id{6}}).wait);
  const auto other = look_at({record_id{6}, ann});
  CAF_CHECK(other.held.empty() && other.wait && other.wait->why == "blocked");
  for (const auto& each : stores)
    each->unblock(ann);
  pass(std::chrono::milliseconds{4000});
  CAF_CHECK(!look_at({record_id{5}, ann}).wait);
}

CAF_TEST(many such questions at once are not all answered) {
  for (int i = 0; i < 16; ++i)
    put(encode_look_question({record_id{5}}), "_INBOX." + std::to_string(i));
  consume_messages();
  CAF_CHECK_GREATER(asks->answers().size(), 3u);
  CAF_CHECK_LESS(asks->answers().size(), 16u);
}

CAF_TEST_FIXTURE_SCOPE_END()
