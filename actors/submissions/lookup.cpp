#include "actors/submissions/lookup.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace ledgerd {

void lookup_state::refuse(caller& who, const std::string& why) {
  ++counters_.refused;
  who.answer.deliver(found_records{store_failure{store_failure_kind::unavailable, why}});
}

void lookup_state::refuse_overdue() {
  const auto now = self_->clock().now();
  const auto is_over = [&](caller& who) {
    if (who.deadline > now)
      return false;
    refuse(who, "the database did not answer in time");
    return true;
  };
  std::erase_if(waiting_, is_over);
  std::erase_if(asked_, is_over);
}

void lookup_state::on_found(const found_records& found) {
  auto asked = std::exchange(asked_, {});
  under_way_ = false;
  const auto* records = std::get_if<std::vector<transaction_record>>(&found.result);
  std::unordered_map<std::int64_t, const transaction_record*> by_id;
  for (std::size_t i = 0; records != nullptr && i < records->size(); ++i)
    by_id.emplace(to_int((*records)[i].id), &(*records)[i]);
  for (auto& who : asked) {
    if (records == nullptr) {
      refuse(who, std::get<store_failure>(found.result).detail);
      continue;
    }
    for (; who.answered < who.asked; ++who.answered)
      if (const auto one = by_id.find(to_int(who.ids[who.answered])); one != by_id.end())
        who.found.push_back(*one->second);
    if (who.asked < who.ids.size()) { // the last of them
      waiting_.push_front(std::move(who));
      continue;
    }
    ++counters_.answered;
    who.answer.deliver(found_records{std::move(who.found)});
  }
  ask_next();
}

void lookup_state::ask_next() {
  if (under_way_ || waiting_.empty())
    return;
  std::vector<record_id> ids;
  while (!waiting_.empty() && ids.size() < options_.batch_max) {
    auto& first = waiting_.front();
    const auto count = std::min(first.ids.size() - first.asked, options_.batch_max - ids.size());
    const auto begin = first.ids.begin() + static_cast<std::ptrdiff_t>(first.asked);
    ids.insert(ids.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
    first.asked += count;
    asked_.push_back(std::move(first));
    waiting_.pop_front();
  }
  under_way_ = true;
  self_->request(options_.recorder, caf::infinite, find_atom_v, std::move(ids))
      .then([this](const found_records& found) { on_found(found); },
            [this](const caf::error&) {
              on_found({store_failure{store_failure_kind::unavailable, "the recorder ended"}});
            });
}

actor_report lookup_state::report() const {
  return make_report(name, "",
                     lookup_numbers{counters_, {.waiting = waiting_.size() + asked_.size()}});
}

lookup_actor::behavior_type lookup_state::make_behavior(lookup_options options) {
  options_ = std::move(options);
  self_->delayed_send(self_, options_.beat, tick_atom_v);
  return {
      [this](find_atom, std::vector<record_id>& ids) {
        auto promise = self_->make_response_promise<found_records>();
        caller who{.ids = std::move(ids),
                   .deadline = self_->clock().now() + options_.patience,
                   .answer = promise};
        if (waiting_.size() >= options_.waiting_max) {
          refuse(who, "too many questions wait for the database");
        } else {
          waiting_.push_back(std::move(who));
          ask_next();
        }
        return promise;
      },
      [this](tick_atom) {
        refuse_overdue();
        self_->delayed_send(self_, options_.beat, tick_atom_v);
      },
      [this](report_atom) { return report(); },
  };
}

lookup_actor::behavior_type lookup(lookup_actor::stateful_pointer<lookup_state> self,
                                   lookup_options options) {
  return self->state.make_behavior(std::move(options));
}

} // namespace ledgerd
