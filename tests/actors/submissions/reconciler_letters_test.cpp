#define CAF_SUITE reconciler

#include "actors/submissions/reconciler.hpp"

#include "tests/actors/submissions/fixture.hpp"

using namespace ledgerd;
using namespace ledgerd::test;
using namespace std::chrono_literals;

namespace {

// The instance that reads dead letters.
struct letters_fixture : account_fixture {
  std::shared_ptr<fake_source> source = std::make_shared<fake_source>();
  std::shared_ptr<std::vector<transaction_record>> told =
      std::make_shared<std::vector<transaction_record>>();
  reconciler_actor subject;

  letters_fixture() {
    subject = started_actor(
        sys.spawn(reconciler, reconciler_options{.instance = "account-dead-letter-consumer/0",
                                                 .node_name = "n1",
                                                 .source = source,
                                                 .dead_letters = publisher,
                                                 .letters = true,
                                                 .currencies = currencies,
                                                 .recorder = spawn_recorder(),
                                                 .intake = spawn_fake_intake(told),
                                                 .credit = usual::credit,
                                                 .batch_max = usual::batch_max,
                                                 .lease = usual::lease,
                                                 .turn_pause = 0ms}));
    consume_messages();
  }

  // The letter of what the account side publishes for a record, after `change`.
  using change = std::function<void(delivery&)>;
  std::string queue(const transaction_record& of, const std::string& reason,
                    const change& spoil = {}) {
    static std::uint64_t last_seq = 0;
    auto request = make_request(1, of, 0, 0);
    auto next = make_delivery("transaction.dead.deposit", std::move(request.payload), ++last_seq);
    next.stream = "TRANSACTION_DEAD_LETTERS";
    next.headers = {{"Ledgerd-Reason", reason},
                    {"Ledgerd-Stream", "TRANSACTIONS"},
                    {"Ledgerd-Subject", request.subject},
                    request.headers.front()};
    if (spoil)
      spoil(next);
    source->arriving.push_back(next);
    source->wake();
    consume_messages();
    return next.receipt;
  }

  static void set(delivery& of, std::string_view name, std::string value) {
    for (auto& each : of.headers)
      if (each.name == name)
        each.value = std::move(value);
  }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(letters_tests, letters_fixture)

CAF_TEST(a request that was parked ends its record with the reason) {
  for (const auto* reason : {"INVALID_FIELD", "RECORD_ID_CONFLICT", "ATTEMPTS_EXHAUSTED"}) {
    const auto ann = pending_record("ann");
    told->clear();
    const auto receipt = queue(ann, reason);
    CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 1u);
    CAF_CHECK(stored(ann.id).status == record_status::failed);
    CAF_CHECK_EQUAL(stored(ann.id).reason, reason);
    CAF_REQUIRE_EQUAL(told->size(), 1u);
    CAF_CHECK(told->front() == stored(ann.id));
  }
  CAF_CHECK_EQUAL(number(subject, "foreign_total"), 0);
}

CAF_TEST(a request that another version has written ends its record likewise) {
  const auto ann = pending_record("ann");
  queue(ann, "ATTEMPTS_EXHAUSTED", [&](delivery& letter) {
    letter.payload =
        R"( {"note": 1, "amount": 1e1, "userId": "ann", "currency": "KRW", "recordId": ")"
        + std::to_string(to_int(ann.id)) + "\"}";
  });
  CAF_CHECK(stored(ann.id).status == record_status::failed);
}

CAF_TEST(all other letters are left alone) {
  const auto ann = pending_record("ann");
  auto stranger = ann;
  stranger.id = record_id{77};
  for (const auto& receipt :
       {queue(ann, "INVALID_FIELD", [](delivery& letter) { letter.headers.pop_back(); }),
        queue(ann, "INVALID_FIELD",
              [](delivery& letter) { set(letter, "Ledgerd-Stream", "TRANSACTION_RESULTS"); }),
        queue(ann, "UNKNOWN_RECORD"), queue(stranger, "INVALID_FIELD")})
    CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 1u);
  CAF_CHECK(stored(ann.id).status == record_status::pending);
  CAF_CHECK(publisher->published.empty());
  CAF_CHECK_EQUAL(number(subject, "foreign_total"), 4);
}

CAF_TEST(a letter that only bears the mark of a record does not end it) {
  const auto ann = pending_record("ann");
  const auto bob = pending_record("bob");
  auto dearer = ann;
  dearer.asked.amount = money{11};
  const auto other = [this](const transaction_record& of) {
    return make_request(1, of, 0, 0).payload;
  };
  const std::vector<change> forgeries{
      [](delivery& letter) { letter.payload = "not json"; },
      [](delivery& letter) { letter.payload.clear(); },
      [&](delivery& letter) { letter.payload = other(bob); },
      [&](delivery& letter) { letter.payload = other(dearer); },
      [](delivery& letter) {
        set(letter, "Ledgerd-Subject", "transaction.withdrawal");
        letter.payload.replace(letter.payload.find("DEPOSIT"), 7, "WITHDRAWAL");
      },
      [](delivery& letter) { set(letter, "Ledgerd-Subject", "other.deposit"); },
      [](delivery& letter) {
        letter.headers.push_back({"Ledgerd-Truncated", "70000"});
      },
      // A ledger that refuses unknown fields parks it, and decides the record's own request.
      [](delivery& letter) { letter.payload.insert(1, R"("note":1,)"); },
  };
  for (const auto& spoil : forgeries) {
    const auto receipt = queue(ann, "INVALID_FIELD", spoil);
    CAF_CHECK_EQUAL(source->count(receipt, settlement::acknowledge), 1u);
    CAF_CHECK(stored(ann.id) == ann);
  }
  CAF_CHECK(told->empty());
  CAF_CHECK(publisher->published.empty());
  CAF_CHECK_EQUAL(number(subject, "foreign_total"), static_cast<std::int64_t>(forgeries.size()));
  // The record's own verdict comes all the same.
  queue(ann, "ATTEMPTS_EXHAUSTED");
  CAF_CHECK_EQUAL(stored(ann.id).reason, "ATTEMPTS_EXHAUSTED");
}

CAF_TEST_FIXTURE_SCOPE_END()
