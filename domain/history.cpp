#include "domain/history.hpp"

#include <algorithm>

namespace ledgerd {

history_position next_position(history_position page, const std::vector<posting>& shown) {
  for (const auto& row : shown) {
    const auto found = std::find_if(page.seqs.begin(), page.seqs.end(), [&](const auto& each) {
      return each.first == row.account.currency;
    });
    if (found == page.seqs.end())
      page.seqs.emplace_back(row.account.currency, row.seq);
    else
      found->second = row.seq;
    page.before = to_int(row.id);
  }
  return page;
}

} // namespace ledgerd
