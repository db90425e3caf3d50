#include "app/trace/finder.hpp"

#include <tuple>

#include "messaging/record_look.hpp"
#include "tests/app/trace/shelves.hpp"

#define CAF_SUITE trace_finder
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using namespace ledgerd::test;

namespace {

constexpr std::int64_t many = 100'000;

// A request each millisecond, its result 20 ms later, in order of their ids.
struct busy_shelves : shelves {
  explicit busy_shelves(std::int64_t count = many, bool with_origin = true) {
    for (std::int64_t id = 1; id <= count; ++id) {
      request(id, id);
      outgoing result;
      if (with_origin)
        add_origin(result, {static_cast<std::uint64_t>(id), "node-a"});
      put(names::result_stream, id + 20, "transaction.result.deposit", payload_of(id),
          result.headers);
    }
    streams[std::string(names::dead_letter_stream)];
    streams[std::string(names::action_stream)];
  }

  found_messages find(std::int64_t id, std::optional<std::int64_t> decided_ms,
                      search_limits limits = {}) {
    looked_at = 0;
    search_clues clues;
    if (decided_ms)
      clues.decided = database_time{*decided_ms * 1000};
    return find_messages(view(), record_id{id}, clues, limits);
  }

  // The ledger has no row; nodes have got so many of the two subjects.
  found_messages find_without_row(std::int64_t id, std::uint64_t deposits,
                                  std::uint64_t withdrawals = 0, search_limits limits = {},
                                  std::vector<std::uint64_t> held = {}) {
    looked_at = 0;
    search_clues clues;
    clues.no_row = true;
    clues.places = [&] {
      return request_places{
          held, {{"transaction.deposit", deposits}, {"transaction.withdrawal", withdrawals}}};
    };
    return find_messages(view(), record_id{id}, clues, limits);
  }

  // Parked: the letter of a request, which names it.
  void letter(std::int64_t record, std::uint64_t request_seq, std::int64_t at_ms) {
    put(names::dead_letter_stream, at_ms, "transaction.dead.deposit", payload_of(record),
        {{"Ledgerd-Stream", std::string(names::request_stream)},
         {"Ledgerd-Sequence", std::to_string(request_seq)}});
  }
};

std::uint64_t only(const std::vector<stored_message>& list) {
  return list.size() == 1 ? list[0].seq : 0;
}

} // namespace

CAF_TEST(a decided record is found by its time and by what its result says) {
  busy_shelves on;
  for (const std::int64_t id : {std::int64_t{1}, many / 2, many}) {
    const auto found = on.find(id, id + 15);
    CAF_CHECK_EQUAL(only(found.results), static_cast<std::uint64_t>(id));
    CAF_CHECK_EQUAL(only(found.requests), static_cast<std::uint64_t>(id));
    CAF_CHECK_LESS(on.looked_at, 200u);
  }
  CAF_CHECK(!on.find(many / 2, many / 2).looked.at(0).all);
}

