// The head of an HTTP request and its target. Cut anywhere, the scanner says the same; a head that
// is taken leaves no room for another reading of it; targets, hosts and queries are read without a
// slip.
#include <algorithm>
#include <string>

#include "app/http/head.hpp"
#include "app/http/target.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace ledgerd;

constexpr http_head_limits limits{};

struct scanned {
  http_head_scanner::state state = http_head_scanner::state::more;
  std::size_t used = 0;
};

scanned scan(std::string_view text, std::size_t piece) {
  http_head_scanner scanner;
  scanned result;
  while (result.used < text.size() && result.state == http_head_scanner::state::more) {
    std::size_t used = 0;
    result.state = scanner.scan(text.substr(result.used, piece), used);
    demand(used > 0, "the scanner stands still");
    result.used += used;
  }
  return result;
}

std::size_t count_of(const http_head& head, std::string_view wanted) {
  return static_cast<std::size_t>(
      std::count_if(head.headers.begin(), head.headers.end(),
                    [&](const auto& one) { return one.first == wanted; }));
}

void try_target(std::string_view target) {
  const auto question = std::min(target.find('?'), target.size());
  const auto path = target.substr(0, question);
  static const path_pattern routes[] = {path_pattern{"/v1/transactions/{recordId}"},
                                        path_pattern{"/v1/accounts/{user}/transactions"}};
  for (const auto& route : routes)
    if (const auto given = route.parameters(path); route.matches(path) && given)
      for (const auto& [name, value] : *given)
        demand(!name.empty() && !value.empty(), "a parameter of nothing");
  if (const auto values = read_query(target.substr(std::min(question + 1, target.size())), 8))
    demand(values->size() <= 8, "more of a query than is allowed");
}

void try_head(std::string_view text) {
  const auto read = read_http_head(text, limits);
  if (const auto* why = std::get_if<http_refusal>(&read)) {
    demand(why->status >= 400 && why->status < 500 && !why->code.empty() && !why->detail.empty(),
           "a refusal that does not say why");
    return;
  }
  const auto& head = std::get<http_head>(read);
  demand(!head.method.empty() && !head.target.empty(), "a request for nothing");
  demand(count_of(head, "transfer-encoding") == 0, "a transfer encoding is taken");
  demand(count_of(head, "host") <= 1 && count_of(head, "content-length") <= 1,
         "a header that must stand once stands twice");
  demand(head.content_length <= limits.body_bytes && head.headers.size() <= limits.header_count,
         "a limit is not kept");
  demand(head.content_length == 0 || count_of(head, "content-length") == 1,
         "a body of which nobody has spoken");
  for (const auto& [name, value] : head.headers)
    demand((name + value).find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
           "a line end inside a header");
  if (!head.authority.empty()) {
    const auto host = read_host(head.authority);
    demand(host.has_value() && !host->host.empty(), "a host that is none");
    is_loopback(*host);
  }
  // Said again in the plainest way, it means the same.
  std::string again = head.method + " " + head.target + " HTTP/1.1\r\n";
  for (const auto& [name, value] : head.headers)
    again += name + ": " + value + "\r\n";
  const bool ignores_expect = count_of(head, "expect") > 0 && !head.expects_continue;
  if (count_of(head, "host") == 0 || ignores_expect)
    return; // HTTP/1.0
  const auto reread = read_http_head(again + "\r\n", limits);
  const auto* same = std::get_if<http_head>(&reread);
  demand(same != nullptr && same->method == head.method && same->target == head.target
             && same->headers == head.headers && same->content_length == head.content_length,
         "a head means something else when it is said again");
  try_target(head.target);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  const auto whole = scan(text, text.size());
  for (const std::size_t piece : {1, 3})
    if (const auto cut = scan(text, piece); cut.state != whole.state || cut.used != whole.used)
      demand(false, "cut elsewhere, the head ends elsewhere");
  if (whole.state == http_head_scanner::state::complete)
    try_head(text.substr(0, whole.used));
  try_target(text);
  if (const auto host = read_host(text))
    is_loopback(*host);
  if (const auto decoded = percent_decode(text))
    demand(decoded->size() <= text.size(), "more than was written");
  return 0;
}
