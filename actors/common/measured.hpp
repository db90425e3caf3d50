// MEASURED: the layer between an actor and CAF that counts and times its messages; see meter.hpp.
// Every actor gets it through `guarded()`, and knows nothing of it.
//
// One locked instruction and, while no message is followed, one reading of the clock for whoever
// sends; one reading for each message, and one more for each turn, for who handles. A kind that
// declares `one_of_many` in its state shares a crowd.
#pragma once

#include <caf/abstract_actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/resumable.hpp>

#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "actors/common/meter.hpp"

namespace ledgerd {

namespace detail {

template <class Impl>
concept has_state = requires(Impl& one) {
  one.state.name;
};

template <class Impl>
std::string_view kind_of() {
  if constexpr (has_state<Impl>)
    return std::remove_reference_t<decltype(std::declval<Impl&>().state)>::name;
  else
    return "actor";
}

template <class Impl>
concept in_crowd = has_state<Impl> && requires(Impl& one) {
  one.state.one_of_many;
};

// Holds the meter of an actor that has one of its own.
class own_meter {
public:
  own_meter(const caf::abstract_actor* of, std::string_view kind)
      : of_(of), meter_(open_meter(of, kind)) {}

  void arrive() noexcept { meter_->arrive(); }
  void run() noexcept { meter_->run(); }
  void begin() noexcept { meter_->begin(); }
  void end() noexcept { meter_->end(); }
  void close() noexcept { close_meter(of_); }

private:
  const void* of_;
  std::shared_ptr<actor_meter> meter_;
};

template <class State>
crowd& crowd_of() {
  static auto* const all = new crowd{State::name};
  return *all;
}

class shared_meter : public crowd_meter {
public:
  template <class Impl>
  static crowd& of() {
    return crowd_of<std::remove_reference_t<decltype(std::declval<Impl&>().state)>>();
  }
  using crowd_meter::crowd_meter;
};

} // namespace detail

// Nothing of an actor may be touched any more once its mailbox is blocked at the end of a turn:
// another thread may have it. So all is noted around the single message.
template <class Impl>
class measured : public Impl {
public:
  template <class... Ts>
  explicit measured(caf::actor_config& config, Ts&&... xs)
      : Impl(config, std::forward<Ts>(xs)...), meter_(make_meter()) {}

  using Impl::consume;
  using Impl::enqueue;

  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* unit) override {
    meter_.arrive();
    Impl::enqueue(std::move(message), unit);
  }

  caf::resumable::resume_result resume(caf::execution_unit* unit,
                                       std::size_t max_throughput) override {
    meter_.run();
    return Impl::resume(unit, max_throughput);
  }

  caf::invoke_message_result consume(caf::mailbox_element& message) override {
    meter_.begin();
    const auto result = Impl::consume(message);
    meter_.end();
    return result;
  }

  bool cleanup(caf::error&& why, caf::execution_unit* unit) override {
    meter_.close();
    return Impl::cleanup(std::move(why), unit);
  }

private:
  using meter_type =
      std::conditional_t<detail::in_crowd<Impl>, detail::shared_meter, detail::own_meter>;

  meter_type make_meter() {
    if constexpr (detail::in_crowd<Impl>)
      return detail::shared_meter{detail::shared_meter::of<Impl>()};
    else
      return detail::own_meter{this, detail::kind_of<Impl>()};
  }

  meter_type meter_;
};

// What its parent calls an actor, for its meter.
template <class Handle>
void name_actor(const Handle& whom, std::string_view kind, std::string_view instance = {}) {
  const caf::abstract_actor* const actor = caf::actor_cast<caf::abstract_actor*>(whom);
  name_meter(actor, kind, instance);
}

} // namespace ledgerd
