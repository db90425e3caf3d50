// Fail-stop: an exception that an actor lets escape is a bug, and an actor that is gone leaves work
// undone that nobody notices. The process says so and ends with exit code 70; what it held is
// delivered to another node.
#pragma once

#include <caf/scheduled_actor.hpp>

#include <exception>
#include <string>
#include <type_traits>
#include <utility>

#include "actors/common/measured.hpp"

namespace ledgerd {

// Logs `why` as an error, waits at most a second for the log to be written and ends the process
// with `exit_code::bug` at once: no destructor runs. Any thread.
[[noreturn]] void end_process(const std::string& why);

// What an exception says.
std::string text_of(const std::exception_ptr& thrown);

// From now on an exception that escapes from the actor ends the process.
void stop_process_on_exception(caf::scheduled_actor* self, const char* name);

namespace detail {

template <class Self>
const char* name_of(Self* self) {
  if constexpr (requires { self->state.name; })
    return self->state.name;
  else
    return self->name();
}

template <class Body, class Result, class Self, class... Args>
auto guard(Body body, Result (*)(Self, Args...)) {
  using actor = measured<std::remove_pointer_t<Self>>;
  return [body](actor* self, std::decay_t<Args>... args) -> Result {
    stop_process_on_exception(self, name_of(Self{self}));
    return body(self, std::move(args)...);
  };
}

template <class Body, class Result, class... Args>
auto guard_object(Body body, Result (Body::*)(Args...) const) {
  return guard(std::move(body), static_cast<Result (*)(Args...)>(nullptr));
}

} // namespace detail

// The body of an actor with that handler set, for an actor whose messages are counted and timed:
// every spawn goes through it (a house rule).
template <class Body>
auto guarded(Body body) {
  if constexpr (std::is_pointer_v<Body>)
    return detail::guard(body, body);
  else
    return detail::guard_object(std::move(body), &Body::operator());
}

} // namespace ledgerd
