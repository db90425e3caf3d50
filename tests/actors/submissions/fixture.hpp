// The account side's actors over the record store in memory, under the test's clock.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/submissions/protocol.hpp"
#include "actors/submissions/recorder.hpp"
#include "domain/currency.hpp"
#include "messaging/submission_codec.hpp"
#include "tests/support/memory_record_store.hpp"

#include "tests/actors/fixture.hpp"

namespace ledgerd::test {

// An inquirer whose answers the test gives.
class fake_inquirer : public inquirer {
public:
  struct question {
    std::uint64_t token;
    std::string subject;
    std::string payload;
  };
  std::vector<question> asked;

  void open(waker wake) override { wake_ = std::move(wake); }
  void ask(std::uint64_t token, const std::string& subject, std::string_view payload) override {
    asked.push_back({token, subject, std::string{payload}});
  }
  std::vector<api_reply> take() override { return std::exchange(replies_, {}); }

  void answer(std::uint64_t token, bool answered, std::string payload = {},
              std::vector<header> headers = {}) {
    replies_.push_back({token, answered, std::move(payload), std::move(headers)});
    wake_();
  }

private:
  std::vector<api_reply> replies_;
  waker wake_;
};

struct account_fixture : fixture {
  using answers_ptr = std::shared_ptr<std::vector<submit_answer>>;

  std::shared_ptr<memory_record_database> database = std::make_shared<memory_record_database>();
  std::shared_ptr<memory_record_store> store = std::make_shared<memory_record_store>(database);
  std::shared_ptr<fake_publisher> publisher = std::make_shared<fake_publisher>();
  std::shared_ptr<currency_table> table =
      std::make_shared<currency_table>(std::vector<currency>{{*currency_code::parse("KRW"), 0}});
  std::shared_ptr<const currency_table> currencies = table;
  std::shared_ptr<fake_lookup> lookup = std::make_shared<fake_lookup>();

  recorder_actor spawn_recorder() { return started_actor(sys.spawn(recorder, store)); }

  static submission ten_won(const std::string& user = "ann") {
    return {won_account(user), movement::deposit, money{10}};
  }

  // A record made past the intake.
  transaction_record pending_record(const std::string& user = "ann") {
    memory_record_store other{database};
    const auto result = other.record({{ten_won(user), {}}});
    return std::get<std::vector<recorded>>(result).front().record;
  }

  static posting decided(const transaction_record& record) {
    posting row;
    row.id = transaction_id{to_int(record.id) + 7};
    row.record = record.id;
    row.account = record.asked.account;
    row.seq = 1;
    row.type = record.asked.type;
    row.amount = record.asked.amount;
    row.balance_after = record.asked.amount;
    row.created_at = record.created_at;
    return row;
  }

  transaction_record stored(record_id id) { return database->picture().at(id); }

  // Collects what the intake would be told.
  settled_sink spawn_fake_intake(std::shared_ptr<std::vector<transaction_record>> told) {
    return spawn_fake<settled_sink>([told](settled_sink::pointer) -> settled_sink::behavior_type {
      return {[told](settled_atom, const records_ptr& records) {
        told->insert(told->end(), records->begin(), records->end());
      }};
    });
  }

  template <class Actor>
  actor_report report_of(const Actor& of) {
    auto got = std::make_shared<actor_report>();
    ask(
        of, [got](const actor_report& report) { *got = report; }, report_atom_v);
    consume_messages();
    return *got;
  }

  // How often a stage of an actor was passed, and for how long in all.
  template <class Actor>
  std::pair<std::int64_t, std::chrono::microseconds> stage_of(const Actor& of,
                                                              std::string_view name) {
    for (const auto& [what, histogram] : report_of(of).histograms)
      if (what->name == name)
        return {histogram.count(), std::chrono::microseconds{histogram.sum_us()}};
    CAF_FAIL("no stage " << name);
    return {};
  }

  template <class Actor>
  std::int64_t number(const Actor& of, std::string_view name) {
    for (const auto& [what, value] : report_of(of).values)
      if (what->name == name)
        return value;
    CAF_FAIL("no number " << name);
    return {};
  }

  static std::string header_of(const outgoing& letter, std::string_view name) {
    for (const auto& each : letter.headers)
      if (each.name == name)
        return each.value;
    return {};
  }
};

} // namespace ledgerd::test
