// Facts about record 7 for the tests of stories.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "app/trace/story.hpp"
#include "tests/app/trace/shelves.hpp"

namespace ledgerd::test {

inline constexpr std::int64_t second = 1'000'000; // in microseconds

inline const held_request held{"deposit-consumer/0", "deciding", 40, 12'345, 2, 1};

// What a test tells of record 7; times are seconds.
struct facts_of : trace_facts {
  facts_of() {
    record = record_id{7};
    now_us = 100 * second;
  }

  stored_message message(std::uint64_t seq, std::int64_t at, std::string subject,
                         std::vector<header> headers = {}) {
    return {seq, at * 1'000'000'000, std::move(subject), shelves::payload_of(7),
            std::move(headers)};
  }

  void requested(std::uint64_t seq = 40, std::int64_t at = 10) {
    messages.requests.push_back(message(seq, at, "transaction.deposit"));
  }

  void decided(outcome verdict = outcome::applied) {
    row = posting{transaction_id{9},
                  record_id{7},
                  {"ann", *currency_code::parse("EUR")},
                  3,
                  movement::withdrawal,
                  money{1250},
                  verdict,
                  money{50},
                  database_time{11 * second}};
    written_with = 4;
  }

  void published() {
    outgoing result;
    add_origin(result, {40, "node-a"});
    messages.results.push_back(message(30, 12, "transaction.result.deposit", result.headers));
    messages.results.back().payload =
        R"({"recordId":7,"userId":"ann","type":"DEPOSIT","status":"SUCCESS","amount":"5.00","currency":"EUR"})";
  }

  void parked(std::uint64_t seq = 5, std::int64_t at = 13,
              const std::string& stream = "TRANSACTIONS") {
    messages.dead_letters.push_back(
        message(seq, at, "transaction.dead.deposit",
                {{"Ledgerd-Reason", "INVALID_FIELD"},
                 {"Ledgerd-Detail", "field \"amount\": must be positive"},
                 {"Ledgerd-Stream", stream},
                 {"Ledgerd-Sequence", "40"},
                 {"Ledgerd-Node", "node-b"}}));
  }

  // With the mark of the account side.
  void marked(int id) {
    messages.dead_letters.back().headers.push_back({"Ledgerd-Account", std::to_string(id)});
  }

  void failed() {
    record_row =
        transaction_record{record_id{7},    {}, record_status::failed, {},
                           "INVALID_FIELD", {}, database_time{second}, database_time{13 * second}};
  }

  void acted(const std::string& what, std::int64_t at, std::uint64_t letter = 5) {
    messages.actions.push_back(message(2, at, "transaction.action." + what,
                                       {{"Ledgerd-Letter", std::to_string(letter)},
                                        {"Ledgerd-Reason", "INVALID_FIELD"},
                                        {"Ledgerd-Who", "eve"},
                                        {"Ledgerd-Why", "seen"}}));
  }

  void left(std::uint64_t letter) { messages.letters_left.push_back(letter); }

  record_look& node(std::uint64_t pulled_to, std::optional<held_request> held = std::nullopt,
                    const char* name = "node-a") {
    record_look look{boot_id{1}, name, {}, {{"transaction.deposit", pulled_to}}};
    if (held)
      look.held.push_back(*held);
    return nodes.emplace_back(look);
  }

  void waits(const char* why) { node(40, held).wait = account_wait{why, 12'000}; }
};

inline trace_story story_of(const trace_facts& facts) {
  return tell(facts, currency_table{{{*currency_code::parse("EUR"), 2}}});
}

} // namespace ledgerd::test
