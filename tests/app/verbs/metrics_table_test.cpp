#include "app/verbs/metrics_table.hpp"

#define CAF_SUITE metrics_table
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using nlohmann::ordered_json;

namespace {

ordered_json histogram(std::vector<std::int64_t> counts) {
  const std::vector<ordered_json> bounds{100, 1000, nullptr};
  std::int64_t count = 0;
  auto buckets = ordered_json::array();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    count += counts[i];
    buckets.push_back({bounds[i], counts[i]});
  }
  return {{"count", count}, {"sum_us", 500 * count}, {"buckets", buckets}};
}

ordered_json actor(const char* kind, const char* instance, ordered_json values,
                   ordered_json histograms = ordered_json::object(), bool answered = true) {
  return {{"actor", kind},
          {"instance", instance},
          {"answered", answered},
          {"values", std::move(values)},
          {"histograms", std::move(histograms)}};
}

ordered_json document() {
  return {
      {"node", "a"},
      {"uptimeMs", 5},
      {"actors",
       {actor("gate", "0",
              {{"rows_total", 30},
               {"oldest_waiting_ms", 7},
               {"mailbox", 1},
               {"messages_total", 100},
               {"actors", 1},
               {"busy_ms", 0}},
              {{"commit", histogram({1, 2, 1})}, {"processing_time", histogram({9, 1, 0})}}),
        actor("fetcher", "d/0", {{"held", 0}, {"pending", nullptr}, {"idle_ms", 50}}),
        actor("fetcher", "e/0", {{"pending", 7}, {"oldest_undecided_ms", 20}}),
        actor("fetcher", "e/1", {{"pending", 9}, {"oldest_undecided_ms", nullptr}}),
        actor("fetcher", "w/0", {{"mailbox", 5}, {"busy_ms", 4200}}, ordered_json::object(), false),
        actor("gate", "1", {{"rows_total", 12}, {"oldest_waiting_ms", 1500}},
              {{"commit", histogram({0, 0, 4})}}),
        actor("ledger", "", {{"actors", 4711}, {"mailbox", 12}, {"busy_ms", nullptr}})}},
      {"hotAccounts",
       {{{"userId", "ann"}, {"currency", "KRW"}, {"entries", 55}, {"seconds", 10.0}}}},
      {"waitingAccounts",
       {{{"userId", "bob"},
         {"currency", "EUR"},
         {"entries", 2},
         {"oldestMs", 65000},
         {"why", "locked"}}}}};
}

std::string text(const table_rows& rows) {
  std::string result;
  for (const auto& row : rows) {
    for (const auto& cell : row)
      result += cell + "|";
    result += "\n";
  }
  return result;
}

} // namespace

CAF_TEST(the actors stand by kind with a dash for what nobody knows) {
  CAF_CHECK_EQUAL(text(actor_table(document(), {})),
                  "actor|instance|mailbox|messages|wait p50|wait p99|work p50|work p99|busy|"
                  "answers|\n"
                  "fetcher|d/0|-|-|-|-|-|-|-||\n"
                  "fetcher|e/0|-|-|-|-|-|-|-||\n"
                  "fetcher|e/1|-|-|-|-|-|-|-||\n"
                  "fetcher|w/0|5|-|-|-|-|-|4.2s|no answer|\n"
                  "gate|0|1|100|-|-|56us|910us|||\n"
                  "gate|1|-|-|-|-|-|-|-||\n"
                  "ledger|4711 of them|12|-|-|-|-|-|-||\n");
}

CAF_TEST(the hottest actors stand first where not all have room) {
  const auto order = [](const earlier_numbers& before) {
    std::string result;
    for (const auto& row : actor_table(document(), before, actor_order::hottest_first))
      result += row[0] + " " + row[1] + ", ";
    return result.substr(0, result.find("gate 0, ") + 8);
  };
  CAF_CHECK_EQUAL(order({}), "actor instance, fetcher w/0, gate 0, ");
  // Since the earlier look nobody has handled anything, so nothing is hotter than before.
  const auto earlier = document();
  CAF_CHECK(order({&earlier, 2.0}).starts_with("actor instance, fetcher w/0, "));
  CAF_CHECK_EQUAL(actor_table(document(), {}, actor_order::hottest_first).size(),
                  actor_table(document(), {}).size());
}

CAF_TEST(the stages are added up over the actors) {
  CAF_CHECK_EQUAL(text(stage_table(document(), {})), "stage|count|mean|p50|p99|\n"
                                                     "commit|8|500us|>1ms|>1ms|\n");
}

CAF_TEST(numbers are added and ages are not and zeros are left out unless asked for) {
  const auto shown = counts_table(document(), {}, false);
  CAF_CHECK_EQUAL(text(shown.rows), "actor|number|value|\n"
                                    "fetcher|one of them|no answer|\n"
                                    "fetcher|pending d|-|\n"
                                    "fetcher|idle_ms|50ms|\n"
                                    "fetcher|pending e|9|\n"
                                    "fetcher|oldest_undecided_ms e|20ms|\n"
                                    "gate|rows_total|42|\n"
                                    "gate|oldest_waiting_ms|1.5s|\n");
  CAF_CHECK_EQUAL(shown.left_out, 1u);
  CAF_CHECK(text(counts_table(document(), {}, true).rows).find("fetcher|held|0|")
            != std::string::npos);
}

