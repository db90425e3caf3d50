#include "tests/support/failpoints.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <list>
#include <new>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include "domain/failpoint.hpp"
#include "tests/support/failing_allocation.hpp"

namespace ledgerd::test {

namespace {

enum class deed { kill, raise, hang, delay, drop };

constexpr std::string_view allocation = "allocation";

struct rule {
  std::string name;
  deed what = deed::kill;
  std::string text; // of what happens
  std::chrono::milliseconds delay{0};
  std::uint64_t first = 1;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  std::atomic<std::uint64_t> times = 0;
};

// Never changed once the handler is set.
std::list<rule>& rules() {
  static std::list<rule> all;
  return all;
}

const failpoint_row* find(std::string_view name) {
  const auto found = std::find_if(std::begin(failpoints), std::end(failpoints),
                                  [&](const auto& each) { return each.name == name; });
  return found == std::end(failpoints) ? nullptr : found;
}

bool read_number(std::string_view text, std::uint64_t& result) {
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, result);
  return read.ec == std::errc{} && read.ptr == end;
}

bool read_when(std::string_view text, rule& into) {
  const auto dots = text.find("..");
  if (!read_number(text.substr(0, dots), into.first) || into.first == 0)
    return false;
  if (dots == text.npos)
    into.last = into.first;
  else if (const auto last = text.substr(dots + 2); !last.empty())
    return read_number(last, into.last) && into.last >= into.first;
  return true;
}

bool read_deed(std::string_view text, rule& into) {
  into.text = text;
  std::uint64_t milliseconds = 0;
  if (text == "kill")
    into.what = deed::kill;
  else if (text == "throw")
    into.what = deed::raise;
  else if (text == "hang")
    into.what = deed::hang;
  else if (text == "drop")
    into.what = deed::drop;
  else if (text.starts_with("delay(") && text.ends_with(")")
           && read_number(text.substr(6, text.size() - 7), milliseconds)) {
    into.what = deed::delay;
    into.delay = std::chrono::milliseconds{milliseconds};
  } else {
    return false;
  }
  return true;
}

std::string read_rule(std::string_view text, rule& into) {
  const auto fault = [&](const std::string& why) { return "`" + std::string{text} + "`: " + why; };
  const auto sign = text.find('=');
  if (sign == text.npos)
    return fault("must be NAME=DEED or NAME=DEED@WHEN");
  into.name = text.substr(0, sign);
  const auto rest = text.substr(sign + 1);
  const auto at = rest.find('@');
  const auto* row = find(into.name);
  if (row == nullptr && into.name != allocation)
    return fault("there is no failpoint of that name");
  if (!read_deed(rest.substr(0, at), into))
    return fault("what happens must be kill, throw, hang, delay(MS) or drop");
  if (at != rest.npos && !read_when(rest.substr(at + 1), into))
    return fault("when must be @N, @N.. or @N..M, counted from 1");
  if (row == nullptr && into.what != deed::raise)
    return fault("an allocation can only throw");
  if (row != nullptr && into.what == deed::drop && !row->drops)
    return fault("this step cannot be dropped");
  return {};
}

// Straight to the file: it must be there when the process ends the next moment.
void say(const rule& one, std::uint64_t time) {
  char line[160];
  const auto size =
      std::snprintf(line, sizeof line, "failpoint %s: %s, time %llu\n", one.name.c_str(),
                    one.text.c_str(), static_cast<unsigned long long>(time));
  if (write(STDERR_FILENO, line, static_cast<std::size_t>(size)) < 0)
    return;
}

// Whether the step is dropped.
bool play(const rule& one) {
  switch (one.what) {
  case deed::kill:
    kill(getpid(), SIGKILL);
    break;
  case deed::raise:
    throw std::runtime_error{"the failpoint " + one.name};
  case deed::hang:
    for (;;)
      std::this_thread::sleep_for(std::chrono::hours{1});
  case deed::delay:
    std::this_thread::sleep_for(one.delay);
    break;
  case deed::drop:
    return true;
  }
  return false;
}

bool handle(std::string_view name) {
  bool dropped = false;
  for (auto& each : rules()) {
    if (each.name != name)
      continue;
    const auto time = ++each.times;
    if (time < each.first || time > each.last)
      continue;
    if (time == each.first)
      say(each, time);
    dropped = play(each) || dropped;
  }
  return dropped;
}

bool allocation_fails() {
  for (auto& each : rules())
    if (each.name == allocation)
      if (const auto time = ++each.times; time >= each.first && time <= each.last) {
        if (time == each.first)
          say(each, time);
        return true;
      }
  return false;
}

} // namespace

std::string arm_failpoints(std::string_view text) {
  std::list<rule> read;
  while (!text.empty()) {
    const auto end = std::min(text.find(';'), text.size());
    if (auto why = read_rule(text.substr(0, end), read.emplace_back()); !why.empty())
      return why;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  rules().swap(read);
  on_failpoint = handle;
  if (std::any_of(rules().begin(), rules().end(),
                  [](const rule& each) { return each.name == allocation; }))
    on_allocation = allocation_fails;
  return {};
}

} // namespace ledgerd::test
