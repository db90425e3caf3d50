// All facts that an audit reads, made up without a database or a broker, for tests to damage.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/audit/audit.hpp"
#include "tests/app/audit/world.hpp"

namespace ledgerd::test {

// Everything an audit reads. The default one is what a correct daemon leaves behind.
struct world {
  std::vector<currency> currencies = sample_currencies();
  std::vector<account_row> accounts;
  std::vector<audited_posting> rows;
  std::vector<stored_message> requests;
  std::vector<stored_message> results;
  std::vector<stored_message> dead_letters;
  std::vector<stored_message> actions;
  consumer_state deposits{.exists = true};
  consumer_state withdrawals{.exists = true};
  stream_state request_stream{.exists = true, .first_seq = 1};
  stream_state result_stream{.exists = true, .first_seq = 1};
  stream_state letter_stream{.exists = true, .first_seq = 1};
  std::vector<std::int64_t> lost_records;        // of the account side
  std::size_t memory_max = std::size_t{1} << 20; // of the audit
  audit_rules rules{{*currency_code::parse("KRW"), false}, false};

  world();
  posting& row(std::int64_t record);
  account_row& account(std::string_view user);
  void publish(std::vector<stored_message>& stream, const outgoing& message);
  void discard(const stored_message& letter); // the entry only; the letter stays
  void erase_result(std::int64_t record);
  void made_at(std::int64_t nanoseconds); // the request stream, as its letters know
};

audit_report run(const world& facts);

// Damages a correct world and returns what the audit finds.
std::string findings_after(const std::function<void(world&)>& damage);

header& header_of(stored_message& message, std::string_view name);

} // namespace ledgerd::test
