// Collects answers so that each who asked gets one message for a whole batch.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/ledger/protocol.hpp"

namespace ledgerd {

class answer_book {
public:
  void add(const origin& to, std::optional<answer>&& verdict, std::string&& failure = {}) {
    auto page = std::find_if(pages_.begin(), pages_.end(),
                             [&](const auto& p) { return p.first == to.asker; });
    if (page == pages_.end())
      page = pages_.insert(pages_.end(), {to.asker, {}});
    page->second.push_back({to.tag, std::move(verdict), std::move(failure)});
  }

  template <class Actor>
  void send_all(Actor* self) {
    for (auto& [fetcher, answers] : pages_)
      self->send(fetcher, answer_atom_v, std::move(answers));
  }

private:
  std::vector<std::pair<answer_sink, std::vector<ticketed_answer>>> pages_;
};

} // namespace ledgerd