// 50,000 a second for ten seconds, published in bursts after their commits, by two gates in turn.
CAF_TEST(in a flood of results the number of the row leads to its own) {
  shelves on;
  constexpr std::int64_t burst = 700, bursts = 700, between_ms = 14;
  for (std::int64_t b = 0; b < bursts; ++b)
    for (std::int64_t i = 0; i < burst; ++i) {
      const auto transaction = 1 + (b ^ 1) * burst + i;
      on.put(names::result_stream, b * between_ms + 300, "transaction.result.deposit",
             R"({"recordId":)" + std::to_string(transaction * 499'979 % 500'009)
                 + R"(,"transactionId":)" + std::to_string(transaction) + "}");
    }
  for (const std::int64_t transaction : {5000, 260'001, 485'000}) {
    on.looked_at = 0;
    search_clues clues;
    clues.decided = database_time{transaction / burst * between_ms * 1000};
    clues.transaction = transaction_id{transaction};
    const auto found =
        find_messages(on.view(), record_id{transaction * 499'979 % 500'009}, clues, {});
    CAF_CHECK_EQUAL(found.results.size(), 1u);
    CAF_CHECK_LESS(on.looked_at, 10'000u);
  }
}

// The two kinds come in turn; one consumer worked off all of its own before the other began. In
// whatever order the record ids are.
CAF_TEST(without the ledger a result is found though one consumer is far ahead) {
  for (const std::int64_t factor : {1, 7919}) {
    shelves on;
    const auto subject_of = [](std::int64_t seq, std::string of) {
      return of + (seq % 2 == 0 ? "deposit" : "withdrawal");
    };
    const auto payload_of = [factor](std::int64_t seq) {
      return shelves::payload_of(seq * factor % 100'003);
    };
    for (std::int64_t seq = 1; seq <= many; ++seq)
      on.put(names::request_stream, seq, subject_of(seq, "transaction."), payload_of(seq));
    for (const std::int64_t kind : {0, 1})
      for (std::int64_t seq = 2 - kind; seq <= many; seq += 2) {
        outgoing result;
        add_origin(result, {static_cast<std::uint64_t>(seq), "node-a"});
        on.put(names::result_stream, many + kind * many + seq,
               subject_of(seq, "transaction.result."), payload_of(seq), result.headers);
      }
    on.streams[std::string(names::dead_letter_stream)];
    on.streams[std::string(names::action_stream)];
    for (const std::int64_t seq : {many - 9000, many - 9001, many - 100, many - 1, many}) {
      search_limits limits;
      limits.newest_max = 20'000;
      const auto found = find_messages(on.view(), record_id{seq * factor % 100'003}, {}, limits);
      const auto expected = static_cast<std::uint64_t>(seq);
      CAF_CHECK_EQUAL(std::make_pair(factor, only(found.requests)),
                      std::make_pair(factor, expected));
      CAF_CHECK_EQUAL(std::make_pair(seq, found.results.size()),
                      std::make_pair(seq, std::size_t{1}));
    }
  }
}

CAF_TEST(clocks may differ) {
  busy_shelves on;
  for (const std::int64_t skew : {-60'000, -1500, 0, 3000, 110'000}) {
    const auto found = on.find(many / 3, many / 3 + 15 + skew);
    CAF_CHECK_EQUAL(std::make_pair(skew, only(found.results)),
                    std::make_pair(skew, static_cast<std::uint64_t>(many / 3)));
  }
}

CAF_TEST(without an origin the order of the ids leads to the request) {
  busy_shelves on(many, false);
  const auto found = on.find(77'777, 77'792);
  CAF_CHECK_EQUAL(only(found.requests), 77'777u);
  CAF_CHECK_LESS(on.looked_at, 5000u);
}

CAF_TEST(without a row the order of the ids leads to the request too) {
  busy_shelves on(10);
  for (std::int64_t id = 11; id <= many; ++id)
    on.request(2 * id, id);
  const auto found = on.find(2 * 50'000, std::nullopt);
  CAF_CHECK_EQUAL(only(found.requests), 50'000u);
  CAF_CHECK(found.results.empty());
  CAF_CHECK_LESS(on.looked_at, 5000u);
}

CAF_TEST(ids in no order are searched from the newest on within a bound) {
  busy_shelves on(0);
  constexpr std::int64_t prime = 7919;
  for (std::int64_t i = 1; i < prime; ++i)
    on.request(i * 5003 % prime, i);
  search_limits limits;
  limits.newest_max = 6000;
  const auto newest = on.find((prime - 900) * 5003 % prime, std::nullopt, limits);
  CAF_CHECK_EQUAL(only(newest.requests), static_cast<std::uint64_t>(prime - 900));
  const auto oldest = on.find(3 * 5003 % prime, std::nullopt, limits);
  CAF_CHECK(oldest.requests.empty());
  const auto& reach = oldest.looked.at(0);
  CAF_CHECK(!reach.all && reach.back_to_ns > 0 && reach.read >= 6000 && reach.read < 7918);
  limits.all = true;
  const auto all = on.find(3 * 5003 % prime, std::nullopt, limits);
  CAF_CHECK_EQUAL(only(all.requests), 3u);
  CAF_CHECK(all.looked.at(0).all);
}

// What 100 ms allow, at 40,000 messages a second and more.
constexpr std::uint64_t at_once = 4000;

// In no order: the ids of a record at place i, below 100,003.
constexpr std::int64_t shuffled(std::int64_t i) {
  return i * 50'021 % 100'003;
}

CAF_TEST(without a row only what nobody has got is read) {
  busy_shelves on;
  for (std::int64_t i = 1; i <= 1000; ++i)
    on.request(1'000'000 + shuffled(i), many + i);
  const auto found = on.find_without_row(1'000'000 + shuffled(10), many);
  CAF_CHECK_EQUAL(only(found.requests), static_cast<std::uint64_t>(many + 10));
  CAF_CHECK_LESS(on.looked_at, at_once);
  // A record of which nothing is known, and a subject on which nothing has come for long but one.
  on.streams.find(names::request_stream)->second[4].subject = "transaction.withdrawal";
  on.streams.find(names::request_stream)->second.back().subject = "transaction.withdrawal";
  const auto none = on.find_without_row(77'000'000, many, 5);
  CAF_CHECK(none.requests.empty() && none.looked.at(0).waiting && !none.looked.at(0).all);
  CAF_CHECK_LESS(on.looked_at, at_once);
}

CAF_TEST(in a long backlog the order of the ids leads to the request) {
  busy_shelves on(10);
  for (std::int64_t id = 11; id <= many; ++id)
    on.request(2 * id, id);
  const auto found = on.find_without_row(2 * 66'000, 10);
  CAF_CHECK_EQUAL(only(found.requests), 66'000u);
  CAF_CHECK_LESS(on.looked_at, at_once);
}

CAF_TEST(in a long backlog in no order so many are read and it is said how far) {
  busy_shelves on(10);
  for (std::int64_t i = 1; i < many; ++i)
    on.request(1'000'000 + shuffled(i), i);
  search_limits limits;
  limits.newest_max = 10'000;
  std::uint64_t told = 0;
  limits.progress = [&](std::string_view stream, std::uint64_t read, std::uint64_t of) {
    CAF_CHECK_EQUAL(stream, names::request_stream);
    CAF_CHECK_EQUAL(of, static_cast<std::uint64_t>(many + 9));
    told = read;
  };
  const auto found = on.find_without_row(1'000'000 + shuffled(3), 10, 0, limits);
  CAF_CHECK(found.requests.empty());
  const auto& reach = found.looked.at(0);
  CAF_CHECK(!reach.waiting && !reach.all && reach.read >= 10'000 && reach.read < 13'000);
  CAF_CHECK_GREATER(told, 9000u);
}

CAF_TEST(a node that holds the request tells where it is) {
  busy_shelves on;
  on.streams.find(names::request_stream)->second[699].payload = shelves::payload_of(5'000'000);
  const auto found = on.find_without_row(5'000'000, many, 0, {}, {700});
  CAF_CHECK_EQUAL(only(found.requests), 700u);
  CAF_CHECK_LESS(on.looked_at, at_once);
}

CAF_TEST(a letter among many is found by its request or by the order of the ids) {
  busy_shelves on;
  for (std::int64_t i = 1; i <= 20'000; ++i)
    on.letter(3 * i, static_cast<std::uint64_t>(3 * i), 3 * i + 40);
  for (const std::int64_t place : {3, 9000, 20'000}) {
    const auto found = on.find_without_row(3 * place, many);
    CAF_CHECK_EQUAL(only(found.dead_letters), static_cast<std::uint64_t>(place));
    CAF_CHECK_EQUAL(only(found.requests), static_cast<std::uint64_t>(3 * place));
    CAF_CHECK_LESS(on.looked_at, at_once);
  }
}

CAF_TEST(letters in no order are searched from the newest on within a bound) {
  busy_shelves on;
  for (std::int64_t i = 1; i <= 20'000; ++i)
    on.letter(1'000'000 + shuffled(i), static_cast<std::uint64_t>(3 * i), 3 * i + 40);
  search_limits limits;
  limits.newest_max = 5000;
  const auto newest = on.find_without_row(1'000'000 + shuffled(16'000), many, 0, limits);
  CAF_CHECK_EQUAL(only(newest.dead_letters), 16'000u);
  const auto oldest = on.find_without_row(1'000'000 + shuffled(6), many, 0, limits);
  CAF_CHECK(oldest.dead_letters.empty() && !oldest.looked.at(2).all);
}

CAF_TEST(the account side tells when it made the record and when that got its verdict) {
  busy_shelves on;
  for (std::int64_t i = 1; i <= 20'000; ++i)
    on.letter(1'000'000 + shuffled(i), 0, 3 * i + 40);
  on.streams.find(names::request_stream)->second[29'999].payload = shelves::payload_of(5'000'000);
  search_clues clues;
  clues.no_row = true;
  clues.recorded = database_time{29'998'000}; // microseconds
  clues.settled = database_time{30'042'000};
  CAF_CHECK_EQUAL(only(find_messages(on.view(), record_id{5'000'000}, clues, {}).requests),
                  30'000u);
  on.streams.find(names::dead_letter_stream)->second[9'999].payload =
      shelves::payload_of(6'000'000);
  CAF_CHECK_EQUAL(only(find_messages(on.view(), record_id{6'000'000}, clues, {}).dead_letters),
                  10'000u);
}

CAF_TEST(letters and actions belong to a record by its id and by its request) {
  busy_shelves on(100);
  const auto& cut =
      on.put(names::request_stream, 200, "transaction.deposit", shelves::payload_of(500));
  const std::vector<header> origin{{"Ledgerd-Stream", std::string(names::request_stream)},
                                   {"Ledgerd-Sequence", std::to_string(cut.seq)}};
  on.put(names::dead_letter_stream, 201, "transaction.dead.deposit", R"({"recordId":50)", origin);
  on.put(names::dead_letter_stream, 202, "transaction.dead.deposit", shelves::payload_of(50), {});
  auto entry = origin;
  entry.push_back({"Ledgerd-Letter", "1"});
  on.put(names::action_stream, 203, "transaction.action.discard", "", entry);
  const auto found = on.find(500, std::nullopt);
  CAF_CHECK_EQUAL(only(found.requests), cut.seq);
  CAF_CHECK_EQUAL(only(found.dead_letters), 1u);
  CAF_CHECK_EQUAL(only(found.actions), 1u);
}

namespace {

// Record 500 is request 7, and request 7 of an earlier life of the stream, of another record, was
// parked as letter 1 and discarded.
found_messages find_after_another_life(std::int64_t stored_ms, std::string life) {
  busy_shelves on(6);
  on.made_at_ns = 150'000'000;
  CAF_REQUIRE_EQUAL(on.request(500, 200).seq, 7u);
  std::vector<header> of{{"Ledgerd-Stream", std::string(names::request_stream)},
                         {"Ledgerd-Sequence", "7"}};
  if (!life.empty())
    of.push_back({"Ledgerd-Incarnation", std::move(life)});
  on.put(names::dead_letter_stream, stored_ms, "transaction.dead.deposit", "{", of);
  of.push_back({"Ledgerd-Letter", "1"});
  on.put(names::action_stream, stored_ms + 1, "transaction.action.discard", "", of);
  return on.find(500, std::nullopt);
}

} // namespace

CAF_TEST(what was parked of another life of the request stream is not told of this one) {
  for (const auto& [stored_ms, life, count] :
       std::vector<std::tuple<std::int64_t, std::string, std::size_t>>{
           {201, "150000000", 1}, // this one
           {201, "100000000", 0}, // by a clock that is ahead, or parked late
           {120, "100000000", 0},
           {120, "", 0}, // it does not say
           {201, "", 1}}) {
    const auto found = find_after_another_life(stored_ms, life);
    CAF_MESSAGE("stored at " << stored_ms << ", life " << life);
    CAF_CHECK_EQUAL(only(found.requests), 7u);
    CAF_CHECK_EQUAL(found.dead_letters.size(), count);
    CAF_CHECK_EQUAL(found.actions.size(), count);
    CAF_CHECK_EQUAL(found.looked.at(0).made_at_ns, 150'000'000);
  }
}

CAF_TEST(an entry of another life of the dead letters is not told of this one) {
  for (const std::int64_t entry_ms : {90, 202}) {
    busy_shelves on(6);
    on.letter(500, 7, 201);
    on.put(names::action_stream, entry_ms, "transaction.action.discard", "",
           {{"Ledgerd-Letter", "1"}});
    const auto found = on.find_without_row(500, 6);
    CAF_CHECK_EQUAL(only(found.dead_letters), 1u);
    CAF_CHECK_EQUAL(found.actions.size(), entry_ms < 201 ? 0u : 1u);
  }
}

// The entries of several letters are stored before the first of these is deleted.
CAF_TEST(a letter that is to be discarded is looked for again) {
  busy_shelves on(6);
  on.letter(500, 7, 201);
  on.letter(500, 8, 202);
  for (const auto* letter : {"1", "2"})
    on.put(names::action_stream, 300, "transaction.action.discard", shelves::payload_of(500),
           {{"Ledgerd-Letter", letter}});
  const auto left = [&] { return on.find_without_row(500, 6).letters_left; };
  CAF_CHECK(left() == (std::vector<std::uint64_t>{2, 1}));
  auto& letters = on.streams.find(names::dead_letter_stream)->second;
  letters.erase(letters.begin());
  CAF_CHECK(left() == std::vector<std::uint64_t>{2});
  // It is gone, and another one of a later life has its number.
  letters.back().stored_at_ns = 400'000'000;
  CAF_CHECK(left().empty());
}

CAF_TEST(a letter that is deleted while it is looked for is not there) {
  busy_shelves on(6);
  on.letter(500, 7, 201);
  on.put(names::action_stream, 300, "transaction.action.discard", shelves::payload_of(500),
         {{"Ledgerd-Letter", "1"}});
  auto view = on.view();
  view.at = [](std::string_view, std::uint64_t) { return std::nullopt; };
  search_clues clues;
  clues.no_row = true;
  const auto found = find_messages(view, record_id{500}, clues, {});
  CAF_CHECK_EQUAL(found.dead_letters.size(), 1u);
  CAF_CHECK(found.letters_left.empty());
}

CAF_TEST(a result is found though its row was lost and its request is gone) {
  shelves on;
  on.request(1, 100);
  for (const auto each : {names::dead_letter_stream, names::action_stream})
    on.streams[std::string(each)];
  for (int i = 0; i < 14; ++i)
    on.put(names::result_stream, 200 + i, "transaction.result.deposit",
           shelves::payload_of(i == 6 ? 999 : 5000 - i));
  search_clues clues;
  clues.no_row = true;
  const auto found = find_messages(on.view(), record_id{999}, clues, {});
  CAF_CHECK_EQUAL(only(found.results), 7u);
  const auto none = find_messages(on.view(), record_id{998}, clues, {});
  CAF_CHECK(none.results.empty());
  CAF_CHECK(none.looked.at(1).all);
  // Of a longer stream no more is read than of any other.
  const auto some =
      find_messages(on.view(), record_id{998}, clues, {.newest_max = 5, .letters_least = 5});
  CAF_CHECK(!some.looked.at(1).all);
}

CAF_TEST(streams that are missing or empty are looked at whole) {
  shelves on;
  const auto found = find_messages(on.view(), record_id{1}, {}, {});
  CAF_REQUIRE_EQUAL(found.looked.size(), 4u);
  for (const auto& each : found.looked)
    CAF_CHECK(each.all && !each.exists);
}

CAF_TEST(a record is named by a number or a text) {
  CAF_CHECK(named_record(R"({"recordId":7})") == record_id{7});
  CAF_CHECK(named_record(R"({"recordId":"7"})") == record_id{7});
  for (const auto* none : {"", "7", "[]", "{}", R"({"recordId":0})", R"({"recordId":"07x"})",
                           R"({"recordId":7.5})", R"({"recordId":null})"})
    CAF_CHECK(!named_record(none));
}

CAF_TEST(of a flood of large letters that name one record so much is kept as can be shown) {
  busy_shelves on{100};
  for (int i = 0; i < 300; ++i)
    on.put(names::dead_letter_stream, 200 + i, "transaction.dead.deposit",
           R"({"recordId":7,"userId":")" + std::string(100'000, 'x') + R"("})");
  search_limits patient;
  patient.patience = std::chrono::seconds{60};
  const auto found = on.find(7, 22, patient);
  std::size_t bytes = 0;
  for (const auto& each : found.dead_letters)
    bytes += each.payload.size();
  CAF_CHECK(!found.dead_letters.empty());
  CAF_CHECK_LESS(bytes, 5U << 20);
  CAF_CHECK_EQUAL(found.looked[2].left_out + found.dead_letters.size(), 300U);
  CAF_CHECK_EQUAL(only(found.results), 7U);
}

CAF_TEST(one message that is larger than what is kept is shown) {
  busy_shelves on{100};
  on.put(names::dead_letter_stream, 200, "transaction.dead.deposit",
         R"({"recordId":7,"userId":")" + std::string(6'000'000, 'x') + R"("})");
  CAF_CHECK_EQUAL(on.find(7, 22).dead_letters.size(), 1U);
}
