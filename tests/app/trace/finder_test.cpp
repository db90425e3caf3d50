#include "app/trace/finder.hpp"

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
    const auto decided =
        decided_ms ? std::optional{database_time{*decided_ms * 1000}} : std::nullopt;
    return find_messages(view(), record_id{id}, decided, limits);
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

CAF_TEST(streams that are missing or empty are looked at whole) {
  shelves on;
  const auto found = find_messages(on.view(), record_id{1}, std::nullopt, {});
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
