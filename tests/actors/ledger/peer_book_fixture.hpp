// A peer's book, the peer under the test's hand, and a clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/ledger/peer_book.hpp"

#include "tests/actors/fixture.hpp"

namespace ledgerd::test {

inline constexpr boot_id us{1};
inline constexpr boot_id them{2};

inline entry deposit_of(std::int64_t id, std::int64_t amount = 5, std::string user = "ann") {
  return {record_id{id},
          {std::move(user), *currency_code::parse("KRW")},
          movement::deposit,
          money{amount}};
}

struct peer_book_fixture {
  static constexpr std::chrono::milliseconds beat{100};

  peer_limits limits{.frames_max = 2, .entries_max = 3};
  peer_book book{us, them, limits};
  peer_book::time_point now{std::chrono::hours{1}};
  frame_reader reader;
  answers_writer writer;

  void make(peer_limits with) {
    std::destroy_at(&book);
    std::construct_at(&book, us, them, with);
  }

  // All that is to be sent now, as the peer reads it.
  std::vector<link_frame> sent(std::size_t bytes_max = 1 << 20) {
    std::vector<link_frame> result;
    while (const auto next = book.next(bytes_max)) {
      CAF_REQUIRE(reader.read(next->frame, them, result.emplace_back()) == link_refusal::none);
      CAF_REQUIRE_EQUAL(result.back().number, next->number);
    }
    return result;
  }

  void ask(std::int64_t first, std::int64_t last, std::uint8_t hops = 2) {
    std::vector<asked_entry> batch;
    for (auto id = first; id <= last; ++id)
      batch.push_back({deposit_of(id), {{}, static_cast<ticket>(id)}, 0, hops});
    book.add(std::move(batch));
  }

  void begin_answers() { writer.begin(them, us); }
  void reply(std::uint64_t number) { book.take({number, false, std::string{writer.finish()}}); }

  answer applied(std::int64_t id) {
    const auto asked = deposit_of(id);
    return {outcome::applied,
            {transaction_id{id}, asked.id, asked.account, 1, asked.type, asked.amount,
             outcome::applied, money{5}, database_time{1}}};
  }

  void answer_applied(std::uint64_t number, std::uint32_t place, std::int64_t id) {
    begin_answers();
    writer.page(number);
    writer.decided(place, applied(id));
    reply(number);
  }

  // The first probe is answered.
  void come_up() {
    book.look(now);
    const auto probe = sent();
    CAF_REQUIRE_EQUAL(probe.size(), 1u);
    answer_probes(probe);
    CAF_REQUIRE(book.up());
  }

  // Time in beats, with what is sent meanwhile.
  std::vector<link_frame> pass(std::chrono::milliseconds duration) {
    std::vector<link_frame> result;
    for (; duration.count() > 0; duration -= beat) {
      now += beat;
      book.look(now);
      for (auto& each : sent())
        result.push_back(std::move(each));
    }
    return result;
  }

  void answer_probes(const std::vector<link_frame>& frames) {
    for (const auto& each : frames)
      if (each.entries.empty()) {
        begin_answers();
        reply(each.number);
      }
  }

  // After how many beats the link goes down when nothing but its probes is answered; 200 at most.
  int live_on_probes() {
    const auto downs = book.counters().downs;
    int beats = 0;
    for (; book.counters().downs == downs && beats < 200; ++beats)
      answer_probes(pass(beat));
    return beats;
  }

  std::vector<ticket> answered() {
    std::vector<ticket> result;
    for (const auto& [whom, answers] : book.take_answers())
      for (const auto& each : answers)
        result.push_back(each.tag);
    return result;
  }

  std::vector<ticket> given_back() {
    std::vector<ticket> result;
    for (const auto& each : book.take_given_back())
      result.push_back(each.from.tag);
    return result;
  }
};

using tickets = std::vector<ticket>;

} // namespace ledgerd::test
