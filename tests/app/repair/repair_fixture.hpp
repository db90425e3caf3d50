// Letters to park, and orders to run on them, in the world of fake_world.hpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/repair/letter_shelf.hpp"
#include "app/repair/repair.hpp"
#include "tests/app/repair/fake_world.hpp"

namespace ledgerd::test {

inline constexpr std::int64_t stamp = 1'764'000'000'123;

struct repair_fixture {
  fake_broker nats;
  fake_ledger ledger{nats};
  currency_table currencies{ledger.rows};
  letter_shelf shelf{nats};
  std::vector<repair_step> steps;

  // A request that was parked, for whatever reason.
  std::uint64_t park(const std::string& subject, const std::string& payload,
                     dead_reason reason = dead_reason::attempts_exhausted,
                     const std::string& detail = "the database refuses it") {
    stored_message source;
    source.seq = 1'000'000 + ++parked; // far from those of the replayed ones
    source.subject = subject;
    source.payload = payload;
    source.headers = {{"traceparent", "00-1-2-01"}};
    ledger.park(source, {reason, detail});
    return nats.stored(names::dead_letter_stream).back().seq;
  }

  std::uint64_t deposit(int record, const std::string& user, std::int64_t amount) {
    return park("transaction.deposit", request(record, user, amount));
  }
  std::uint64_t withdrawal(int record, const std::string& user, std::int64_t amount) {
    return park("transaction.withdrawal", request(record, user, amount));
  }

  // A deposit of the account side, whose record the letter ends.
  std::uint64_t submission(int record, const std::string& user, std::int64_t amount) {
    const auto seq = deposit(record, user, amount);
    nats.streams.at("TRANSACTION_DEAD_LETTERS")
        .messages.back()
        .headers.push_back({"Ledgerd-Account", std::to_string(record)});
    return seq;
  }

  static std::string request(int record, const std::string& user, std::int64_t amount) {
    return R"({"recordId":)" + std::to_string(record) + R"(,"userId":")" + user + R"(","amount":)"
           + std::to_string(amount) + "}";
  }

  static repair_order all(action_kind what = action_kind::replay) {
    repair_order order{.what = what};
    order.origin = {"ann@host", "a test", stamp};
    return order;
  }

  repair_outcome run(
      const repair_order& order, const stop_asked& stop = [] { return false; }) {
    steps.clear();
    const repair_tools tools{.nats = nats,
                             .shelf = shelf,
                             .ledger = with_ledger ? &ledger : nullptr,
                             .records = records,
                             .currencies = with_ledger ? &currencies : nullptr,
                             .rules = ledger.rules};
    return repair(
        tools, order, [this](const repair_step& step) { steps.push_back(step); }, stop);
  }

  // SUCCESS, FAILED INSUFFICIENT_FUNDS, ...
  std::vector<std::string> verdicts() const {
    std::vector<std::string> result;
    for (const auto& each : steps)
      result.push_back(std::string(to_text(each.expected.what))
                       + (each.expected.reason.empty() ? "" : " " + each.expected.reason));
    return result;
  }

  static std::string joined(const std::vector<std::string>& texts) {
    std::string result;
    for (const auto& each : texts)
      result += each + "; ";
    return result;
  }

  bool with_ledger = true;
  record_reader* records = nullptr;
  std::uint64_t parked = 0;
};

} // namespace ledgerd::test
