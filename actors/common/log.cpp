#include "actors/common/log.hpp"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <spdlog/async.h>
#include <spdlog/spdlog.h>

#include "domain/line_budget.hpp"
#include "domain/log_throttle.hpp"

namespace ledgerd {

namespace {

spdlog::level::level_enum library_level(log_level level) {
  switch (level) {
  case log_level::debug:
    return spdlog::level::debug;
  case log_level::info:
    return spdlog::level::info;
  case log_level::warn:
    return spdlog::level::warn;
  case log_level::error:
    break;
  }
  return spdlog::level::err;
}

using change_tap = std::shared_ptr<const std::function<void(const log_change&)>>;

// For the process, like the log itself.
struct shared_state {
  std::mutex mutex;
  line_budget budget{log_events.size()};
  std::vector<std::string> last_error{log_events.size()}; // of those left out, by event
  std::uint64_t overruns_told = 0;
  change_tap tap;
};

shared_state& shared() {
  static auto* const state = new shared_state; // threads may log until the very end
  return *state;
}

// As line_budget says it.
std::optional<std::uint64_t> admit(const log_event_row& row) {
  const auto kind = static_cast<std::size_t>(row.event);
  const std::lock_guard lock(shared().mutex);
  auto admitted = shared().budget.admit(kind, row.lines, std::chrono::steady_clock::now());
  if (admitted)
    shared().last_error.at(kind).clear();
  return admitted;
}

void keep_error(log_event event, const std::string& sentence) {
  const std::lock_guard lock(shared().mutex);
  shared().last_error.at(static_cast<std::size_t>(event)) = sentence;
}

void hand_on(spdlog::logger& logger, const log_event_row& row, const std::string& sentence,
             std::initializer_list<log_field> fields) {
  auto line = sentence;
  for (const auto& field : fields)
    append_log_field(line, field);
  logger.log(spdlog::source_loc{"", static_cast<int>(sentence.size()), row.code.data()},
             library_level(row.level), spdlog::string_view_t(line.data(), line.size()));
}

void tell_tap(log_event event, const std::string& sentence) {
  change_tap tap;
  {
    const std::lock_guard lock(shared().mutex);
    tap = shared().tap;
  }
  if (!tap)
    return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  (*tap)({std::chrono::duration_cast<std::chrono::microseconds>(now).count(), event, sentence});
}

void tell_overruns() {
  const auto pool = spdlog::thread_pool();
  if (!pool)
    return;
  const std::uint64_t overruns = pool->overrun_counter();
  std::uint64_t told = 0;
  {
    const std::lock_guard lock(shared().mutex);
    told = std::exchange(shared().overruns_told, overruns);
  }
  if (overruns > told)
    log(log_event::lines_overrun, {{"count", overruns - told}},
        "{} lines were dropped, since whoever reads the log is too slow", overruns - told);
}

struct silence {
  const log_event_row& row;
  std::uint64_t count;
  std::string last; // of errors
};

void tell(const silence& what) {
  const auto code = what.row.code;
  if (what.row.level == log_level::error)
    log(log_event::errors_left_out, {{"of", code}, {"count", what.count}, {"last", what.last}},
        "{} more lines of {} were left out, the last: {}", what.count, code, what.last);
  else
    log(log_event::lines_left_out, {{"of", code}, {"count", what.count}},
        "{} more lines of {} were left out", what.count, code);
}

std::vector<silence> take_left_out(line_budget::time_point now) {
  std::vector<silence> taken;
  const std::lock_guard lock(shared().mutex);
  for (const auto& [kind, count] : shared().budget.overdue(now))
    taken.push_back({log_events.at(kind), count, std::exchange(shared().last_error.at(kind), {})});
  return taken;
}

} // namespace

void append_log_field(std::string& to, const log_field& field) {
  // A zero byte ends each part, so none may stand in a text.
  const auto put = [&](std::string_view text) {
    for (const char c : text)
      to += c == '\0' ? ' ' : c;
    to += '\0';
  };
  if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
    to += 'n';
    put(field.name);
    put(std::to_string(*number));
  } else if (const auto* truth = std::get_if<bool>(&field.value)) {
    to += 'b';
    put(field.name);
    put(*truth ? "1" : "0");
  } else {
    to += 't';
    put(field.name);
    put(std::get<std::string_view>(field.value));
  }
}

std::vector<log_field> read_log_fields(std::string_view packed) {
  std::vector<log_field> fields;
  while (packed.size() > 1) {
    const char kind = packed.front();
    const auto name_end = packed.find('\0', 1);
    const auto value_end =
        name_end == std::string_view::npos ? name_end : packed.find('\0', name_end + 1);
    if (value_end == std::string_view::npos)
      break;
    const auto name = packed.substr(1, name_end - 1);
    const auto value = packed.substr(name_end + 1, value_end - name_end - 1);
    if (kind == 'n')
      fields.emplace_back(name, static_cast<std::int64_t>(std::strtoll(value.data(), nullptr, 10)));
    else if (kind == 'b')
      fields.emplace_back(name, value == "1");
    else
      fields.emplace_back(name, value);
    packed.remove_prefix(value_end + 1);
  }
  return fields;
}

void write_log(log_event event, std::initializer_list<log_field> fields, fmt::string_view sentence,
               fmt::format_args values) noexcept {
  try {
    const auto& row = row_of(event);
    auto* logger = spdlog::default_logger_raw();
    const bool written = logger != nullptr && logger->should_log(library_level(row.level));
    if (!written && !row.change)
      return;
    const auto admitted = written && row.lines > 0 ? admit(row) : std::optional<std::uint64_t>{0};
    if (!admitted && row.level != log_level::error)
      return;
    const auto text = fmt::vformat(sentence, values);
    if (!admitted)
      return keep_error(event, text);
    if (row.change)
      tell_tap(event, text);
    if (written)
      hand_on(*logger, row, text + left_out_text(*admitted), fields);
  } catch (...) { // no memory: the line is lost, and whoever logs goes on
  }
}

void on_change(std::function<void(const log_change&)> tap) {
  auto next = tap ? std::make_shared<const std::function<void(const log_change&)>>(std::move(tap))
                  : nullptr;
  const std::lock_guard lock(shared().mutex);
  shared().tap = std::move(next);
}

void tell_left_out(left_out which) noexcept {
  try {
    tell_overruns();
    const auto now =
        which == left_out::all ? line_budget::time_point::max() : std::chrono::steady_clock::now();
    for (const auto& each : take_left_out(now))
      tell(each);
  } catch (...) { // as above
  }
}

} // namespace ledgerd
