#include "actors/submissions/lookup.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace ledgerd {

namespace {

using lookup_pointer = lookup_actor::stateful_pointer<lookup_state>;

void ask_next(lookup_pointer self);

void refuse(lookup_state& state, lookup_state::caller& who, const std::string& why) {
  ++state.counters.refused;
  who.answer.deliver(found_records{store_failure{store_failure_kind::unavailable, why}});
}

void refuse_overdue(lookup_pointer self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  const auto is_over = [&](lookup_state::caller& who) {
    if (who.deadline > now)
      return false;
    refuse(state, who, "the database did not answer in time");
    return true;
  };
  std::erase_if(state.waiting, is_over);
  std::erase_if(state.asked, is_over);
}

void on_found(lookup_pointer self, const found_records& found) {
  auto& state = self->state;
  auto asked = std::exchange(state.asked, {});
  state.under_way = false;
  const auto* records = std::get_if<std::vector<transaction_record>>(&found.result);
  std::unordered_map<std::int64_t, const transaction_record*> by_id;
  for (std::size_t i = 0; records != nullptr && i < records->size(); ++i)
    by_id.emplace(to_int((*records)[i].id), &(*records)[i]);
  for (auto& who : asked) {
    if (records == nullptr) {
      refuse(state, who, std::get<store_failure>(found.result).detail);
      continue;
    }
    std::vector<transaction_record> theirs;
    for (const auto id : who.ids)
      if (const auto one = by_id.find(to_int(id)); one != by_id.end())
        theirs.push_back(*one->second);
    ++state.counters.answered;
    who.answer.deliver(found_records{std::move(theirs)});
  }
  ask_next(self);
}

void ask_next(lookup_pointer self) {
  auto& state = self->state;
  if (state.under_way || state.waiting.empty())
    return;
  std::vector<record_id> ids;
  while (!state.waiting.empty()
         && (ids.empty()
             || ids.size() + state.waiting.front().ids.size() <= state.options.batch_max)) {
    auto& first = state.waiting.front();
    ids.insert(ids.end(), first.ids.begin(), first.ids.end());
    state.asked.push_back(std::move(first));
    state.waiting.pop_front();
  }
  state.under_way = true;
  self->request(state.options.recorder, caf::infinite, find_atom_v, std::move(ids))
      .then(
          [self](const found_records& found) { on_found(self, found); },
          [self](const caf::error&) {
            on_found(self, {store_failure{store_failure_kind::unavailable, "the recorder ended"}});
          });
}

} // namespace

actor_report lookup_state::report() const {
  return make_report(name, "",
                     lookup_numbers{counters, {.waiting = waiting.size() + asked.size()}});
}

lookup_actor::behavior_type lookup(lookup_actor::stateful_pointer<lookup_state> self,
                                   lookup_options options) {
  self->state.options = std::move(options);
  self->delayed_send(self, self->state.options.beat, tick_atom_v);
  return {
      [=](find_atom, std::vector<record_id>& ids) {
        auto& state = self->state;
        auto promise = self->make_response_promise<found_records>();
        lookup_state::caller who{std::move(ids), self->clock().now() + state.options.patience,
                                 promise};
        if (state.waiting.size() >= state.options.waiting_max) {
          refuse(state, who, "too many questions wait for the database");
        } else {
          state.waiting.push_back(std::move(who));
          ask_next(self);
        }
        return promise;
      },
      [=](tick_atom) {
        refuse_overdue(self);
        self->delayed_send(self, self->state.options.beat, tick_atom_v);
      },
      [=](report_atom) { return self->state.report(); },
  };
}

} // namespace ledgerd
