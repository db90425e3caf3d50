#include "app/api/submission_api.hpp"

#include <algorithm>

#include "actors/common/span.hpp"
#include "app/base/text.hpp"
#include "app/http/server.hpp"
#include "domain/trace_context.hpp"

namespace ledgerd {

namespace {

// Cuts off and returns what stands before the next `separator` outside quotation marks.
std::string_view next_part(std::string_view& rest, char separator) noexcept {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest.size() && (quoted || rest[end] != separator); ++end) {
    if (quoted && rest[end] == '\\' && end + 1 < rest.size())
      ++end;
    else if (rest[end] == '"')
      quoted = !quoted;
  }
  const auto part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return trimmed(part);
}

// Seconds; a number of any length is read, and cut.
std::optional<std::chrono::seconds> read_wait(std::string_view text) noexcept {
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"'))
    text = text.substr(1, text.size() - 2);
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  text.remove_prefix(std::min(text.find_first_not_of('0'), text.size() - 1));
  const auto longest = prefer_wait_max.count();
  return std::chrono::seconds{text.size() > 2 ? longest
                                              : parse_integer(text, 0, longest).value_or(longest)};
}

constexpr std::size_t tracestate_bytes_max = 512; // which the recommendation asks for at least

bool is_visible(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

} // namespace

call_trace read_call_trace(const std::vector<std::string_view>& parents,
                           const std::vector<std::string_view>& states) {
  if (parents.size() != 1 || !read_traceparent(parents.front())) {
    if (chosen_spans() != span_choice::all)
      return {};
    return {write_traceparent(new_trace_id(), new_span_id(), true), {}};
  }
  call_trace trace{std::string{parents.front()}, {}};
  for (const auto each : states)
    trace.state.append(trace.state.empty() ? "" : ",").append(each);
  if (trace.state.size() > tracestate_bytes_max || !is_visible(trace.state))
    trace.state.clear();
  return trace;
}

std::optional<std::chrono::seconds> preferred_wait(const std::vector<std::string_view>& values) {
  for (auto rest : values)
    while (!rest.empty()) {
      auto preference = next_part(rest, ',');
      auto setting = next_part(preference, ';'); // without parameters, of which `wait` has none
      const auto equals = std::min(setting.find('='), setting.size());
      if (!same_word(trimmed(setting.substr(0, equals)), "wait"))
        continue;
      // Of several the first counts, even if it cannot be read.
      return read_wait(trimmed(setting.substr(std::min(equals + 1, setting.size()))));
    }
  return std::nullopt;
}

api_answer api_problem(int status, std::string_view code, std::string_view detail) {
  return {status, std::string{code}, http_problem(status, code, detail).body, {}};
}

api_answer api_refusal(const rejection& why) {
  return api_problem(why.reason == dead_reason::too_large ? 413 : 400, to_text(why.reason),
                     why.detail);
}

} // namespace ledgerd
