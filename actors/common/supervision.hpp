// The children of a root: watched, asked for their progress, and never gone unnoticed.
#pragma once

#include <caf/scheduled_actor.hpp>
#include <caf/system_messages.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/common/fail_stop.hpp"
#include "actors/common/progress.hpp"
#include "actors/common/protocol.hpp"

namespace ledgerd {

// Belongs to a root's state, under the name `children`. `Self` is the root's pointer.
template <class Self>
class supervision {
public:
  // Called once, before anything else. The board may be null.
  void begin(Self self, std::string side, std::shared_ptr<progress_board> board) {
    side_ = std::move(side);
    board_ = std::move(board);
    self->set_down_handler([this](caf::scheduled_actor*, caf::down_msg&) {
      if (!stopping_)
        end_process("bug: an actor of the " + side_
                    + " side ended; the process ends, its work goes to another node");
    });
  }

  template <class Handle>
  void add(Self self, const Handle& child, std::string who, duty what = duty::moves_money) {
    self->monitor(child);
    const auto index = calls_.add(std::move(who), what);
    ask_.push_back([this, self, child, index] {
      self->request(child, caf::infinite, report_atom_v)
          .then(
              [this, self, index](const actor_report& got) {
                calls_.answered(index, self->clock().now(), got.wait);
              },
              [](const caf::error&) {}); // its end has been noticed
    });
  }

  // Once in every `roll_call_pause`. Returns whether the side makes progress.
  bool call(Self self) {
    const auto now = self->clock().now();
    for (std::size_t child = 0; child < ask_.size(); ++child) {
      if (!calls_.may_ask(child))
        continue;
      calls_.asked(child, now);
      ask_[child]();
    }
    auto standing = calls_.standing(now);
    const bool moving = std::none_of(standing.begin(), standing.end(), [](const auto& each) {
      return each.what == duty::moves_money;
    });
    if (board_ && !stopping_)
      board_->note(side_, std::move(standing), now);
    return moving;
  }

  // From now on children may end.
  void stop() {
    stopping_ = true;
    if (board_)
      board_->leave(side_);
  }

private:
  std::string side_;
  std::shared_ptr<progress_board> board_;
  roll_call calls_;
  std::vector<std::function<void()>> ask_;
  bool stopping_ = false;
};

} // namespace ledgerd
