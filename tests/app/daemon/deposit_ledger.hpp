// A ledger that holds nothing but deposits of 1 to one account, a millisecond apart.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/app/repair/fake_world.hpp"

namespace ledgerd::test {

inline std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Another request has come whenever somebody looks at the rows.
class deposit_ledger final : public ledger_reader {
public:
  deposit_ledger(fake_broker& nats, std::int64_t rows, std::int64_t first_at_us)
      : count_of_rows(rows), nats_(nats), first_at_us_(first_at_us) {}

  std::int64_t count_of_rows;
  std::int64_t marked = 0; // the highest id that `marks` tells
  std::function<void()> after_marks = [] {};

  database_time created(std::int64_t id) const { return database_time{first_at_us_ + id * 1000}; }

  posting row(std::int64_t id) const {
    posting result;
    result.id = transaction_id{id};
    result.record = record_id{id};
    result.account = {"anna", *currency_code::parse("KRW")};
    result.seq = id;
    result.type = movement::deposit;
    result.amount = money{1};
    result.balance_after = money{id};
    result.created_at = created(id);
    return result;
  }

  std::vector<linked_posting> linked_after(transaction_id after, std::size_t limit,
                                           std::chrono::seconds rest) override {
    ++nats_.streams.at(std::string(names::request_stream)).last_seq;
    const auto rested = now_us() - std::chrono::microseconds(rest).count();
    std::vector<linked_posting> result;
    for (auto id = to_int(after) + 1; id <= count_of_rows && result.size() < limit; ++id) {
      if (to_int(created(id)) > rested)
        break;
      result.push_back({audited(id), std::nullopt});
      if (id > 1)
        result.back().balance_before = money{id - 1};
    }
    return result;
  }
  ledger_marks marks(record_id, std::int64_t) override {
    ledger_marks result;
    result.highest_transaction = transaction_id{marked};
    after_marks();
    return result;
  }
  std::vector<audited_posting> find_all(const std::vector<record_id>& ids) override {
    std::vector<audited_posting> result;
    for (const auto id : ids)
      if (to_int(id) <= count_of_rows)
        result.push_back(audited(to_int(id)));
    return result;
  }
  std::vector<currency> currencies() override { return {{*currency_code::parse("KRW"), 0}}; }
  std::vector<account_row> accounts_of(const std::string&) override { return {}; }
  std::optional<posting> find(record_id) override { return std::nullopt; }
  std::vector<posting> history(const account_key&, std::int64_t, int) override { return {}; }
  std::vector<posting> history(const std::string&, const history_position&, int) override {
    return {};
  }
  void snapshot(const std::optional<account_key>&, const std::function<void(const account_row&)>&,
                const std::function<void(const audited_posting&)>&) override {}
  std::int64_t written_with(const posting&) override { return 1; }
  totals count() override { return {}; }
  std::int64_t commits(record_id, record_id) override { return 0; }
  bool writable() override { return true; }

private:
  audited_posting audited(std::int64_t id) const {
    const auto one = row(id);
    return {one, fingerprint(one.account, one.type, one.amount)};
  }

  fake_broker& nats_;
  const std::int64_t first_at_us_;
};

} // namespace ledgerd::test
