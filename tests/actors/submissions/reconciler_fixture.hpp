// The reconciler that reads results, over the record store in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/submissions/reconciler.hpp"

#include "tests/actors/submissions/fixture.hpp"

namespace ledgerd::test {

using namespace std::chrono_literals;

inline std::int64_t wall_ns = 0; // what the reconciler takes for the broker's time

struct reconciler_fixture : account_fixture {
  std::shared_ptr<fake_source> source = std::make_shared<fake_source>();
  std::shared_ptr<std::vector<transaction_record>> told =
      std::make_shared<std::vector<transaction_record>>();
  reconciler_actor subject;
  std::uint64_t last_seq = 0;

  reconciler_fixture() {
    subject = started_actor(
        sys.spawn(reconciler, reconciler_options{.instance = "account-result-consumer/0",
                                                 .node_name = "n1",
                                                 .source = source,
                                                 .dead_letters = publisher,
                                                 .currencies = currencies,
                                                 .lookup = lookup,
                                                 .recorder = spawn_recorder(),
                                                 .intake = spawn_fake_intake(told),
                                                 .credit = usual::credit,
                                                 .batch_max = usual::batch_max,
                                                 .lease = 3000ms,
                                                 .turn_pause = 0ms,
                                                 .wall_clock = [] { return wall_ns; }}));
    consume_messages();
  }

  std::string queue(std::string payload, std::string mark = {}) {
    auto next = make_delivery("transaction.result.deposit", std::move(payload), ++last_seq);
    next.stream = "TRANSACTION_RESULTS";
    if (!mark.empty())
      next.headers = {{"Ledgerd-Account", mark}};
    source->arriving.push_back(next);
    return next.receipt;
  }

  std::string queue(const posting& row, std::string mark = {}) {
    return queue(encode_result(row, 0), std::move(mark));
  }

  void wake() {
    source->wake();
    consume_messages();
  }

  standstill wait() { return report_of(subject).wait; }
};

} // namespace ledgerd::test