CAF_TEST(rates come from two looks and none from a count that began anew) {
  auto earlier = document();
  earlier["actors"][0]["values"]["rows_total"] = 10;
  earlier["actors"][0]["values"]["messages_total"] = 50;
  const earlier_numbers before{&earlier, 4.0};
  CAF_CHECK(text(actor_table(document(), before)).find("gate|0|1|100|12.5|") == std::string::npos);
  CAF_CHECK(text(actor_table(document(), before)).find("gate|0|1|100|13|") != std::string::npos);
  CAF_CHECK(text(counts_table(document(), before, false).rows).find("gate|rows_total|42|5|")
            != std::string::npos);
  earlier["actors"][0]["values"]["rows_total"] = 9999;
  CAF_CHECK(text(counts_table(document(), before, false).rows).find("gate|rows_total|42|-|")
            != std::string::npos);
}

CAF_TEST(accounts are shown by name) {
  CAF_CHECK_EQUAL(text(hot_table(document())),
                  "hot account|currency|entries|a second|\nann|KRW|55|5.5|\n");
  CAF_CHECK_EQUAL(text(waiting_table(document())),
                  "waiting account|currency|entries|for|because of|\nbob|EUR|2|65s|locked|\n");
}

CAF_TEST(what somebody else wrote is looked at before it is shown) {
  CAF_CHECK(is_numbers(document()));
  CAF_CHECK(is_numbers({{"actors", ordered_json::array()}}));
  for (const auto* other :
       {"5", "[]", "{}", R"({"actors":5})", R"({"actors":[5]})", R"({"actors":[],"uptimeMs":"x"})",
        R"({"actors":[{"answered":"x"}]})", R"({"actors":[{"histograms":{"commit":5}}]})",
        R"({"actors":[{"histograms":{"commit":{"buckets":[5]}}}]})"})
    CAF_CHECK(!is_numbers(ordered_json::parse(other)));
  // Odd values inside are passed over.
  const auto odd = ordered_json::parse(R"({"actors":[{"actor":5,"values":{"a":"x","b":1.5}}],
      "hotAccounts":[7,{"userId":8}]})");
  CAF_REQUIRE(is_numbers(odd));
  CAF_CHECK_EQUAL(actor_table(odd, {}).size(), 2u);
  CAF_CHECK_EQUAL(hot_table(odd).size(), 2u);
}

CAF_TEST(with an earlier look the times are those since then) {
  auto earlier = document();
  // Ten thousand fast ones, and then, in the interval, ten slow ones.
  earlier["actors"][0]["histograms"]["commit"] = histogram({10'000, 0, 0});
  earlier["actors"][5]["histograms"]["commit"] = histogram({0, 0, 4});
  auto now = document();
  now["actors"][0]["histograms"]["commit"] = histogram({10'000, 10, 0});
  CAF_CHECK_EQUAL(text(stage_table(now, {})), "stage|count|mean|p50|p99|\n"
                                              "commit|10014|500us|50us|99us|\n");
  CAF_CHECK_EQUAL(text(stage_table(now, {&earlier, 2.0})), "stage|count|a second|mean|p50|p99|\n"
                                                           "commit|10014|5|500us|550us|991us|\n");
  // Nothing has come.
  CAF_CHECK_EQUAL(text(stage_table(now, {&now, 2.0})), "stage|count|a second|mean|p50|p99|\n"
                                                       "commit|10014|0|-|-|-|\n");
}

CAF_TEST(the times of an actor are those since the earlier look) {
  const auto row = [](const ordered_json& now, const ordered_json& then) {
    const auto rows = actor_table(now, {&then, 2.0});
    return text({rows[5]}); // gate 0
  };
  const auto with = [](ordered_json one) {
    auto result = document();
    result["actors"][0]["histograms"]["processing_time"] = std::move(one);
    return result;
  };
  const auto now = with(histogram({9, 11, 0}));
  CAF_CHECK_EQUAL(row(now, with(histogram({9, 1, 0}))), "gate|0|1|100|0|-|-|550us|991us|||\n");
  // It began anew, has other buckets, or none: nobody knows.
  auto bare = histogram({9, 1, 0});
  bare.erase("buckets");
  for (const auto& then : {with(histogram({9, 12, 0})), with(histogram({9, 1})), with(bare)})
    CAF_CHECK_EQUAL(row(now, then), "gate|0|1|100|0|-|-|-|-|||\n");
  auto shortened = with(histogram({9, 1, 0}));
  shortened["shortened"] = true;
  CAF_CHECK_EQUAL(row(now, shortened), "gate|0|1|100|0|-|-|-|-|||\n");
  // All of a new one has come since.
  auto without = document();
  without["actors"].erase(0);
  CAF_CHECK_EQUAL(row(now, without), "gate|0|1|100|-|-|-|182us|984us|||\n");
}

CAF_TEST(sizes of batches are those since the earlier look) {
  auto then = document();
  then["actors"][0]["histograms"]["posted"] = histogram({4, 0, 0});
  auto now = then;
  now["actors"][0]["histograms"]["posted"] = histogram({4, 2, 0});
  CAF_CHECK_EQUAL(text(batch_table(now, {})), "batch|count|mean|p50|p99|\nposted|6|500|75|973|\n");
  CAF_CHECK_EQUAL(text(batch_table(now, {&then, 2.0})),
                  "batch|count|mean|p50|p99|\nposted|6|500|550|991|\n");
}
