// The children of a root, in the order in which it spawned them. Everything a root does with its
// children follows from this one list: the roll call and the pulse, the report, the draining, and
// the stop, which goes backwards, so that whoever needs another ends before him. A child that ends
// by itself ends the process.
#pragma once

#include <caf/actor_cast.hpp>
#include <caf/scheduled_actor.hpp>
#include <caf/system_messages.hpp>
#include <caf/typed_response_promise.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/common/fail_stop.hpp"
#include "actors/common/progress.hpp"
#include "actors/common/protocol.hpp"
#include "domain/assert.hpp"

namespace ledgerd {

// What a child is called, and what its root does with it beside watching it.
struct child_role {
  std::string kind;          // such as "fetcher"
  std::string instance = {}; // which of them; empty: the only one
  duty what = duty::moves_money;
  bool reports = true; // its report is part of the root's

  std::string who() const { return instance.empty() ? kind : kind + " " + instance; }
};

struct child {
  child_role role;
  reporting_actor handle;
  pulsed_actor pulsed;     // null: it takes nothing from outside that another node could take
  drainable_actor drains;  // null: it holds nothing that must be finished first
  reporting_parent parent; // null: it has no actors of its own that report
};

// Collects `left` answers into one.
template <class Result>
struct gathering {
  caf::typed_response_promise<Result> promise;
  Result all{};
  std::size_t left = 0;
};

// Belongs to a root's state. `Self` is the root's pointer.
template <class Self>
class child_list {
public:
  // Called once, before anything else. The board may be null.
  void begin(Self self, std::string side, std::shared_ptr<progress_board> board) {
    self_ = self;
    side_ = std::move(side);
    board_ = std::move(board);
    self->set_down_handler([this](caf::scheduled_actor*, caf::down_msg&) {
      if (!stopping_)
        end_process("bug: an actor of the " + side_
                    + " side ended; the process ends, its work goes to another node");
    });
  }

  // Called as soon as the child is spawned. What its interface allows is asked of it.
  template <class Handle>
  Handle add(Handle spawned, child_role role) {
    self_->monitor(spawned);
    name_actor(spawned, role.kind, role.instance);
    calls_.add(role.who(), role.what);
    children_.push_back({std::move(role), spawned, as<pulsed_actor>(spawned),
                         as<drainable_actor>(spawned), as<reporting_parent>(spawned)});
    return spawned;
  }

  // In the order of spawning.
  const std::vector<child>& all() const { return children_; }

  // Once in every `roll_call_pause`: asks for progress, and says whether the side makes any. What
  // stands still must not be held on to, nor must more be taken.
  bool call_the_roll() {
    const auto now = self_->clock().now();
    for (std::size_t number = 0; number < children_.size(); ++number)
      if (calls_.may_ask(number))
        ask_progress(number, now);
    auto standing = calls_.standing(now);
    const bool moving = std::none_of(standing.begin(), standing.end(), [](const auto& each) {
      return each.what == duty::moves_money && halts_the_rest(each.wait);
    });
    if (board_ && !stopping_)
      board_->note(side_, std::move(standing), now);
    if (moving && calls_.hesitates(now))
      return moving; // said is nothing: the last word about moving runs out
    for (const auto& each : children_)
      if (each.pulsed)
        self_->send(each.pulsed, pulse_atom_v, moving);
    return moving;
  }

  // Those of all children, and of their own actors. One that takes longer than a second gets an
  // empty report, so that nobody takes the sum of the others for the whole.
  caf::typed_response_promise<std::vector<actor_report>> report() {
    using reports = std::vector<actor_report>;
    const auto into = gather<reports>([](const child& each) { return each.role.reports; });
    for (const auto& each : children_)
      into->left += each.parent ? 1 : 0;
    const auto add = [into](reports some) {
      std::move(some.begin(), some.end(), std::back_inserter(into->all));
      if (--into->left == 0)
        into->promise.deliver(std::move(into->all));
    };
    constexpr std::chrono::seconds patience{1};
    for (const auto& each : children_) {
      const auto silent = [add, role = each.role](const caf::error&) {
        add(reports(1, silent_report(role.kind, role.instance)));
      };
      if (each.role.reports)
        self_->request(each.handle, patience, report_atom_v)
            .then([add](actor_report& one) { add({std::move(one)}); }, silent);
      if (each.parent)
        self_->request(each.parent, patience, reports_atom_v).then(add, silent);
    }
    return into->promise;
  }

  // Has all drain that hold something, then stops, and the root ends.
  caf::typed_response_promise<drain_summary> drain(std::int64_t deadline_ms) {
    const auto into = gather<drain_summary>([](const child& each) { return bool{each.drains}; });
    const auto add = [this, into](const drain_summary& part) {
      into->all.settled += part.settled;
      into->all.handed_back += part.handed_back;
      if (--into->left > 0)
        return;
      into->promise.deliver(into->all);
      stop();
    };
    for (const auto& each : children_)
      if (each.drains)
        self_->request(each.drains, caf::infinite, drain_atom_v, deadline_ms)
            .then(add, [add](const caf::error&) { add({}); });
    return into->promise;
  }

private:
  template <class Role, class Handle>
  static Role as(const Handle& whom) {
    if constexpr (caf::detail::tl_subset_of<typename Role::signatures,
                                            typename Handle::signatures>::value)
      return whom;
    else
      return {};
  }

  template <class Result, class Wanted>
  std::shared_ptr<gathering<Result>> gather(Wanted wanted) {
    auto result = std::make_shared<gathering<Result>>();
    result->promise = self_->template make_response_promise<Result>();
    result->left =
        static_cast<std::size_t>(std::count_if(children_.begin(), children_.end(), wanted));
    LEDGERD_ASSERT(result->left > 0);
    return result;
  }

  void ask_progress(std::size_t number, progress_time now) {
    calls_.asked(number, now);
    self_->request(children_[number].handle, caf::infinite, report_atom_v)
        .then(
            [this, number](const actor_report& got) {
              calls_.answered(number, self_->clock().now(), got.wait);
            },
            [](const caf::error&) {}); // its end has been noticed
  }

  void stop() {
    stopping_ = true;
    if (board_)
      board_->leave(side_);
    for (auto each = children_.rbegin(); each != children_.rend(); ++each)
      self_->send_exit(each->handle, caf::exit_reason::user_shutdown);
    self_->quit();
  }

  Self self_ = nullptr;
  std::string side_;
  std::shared_ptr<progress_board> board_;
  std::vector<child> children_;
  roll_call calls_;
  bool stopping_ = false; // from now on children may end
};

} // namespace ledgerd
