#include "tests/persistence/chain.hpp"

namespace ledgerd::test {

std::string chain_fault(const memory_database::content& content) {
  std::map<account_key, std::map<std::int64_t, posting>> chains;
  for (const auto& [id, row] : content.postings)
    if (!chains[row.account].emplace(row.seq, row).second)
      return "two postings of " + row.account.user_id + " have number " + std::to_string(row.seq);
  for (const auto& [account, chain] : chains) {
    account_head head;
    for (const auto& [seq, row] : chain) {
      const auto where = account.user_id + " number " + std::to_string(seq);
      if (seq != ++head.seq)
        return where + " follows " + std::to_string(head.seq - 1);
      const auto [verdict, balance] = decide(head.balance, row.type, row.amount);
      if (verdict != row.verdict || balance != row.balance_after)
        return where + " does not follow from the balance before";
      head.balance = balance;
    }
    const auto found = content.accounts.find(account);
    if (found == content.accounts.end() || found->second != head)
      return "the account of " + account.user_id + " does not equal its last posting";
  }
  if (chains.size() != content.accounts.size())
    return "an account has no posting";
  return {};
}

} // namespace ledgerd::test
