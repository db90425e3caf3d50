// What must be true at the end of every simulation, whatever happened on the way.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "messaging/codec.hpp"
#include "tests/actors/simulated_broker.hpp"
#include "tests/support/memory_store.hpp"

#include "tests/actors/fixture.hpp"

namespace ledgerd::test {

inline std::shared_ptr<const currency_table> won() {
  return std::make_shared<const currency_table>(
      std::vector<currency>{{*currency_code::parse("KRW"), 0}});
}

// Every row follows from the one before by the rules, and the last is the account's head.
inline void check_chains(const memory_database::content& ledger) {
  std::map<account_key, std::map<std::int64_t, posting>> chains;
  for (const auto& [id, row] : ledger.postings)
    CAF_CHECK(chains[row.account].emplace(row.seq, row).second);
  CAF_CHECK_EQUAL(chains.size(), ledger.accounts.size());
  for (const auto& [account, chain] : chains) {
    account_head head;
    for (const auto& [seq, row] : chain) {
      CAF_CHECK_EQUAL(seq, head.seq + 1);
      const auto expected = decide(head.balance, row.type, row.amount);
      CAF_CHECK(row.verdict == expected.verdict);
      CAF_CHECK_EQUAL(row.balance_after.minor_units(), expected.balance_after.minor_units());
      head = {row.balance_after, seq};
    }
    CAF_CHECK(ledger.accounts.at(account) == head);
  }
}

// Every message was settled for a reason that is stored: its result, or its dead letter.
inline void check_outcomes(const simulated_broker& broker, const memory_database::content& ledger) {
  for (const auto& request : broker.requests) {
    const auto how = broker.settled.at(request.stream_seq);
    const auto decoded = decode_entry(request.subject, request.payload, *won(),
                                      {*currency_code::parse("KRW"), false});
    const auto* asked = std::get_if<entry>(&decoded);
    const auto row = asked ? ledger.postings.find(asked->id) : ledger.postings.end();
    const auto has_verdict = row != ledger.postings.end() && same_content(*asked, row->second);
    if (has_verdict) {
      CAF_CHECK(how == settlement::acknowledge);
      const auto copies = broker.published.find(result_message_id(asked->id));
      CAF_REQUIRE(copies != broker.published.end());
      for (const auto& copy : copies->second)
        CAF_CHECK_EQUAL(copy.payload, encode_result(row->second, 0));
    } else {
      CAF_CHECK(how == settlement::terminate);
      CAF_CHECK(
          broker.published.contains("dead-TRANSACTIONS-1-" + std::to_string(request.stream_seq)));
    }
  }
}

} // namespace ledgerd::test
