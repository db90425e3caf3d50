#include "app/http/head.hpp"

#include <algorithm>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>
#include <limits>
#include <optional>

#include "app/base/text.hpp"

namespace ledgerd {

namespace {

namespace beast = boost::beast::http;

using parser = beast::request_parser<beast::empty_body>;

http_refusal malformed(const std::string& why) {
  return {400, "MALFORMED_REQUEST", "not HTTP/1.1: " + why};
}

std::string lower(std::string_view text) {
  std::string result{text};
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

// Before anything else, so that it does not matter what else is wrong with such a request: a body
// whose length is not said beforehand is not taken, and nobody can disagree about where it ends.
bool has_transfer_encoding(std::string_view text) {
  for (auto at = text.find("\r\n"); at != std::string_view::npos; at = text.find("\r\n", at + 2)) {
    const auto line = text.substr(at + 2);
    if (same_word(trimmed(line.substr(0, line.find_first_of(":\r"))), "transfer-encoding"))
      return true;
  }
  return false;
}

const std::string* only(const http_values& headers, std::string_view wanted, std::size_t& count) {
  const std::string* found = nullptr;
  count = 0;
  for (const auto& [name, value] : headers)
    if (name == wanted && ++count == 1)
      found = &value;
  return found;
}

std::optional<http_refusal> read_length(http_head& head, const http_head_limits& limits) {
  std::size_t count = 0;
  const auto* length = only(head.headers, "content-length", count);
  if (length == nullptr)
    return std::nullopt;
  std::uint64_t value = 0;
  const auto* end = length->data() + length->size();
  const auto read = std::from_chars(length->data(), end, value);
  const bool whole = read.ptr == end && !length->empty();
  if (count > 1 || !whole || (read.ec != std::errc{} && read.ec != std::errc::result_out_of_range))
    return malformed("Content-Length must stand once, in digits");
  if (read.ec != std::errc{} || value > limits.body_bytes)
    return http_refusal{413, "TOO_LARGE", "the body is larger than is allowed"};
  head.content_length = value;
  return std::nullopt;
}

std::optional<http_refusal> read_expectation(http_head& head, bool is_1_0) {
  std::size_t count = 0;
  const auto* expect = only(head.headers, "expect", count);
  if (expect == nullptr || is_1_0)
    return std::nullopt;
  if (count > 1 || !same_word(*expect, "100-continue"))
    return http_refusal{417, "EXPECTATION_FAILED", "only 100-continue can be expected"};
  head.expects_continue = true;
  return std::nullopt;
}

// The target in origin form, and whom the request is for: the authority of a target in absolute
// form stands above the header.
std::optional<http_refusal> read_authority(http_head& head, bool is_1_0) {
  std::size_t count = 0;
  const auto* host = only(head.headers, "host", count);
  if (count > 1 || (count == 0 && !is_1_0))
    return malformed("the header Host must stand exactly once");
  if (host != nullptr && !host->empty()
      && !read_host(*host)) // also where the target stands above it
    return malformed("the host is none");
  if (host != nullptr)
    head.authority = *host;
  const auto scheme_end = head.target.find("://");
  if (scheme_end != std::string::npos && head.target.front() != '/') {
    const auto scheme = std::string_view{head.target}.substr(0, scheme_end);
    if (!same_word(scheme, "http") && !same_word(scheme, "https"))
      return malformed("the target has another scheme");
    auto rest = head.target.substr(scheme_end + 3);
    const auto path = std::min(rest.find_first_of("/?"), rest.size());
    head.authority = rest.substr(0, path);
    head.target =
        path < rest.size() && rest[path] == '/' ? rest.substr(path) : "/" + rest.substr(path);
    if (head.authority.empty())
      return malformed("the target names no host");
  }
  if (!head.authority.empty() && !read_host(head.authority))
    return malformed("the host is none");
  return std::nullopt;
}

} // namespace

http_head_scanner::state http_head_scanner::scan(std::string_view bytes, std::size_t& used) {
  for (used = 0; used < bytes.size();) {
    const char c = bytes[used++];
    const char before = std::exchange(last_, c);
    if (c == '\n') {
      if (before != '\r')
        return state::broken;
      if (line_ == 0 && lines_ > 0)
        return state::complete;
      if (line_ == 0 && std::exchange(blank_, true))
        return state::broken;
      lines_ += line_ > 0 ? 1 : 0;
      line_ = 0;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = (byte < ' ' && c != '\t' && c != '\r') || byte == 0x7f;
    const bool folds = line_ == 0 && (c == ' ' || c == '\t');
    if (before == '\r' || is_control || folds)
      return state::broken;
    line_ += c == '\r' ? 0 : 1;
  }
  return state::more;
}

std::variant<http_head, http_refusal> read_http_head(std::string_view text,
                                                     const http_head_limits& limits) {
  if (text.starts_with("\r\n")) // the scanner allows one, as RFC 9112 recommends
    text.remove_prefix(2);
  if (has_transfer_encoding(text))
    return http_refusal{411, "LENGTH_REQUIRED",
                        "a Transfer-Encoding is not taken: say the body's length beforehand"};
  parser reader;
  reader.header_limit(std::numeric_limits<std::uint32_t>::max());
  reader.body_limit(std::numeric_limits<std::uint64_t>::max());
  boost::beast::error_code error;
  const auto used = reader.put(boost::asio::buffer(text.data(), text.size()), error);
  // A body that is announced too large for a counter is for `read_length` to refuse.
  if (error || used != text.size() || !reader.is_header_done())
    return malformed(error ? error.message() : "the head does not end where it should");
  const auto& message = reader.get();
  http_head head;
  head.method = std::string{message.method_string()};
  head.target = std::string{message.target()};
  head.keep_alive = reader.keep_alive() && !reader.upgrade();
  for (const auto& field : message) {
    if (head.headers.size() == limits.header_count)
      return http_refusal{431, "HEADERS_TOO_LARGE", "there are more headers than is allowed"};
    head.headers.emplace_back(lower({field.name_string().data(), field.name_string().size()}),
                              std::string{trimmed({field.value().data(), field.value().size()})});
  }
  const bool is_1_0 = message.version() == 10;
  if (is_1_0)
    head.keep_alive = false;
  for (auto&& fault :
       {read_authority(head, is_1_0), read_length(head, limits), read_expectation(head, is_1_0)})
    if (fault)
      return *fault;
  return head;
}

} // namespace ledgerd
