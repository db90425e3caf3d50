// What a shelf shows of letters: pages, marks, groups.
#include "app/repair/letter_shelf.hpp"

#include "app/repair/repair_json.hpp"
#include "tests/app/repair/repair_fixture.hpp"

#define CAF_SUITE letter_shelf
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

std::uint64_t replays_of(letter_shelf& shelf, std::uint64_t seq) {
  const auto found = shelf.find(seq, [] { return false; });
  return found ? found->replays.times : 1000;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(letter_shelf_tests, repair_fixture)

CAF_TEST(pages are the newest first and name where the next begins) {
  for (int i = 1; i <= 1000; ++i)
    park("transaction.deposit", request(i, i % 100 == 0 ? "rare" : "usual", 1));
  const auto never = [] { return false; };
  letter_filter filter;
  CAF_CHECK(!filter.set("user", "rare", 0));
  std::vector<std::uint64_t> seen;
  for (std::optional<std::uint64_t> before = 0; before;) {
    const auto page = shelf.page(filter, 3, *before, never);
    for (const auto& each : page.items)
      seen.push_back(each.letter.seq());
    before = page.next;
  }
  CAF_CHECK_EQUAL(seen,
                  (std::vector<std::uint64_t>{1000, 900, 800, 700, 600, 500, 400, 300, 200, 100}));
  const auto newest = shelf.page({}, 2, 0, never);
  CAF_CHECK_EQUAL(newest.next.value_or(0), 999u);
  CAF_CHECK_EQUAL(newest.items.at(0).letter.seq(), 1000u);
  // What is older than the filter wants is not read.
  letter_filter late;
  const auto last = nats.stored(names::dead_letter_stream).back().stored_at_ns;
  CAF_CHECK(!late.set("since", "5s", last));
  nats.messages_read = 0;
  CAF_CHECK_EQUAL(shelf.page(late, 50, 0, never).items.size(), 6u);
  CAF_CHECK(nats.messages_read <= 256);
}

CAF_TEST(a page and the groups keep little of texts and headers of any length) {
  const std::string much(500'000, 'x');
  outgoing forged{.subject = std::string(names::dead_letter_prefix) + "deposit",
                  .message_id = "forged",
                  .payload = R"({"currency":")" + much + R"(","amount":")" + much + "\"}"};
  for (const auto* name : {"Ledgerd-Reason", "Ledgerd-Detail", "Ledgerd-Node", "Ledgerd-Subject"})
    forged.headers.push_back({name, much});
  for (int i = 0; i < 200; ++i)
    forged.headers.push_back({"note", std::string(1000, 'h')});
  nats.store(forged);
  const auto never = [] { return false; };
  const auto page = shelf.page({}, 10, 0, never);
  const auto shown = whole_letter_json(page.items.at(0));
  CAF_CHECK(shown.dump().size() < 16'384);
  CAF_CHECK_EQUAL(shown.at("currency"), much.substr(0, 512) + "...");
  CAF_CHECK_EQUAL(shown.at("headers").at("Ledgerd-Detail"), much.substr(0, 512) + "...");
  std::size_t headers = 0;
  for (const auto& [name, value] : page.items.at(0).letter.message.headers)
    headers += name.size() + value.size();
  CAF_CHECK(headers <= shown_headers_max);
  CAF_CHECK(groups_json(shelf.groups({}, never)).dump().size() < 4096);
}

CAF_TEST(a letter shows that it was replayed and has failed again) {
  const auto first = park("transaction.deposit", "{", dead_reason::malformed_json);
  auto order = all();
  order.force = true;
  run(order);
  ledger.work();
  order.origin.stamp += 1;
  order.seqs = {first};
  run(order);
  ledger.work();
  const auto page = shelf.page({}, 10, 0, [] { return false; });
  CAF_REQUIRE_EQUAL(page.items.size(), 3u);
  const auto& oldest = page.items[2];
  CAF_CHECK_EQUAL(oldest.replays.times, 2u);
  CAF_CHECK(oldest.replays.last_ns > 0);
  CAF_CHECK_EQUAL(oldest.failed_again.value_or(0), 3u);
  CAF_CHECK_EQUAL(page.items[1].letter.replay_of.value_or(0), first);
  CAF_CHECK_EQUAL(page.items[1].replays.times, 0u);
  letter_filter left;
  CAF_CHECK(!left.set("replayed", "no", 0));
  CAF_CHECK_EQUAL(shelf.page(left, 10, 0, [] { return false; }).items.size(), 2u);
}

CAF_TEST(letters of a stream that was made anew have no marks of the old one) {
  auto order = all();
  order.seqs = {deposit(1, "anna", 1)};
  run(order);
  CAF_CHECK_EQUAL(replays_of(shelf, 1), 1u);
  nats.delete_stream(names::dead_letter_stream);
  nats.streams[std::string(names::dead_letter_stream)].created_at_ns = nats.clock_ns + 1;
  CAF_REQUIRE_EQUAL(deposit(2, "anna", 1), 1u);
  CAF_CHECK_EQUAL(replays_of(shelf, 1), 0u);
  letter_shelf fresh{nats};
  CAF_CHECK_EQUAL(replays_of(fresh, 1), 0u);
  order.origin.stamp += 1;
  run(order);
  CAF_CHECK_EQUAL(replays_of(shelf, 1), 1u);
}

CAF_TEST(a letter shows that an earlier one of its message or record was discarded) {
  const auto never = [] { return false; };
  const auto shown = [&](std::uint64_t seq) { return shelf.find(seq, never).value(); };
  auto discard = all(action_kind::discard);
  // The same message is parked again, as when its consumer was made anew.
  const auto first = park("transaction.deposit", "{", dead_reason::malformed_json);
  CAF_CHECK(!shown(first).discarded_before);
  discard.seqs = {first};
  run(discard);
  --parked;
  nats.streams.at("TRANSACTION_DEAD_LETTERS").ids.clear();
  const auto again = park("transaction.deposit", "{", dead_reason::malformed_json);
  const auto before = shown(again).discarded_before;
  CAF_REQUIRE(before.has_value());
  CAF_CHECK_EQUAL(before->letter, first);
  CAF_CHECK_EQUAL(before->who, "ann@host");
  CAF_CHECK_EQUAL(before->why, "a test");
  // Another message of the same record.
  discard.seqs = {deposit(12, "anna", 1)};
  run(discard);
  CAF_CHECK(!shown(deposit(2, "anna", 1)).discarded_before);
  const auto other = shown(deposit(12, "anna", 1));
  CAF_CHECK(other.discarded_before && other.discarded_before->letter == discard.seqs.front());
  // What comes later says nothing of it.
  discard.seqs = {deposit(30, "anna", 1)};
  const auto kept = deposit(30, "anna", 1);
  run(discard);
  CAF_CHECK(!shown(kept).discarded_before);
  CAF_CHECK(!shelf.find(again, [] { return true; })->marks_complete);
}

CAF_TEST(groups show what was replayed and has failed again since they were counted) {
  const auto never = [] { return false; };
  const auto marks = [&](const letter_filter& filter) {
    const auto group = shelf.groups(filter, never).groups.at(0);
    return std::to_string(group.replayed) + " of " + std::to_string(group.count) + ", "
           + std::to_string(group.failed_again);
  };
  const auto first = park("transaction.deposit", "{", dead_reason::malformed_json);
  park("transaction.deposit", "{", dead_reason::malformed_json);
  CAF_CHECK_EQUAL(marks({}), "0 of 2, 0");
  auto order = all();
  order.force = true;
  order.seqs = {first};
  run(order);
  CAF_CHECK_EQUAL(marks({}), "1 of 2, 0");
  ledger.work();
  // The letter that came back has a cause of its own.
  CAF_CHECK_EQUAL(marks({}), "1 of 2, 1");
  letter_filter replayed;
  CAF_CHECK(!replayed.set("replayed", "yes", 0));
  CAF_CHECK_EQUAL(marks(replayed), "1 of 1, 1");
}

CAF_TEST(a look that is stopped says that it does not know all marks) {
  const auto first = deposit(1, "anna", 1);
  auto order = all();
  for (; order.origin.stamp < stamp + 10; ++order.origin.stamp)
    run(order);
  for (int i = 2; i <= 1000; ++i)
    deposit(i, "anna", 1);
  int asked = 0;
  int most = 0;
  const auto stop = [&] { return ++asked > most; };
  const auto look = [&](int how_often) {
    asked = 0;
    most = how_often;
    nats.messages_read = 0;
  };
  // In the actions, and then in the letters behind this one.
  look(3);
  auto found = shelf.find(first, stop).value();
  CAF_CHECK(!found.marks_complete);
  CAF_CHECK_EQUAL(found.replays.times, 4u);
  CAF_CHECK(nats.messages_read <= 5);
  look(50);
  found = shelf.find(first, stop).value();
  CAF_CHECK(!found.marks_complete);
  CAF_CHECK_EQUAL(found.replays.times, 10u);
  CAF_CHECK(nats.messages_read <= 51);
  look(5000);
  found = shelf.find(first, stop).value();
  CAF_CHECK(found.marks_complete);
  CAF_CHECK(!found.failed_again);
  // Likewise for the page that holds it, and for what only those marks can tell.
  look(20);
  const auto page = shelf.page({}, 1, first + 1, stop);
  CAF_CHECK(!page.items.at(0).marks_complete);
  letter_filter left;
  CAF_CHECK(!left.set("replayed", "no", 0));
  letter_shelf fresh{nats};
  look(3);
  const auto none = fresh.page(left, 10, 0, stop);
  CAF_CHECK(none.items.empty() && none.next == 1001u);
  look(3);
  const auto groups = fresh.groups(left, stop);
  CAF_CHECK(groups.groups.empty() && !groups.complete);
  look(5000);
  const auto later = fresh.groups(left, stop);
  CAF_CHECK_EQUAL(later.groups.at(0).count, 999u);
}

CAF_TEST(groups count no letter twice when a look has failed) {
  const auto never = [] { return false; };
  deposit(1, "anna", 1);
  const auto first = shelf.groups({}, never);
  CAF_CHECK_EQUAL(first.groups.at(0).count, 1u);
  for (int i = 2; i <= 5; ++i)
    deposit(i, "anna", 1);
  nats.fails_at = 5;
  try {
    shelf.groups({}, never);
    CAF_ERROR("a look that fails has an answer");
  } catch (const std::runtime_error&) {
    nats.fails_at = 0;
  }
  const auto again = shelf.groups({}, never);
  CAF_CHECK_EQUAL(again.groups.at(0).count, 5u);
}

CAF_TEST(an entry that is nested deeply or large is shown without its document) {
  const auto never = [] { return false; };
  const auto shown = [&](const std::string& changed, const std::string& who = "ann@host") {
    outgoing entry{.subject = std::string(names::replay_subject),
                   .payload = R"({"action":"replay","recordId":7,"changed":)" + changed + "}",
                   .headers = {{"Ledgerd-Who", who}}};
    nats.store(entry);
    return action_json(shelf.actions(1, 0, never).items.at(0));
  };
  CAF_CHECK_EQUAL(shown(R"({"a":"[[\"{{"})").at("changed").dump(), R"({"a":"[[\"{{"})");
  constexpr std::size_t depth = 30'000;
  const auto deep = shown(std::string(depth, '[') + std::string(depth, ']'));
  CAF_CHECK(deep.at("changed").is_null() && deep.at("recordId").is_null());
  CAF_CHECK_EQUAL(deep.at("who"), "ann@host");
  const auto at_limit = [](std::size_t nested) {
    return std::string(nested, '[') + std::string(nested, ']');
  };
  CAF_CHECK(!shown(at_limit(63)).at("changed").is_null());
  CAF_CHECK(shown(at_limit(64)).at("changed").is_null());
  const auto large = shown('"' + std::string(500'000, 'x') + '"', std::string(500'000, 'w'));
  CAF_CHECK(large.dump().size() < 4096);
}

CAF_TEST(groups that were counted are not counted again) {
  const auto never = [] { return false; };
  for (int i = 1; i <= 100; ++i)
    deposit(i, "anna", 1);
  CAF_CHECK(shelf.groups({}, never).groups.at(0).count == 100u);
  nats.messages_read = 0;
  deposit(101, "anna", 1);
  CAF_CHECK(shelf.groups({}, never).groups.at(0).count == 101u);
  CAF_CHECK_EQUAL(nats.messages_read, 1u);
  nats.delete_message(names::dead_letter_stream, 50);
  CAF_CHECK(shelf.groups({}, never).groups.at(0).count == 100u);
  letter_filter filter;
  CAF_CHECK(!filter.set("record", "7", 0));
  CAF_CHECK(shelf.groups(filter, never).groups.at(0).count == 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
