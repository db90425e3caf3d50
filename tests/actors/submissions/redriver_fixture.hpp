// The redriver over the record store in memory, and a ledger that answers as the test says.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "actors/submissions/ledger_client.hpp"
#include "actors/submissions/redriver.hpp"

#include "tests/actors/submissions/fixture.hpp"

namespace ledgerd::test {

using namespace std::chrono_literals;

inline constexpr auto age = 1000ms;

struct redriver_fixture : account_fixture {
  std::shared_ptr<fake_inquirer> ledger = std::make_shared<fake_inquirer>();
  std::shared_ptr<std::vector<transaction_record>> told =
      std::make_shared<std::vector<transaction_record>>();
  redriver_actor subject;

  redriver_fixture() { start(spawn_recorder()); }

  void start(recorder_actor recorder, std::chrono::milliseconds rests = age) {
    const auto client = started_actor(sys.spawn(ledger_client, ledger_client_options{ledger}));
    subject = started_actor(sys.spawn(redriver, redriver_options{.recorder = std::move(recorder),
                                                                 .intake = spawn_fake_intake(told),
                                                                 .ledger_client = client,
                                                                 .requests = publisher,
                                                                 .currencies = currencies,
                                                                 .redrive_after = rests}));
    consume_messages();
  }

  // Both clocks: the database's and the actors'.
  void live(std::chrono::milliseconds duration) {
    database->pass(duration);
    pass(duration);
  }

  void answer_last(const std::vector<posting>& rows) {
    CAF_REQUIRE(!ledger->asked.empty());
    ledger->answer(ledger->asked.back().token, true, encode_verdicts(rows, *currencies));
    answered = ledger->asked.size();
    consume_messages();
  }

  static std::vector<record_id> ids_of(const fake_inquirer::question& asked) {
    return std::get<std::vector<record_id>>(decode_verdict_question(asked.payload));
  }

  // The answer that `say` gives to a question about these records, to each question that there is
  // and that follows; nothing: none comes.
  void
  answer_all(const std::function<std::optional<std::string>(const std::vector<record_id>&)>& say) {
    for (; answered < ledger->asked.size(); consume_messages()) {
      const auto asked = ledger->asked[answered++];
      const auto text = say(ids_of(asked));
      ledger->answer(asked.token, text.has_value(), text.value_or(""));
    }
  }

  std::string verdicts_of(const std::vector<record_id>& ids) {
    std::vector<posting> rows;
    for (const auto id : ids)
      rows.push_back(decided(stored(id)));
    return encode_verdicts(rows, *currencies);
  }

  bool is_settled(const transaction_record& record) {
    return stored(record.id).status == record_status::success;
  }

  standstill wait() { return report_of(subject).wait; }

  std::size_t answered = 0; // of the questions
};

} // namespace ledgerd::test
