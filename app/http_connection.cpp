#include "app/http_connection.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "app/text.hpp"

namespace ledgerd {

namespace {

constexpr auto linger_time = std::chrono::milliseconds{1000};
constexpr std::size_t linger_bytes_max = 1024 * 1024;
constexpr int stop_parsing = 1;

const char* phrase(int status) {
  switch (status) {
#define LEDGERD_PHRASE(number, name, text)                                                         \
  case number:                                                                                     \
    return #text;
    HTTP_STATUS_MAP(LEDGERD_PHRASE)
#undef LEDGERD_PHRASE
  default:
    return "Unknown";
  }
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

void trim(std::string& text) {
  constexpr auto blanks = " \t";
  text.erase(text.find_last_not_of(blanks) + 1);
  text.erase(0, text.find_first_not_of(blanks));
}

std::string_view first_of(const http_values& values, std::string_view wanted) noexcept {
  for (const auto& [name, value] : values)
    if (name == wanted)
      return value;
  return {};
}

std::size_t count_of(const http_values& values, std::string_view wanted) noexcept {
  return static_cast<std::size_t>(std::count_if(
      values.begin(), values.end(), [&](const auto& item) { return item.first == wanted; }));
}

// A response's header must stay one header whatever a value holds.
std::string header_text(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return text;
}

std::string serialize(const http_response& response, bool keep_alive, bool with_body) {
  std::string head =
      "HTTP/1.1 " + std::to_string(response.status) + " " + phrase(response.status) + "\r\n";
  head += "Content-Type: " + header_text(response.content_type) + "\r\n";
  head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  head += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : response.headers)
    head += header_text(name) + ": " + header_text(value) + "\r\n";
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return with_body ? head + response.body : head;
}

} // namespace

std::string_view http_request::header(std::string_view name) const noexcept {
  return first_of(headers, name);
}

std::size_t http_request::header_count(std::string_view name) const noexcept {
  return count_of(headers, name);
}

std::string_view http_request::parameter(std::string_view name) const noexcept {
  return first_of(parameters, name);
}

std::string_view http_request::argument(std::string_view name) const noexcept {
  return first_of(query, name);
}

std::size_t http_request::argument_count(std::string_view name) const noexcept {
  return count_of(query, name);
}

http_response http_problem(int status, std::string_view code, std::string_view detail) {
  const nlohmann::ordered_json body{{"type", "about:blank"},
                                    {"title", phrase(status)},
                                    {"status", status},
                                    {"code", code},
                                    {"detail", detail}};
  constexpr auto replace = nlohmann::ordered_json::error_handler_t::replace;
  http_response problem{
      status, "application/problem+json", body.dump(-1, ' ', false, replace) + "\n", {}};
  if (status == 503)
    problem.headers.emplace_back("Retry-After", "1");
  return problem;
}

http_connection::http_connection(std::shared_ptr<http_service> service,
                                 asio::ip::tcp::socket socket, http_connection_owner& owner)
    : service_{std::move(service)}, socket_{std::move(socket)}, deadline_{service_->io},
      owner_{owner} {
  http_parser_init(&parser_, HTTP_REQUEST);
  parser_.data = this;
}

void http_connection::start() {
  enter(state::header, service_->limits.header_time);
  read();
}

void http_connection::close() {
  if (state_ == state::closed)
    return;
  const auto alive = shared_from_this(); // the owner drops its reference below
  state_ = state::closed;
  deadline_.cancel();
  asio::error_code ignored;
  socket_.close(ignored);
  owner_.closed(*this);
}

void http_connection::work(bool begun) {
  if (std::exchange(at_work_, begun) != begun)
    begun ? owner_.at_work(*this) : owner_.at_rest(*this);
}

// --- what the parser finds

const http_parser_settings& http_connection::callbacks() {
  static const http_parser_settings all = [] {
    http_parser_settings s;
    http_parser_settings_init(&s);
    s.on_message_begin = on_begin;
    s.on_url = on_url;
    s.on_header_field = on_header_field;
    s.on_header_value = on_header_value;
    s.on_headers_complete = on_headers_complete;
    s.on_body = on_body;
    s.on_message_complete = on_complete;
    return s;
  }();
  return all;
}

int http_connection::on_begin(http_parser* parser) {
  auto& c = self(parser);
  c.request_ = {};
  c.target_.clear();
  c.header_bytes_ = 0;
  c.in_value_ = false;
  c.complete_ = false;
  if (c.state_ == state::idle)
    c.enter(state::header, c.service_->limits.header_time);
  return 0;
}

int http_connection::refuse(int status, std::string_view code, std::string_view detail) {
  refusal_ = http_problem(status, code, detail);
  return stop_parsing;
}

int http_connection::count_header(std::size_t bytes) {
  header_bytes_ += bytes;
  if (header_bytes_ <= service_->limits.header_bytes
      && request_.headers.size() <= service_->limits.header_count)
    return 0;
  return refuse(431, "HEADERS_TOO_LARGE",
                "the request line and headers are longer or more than is allowed");
}

int http_connection::on_url(http_parser* parser, const char* data, std::size_t size) {
  auto& c = self(parser);
  c.target_.append(data, size);
  return c.count_header(size);
}

int http_connection::on_header_field(http_parser* parser, const char* data, std::size_t size) {
  auto& c = self(parser);
  if (c.in_value_ || c.request_.headers.empty())
    c.request_.headers.emplace_back();
  c.in_value_ = false;
  c.request_.headers.back().first.append(data, size);
  return c.count_header(size);
}

int http_connection::on_header_value(http_parser* parser, const char* data, std::size_t size) {
  auto& c = self(parser);
  c.in_value_ = true;
  c.request_.headers.back().second.append(data, size);
  return c.count_header(size);
}

int http_connection::on_headers_complete(http_parser* parser) {
  auto& c = self(parser); // below, values of 1 and 2 would have a meaning of their own
  if (parser->http_major != 1)
    return -c.refuse(400, "MALFORMED_REQUEST", "not HTTP/1.1: another version");
  for (auto& [name, value] : c.request_.headers) {
    // The parser lets blanks pass, and what stands before the server may see another header there.
    if (name.find(' ') != std::string::npos)
      return -c.refuse(400, "MALFORMED_REQUEST", "not HTTP/1.1: a header's name holds a blank");
    name = lower(name);
    trim(value);
  }
  c.enter(state::body, c.service_->limits.body_time);
  constexpr auto length_unknown = std::uint64_t(-1);
  if (parser->content_length != length_unknown
      && parser->content_length > c.service_->limits.body_bytes)
    return -c.refuse(413, "TOO_LARGE", "the body is larger than is allowed");
  return 0;
}

int http_connection::on_body(http_parser* parser, const char* data, std::size_t size) {
  auto& c = self(parser);
  if (c.request_.body.size() + size > c.service_->limits.body_bytes)
    return c.refuse(413, "TOO_LARGE", "the body is larger than is allowed");
  c.request_.body.append(data, size);
  return 0;
}

int http_connection::on_complete(http_parser* parser) {
  auto& c = self(parser);
  c.complete_ = true;
  c.keep_alive_ = http_should_keep_alive(parser) != 0 && parser->upgrade == 0;
  http_parser_pause(parser, 1); // the next request waits until this one is answered
  return 0;
}

// --- reading

void http_connection::enter(state next, std::chrono::milliseconds limit) {
  state_ = next;
  deadline_.expires_after(limit);
  deadline_.async_wait([self = shared_from_this()](const asio::error_code& error) {
    // A wait that ended while its successor was being set is not the present one.
    if (!error && self->deadline_.expiry() <= asio::steady_timer::clock_type::now())
      self->overdue();
  });
}

void http_connection::overdue() {
  switch (state_) {
  case state::header:
  case state::body:
    keep_alive_ = false;
    return write(http_problem(408, "REQUEST_TIMEOUT", "the request did not arrive in time"));
  case state::handling:
    return write(http_problem(503, "UNAVAILABLE", "no answer in time"));
  default:
    return close();
  }
}

void http_connection::read() {
  socket_.async_read_some(
      asio::buffer(buffer_),
      [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
        const auto now = self->state_;
        if (now != state::idle && now != state::header && now != state::body)
          return; // refused or closed meanwhile
        if (error)
          return self->close();
        self->begin_ = 0;
        self->end_ = size;
        self->consume();
      });
}

void http_connection::consume() {
  const auto available = end_ - begin_;
  begin_ += http_parser_execute(&parser_, &callbacks(), buffer_.data() + begin_, available);
  const auto error = HTTP_PARSER_ERRNO(&parser_);
  if (complete_ && error == HPE_PAUSED)
    return dispatch();
  if (error == HPE_OK)
    return read();
  keep_alive_ = false;
  if (error == HPE_HEADER_OVERFLOW)
    refuse(431, "HEADERS_TOO_LARGE", "the request line and headers are longer than is allowed");
  if (!refusal_)
    refuse(400, "MALFORMED_REQUEST", std::string{"not HTTP/1.1: "} + http_errno_description(error));
  write(*std::exchange(refusal_, std::nullopt));
}

void http_connection::dispatch() {
  enter(state::handling, service_->limits.handle_time);
  complete_ = false;
  const auto number = ++request_number_;
  const std::string_view target{target_};
  const auto question = std::min(target.find('?'), target.size());
  const auto path = target.substr(0, question);
  request_.method = http_method_str(static_cast<http_method>(parser_.method));
  request_.path = path;
  http_response otherwise;
  const auto handle =
      find_handler(path, target.substr(std::min(question + 1, target.size())), otherwise);
  if (!handle)
    return write(otherwise);
  work(true);
  // Holds no strong reference: an answer that comes after the end must not keep the connection's
  // io_context alive.
  const auto respond = [weak = weak_from_this(), number](http_response response) {
    if (const auto self = weak.lock())
      asio::post(self->service_->io, [weak, number, response = std::move(response)] {
        if (const auto again = weak.lock())
          again->answer(number, response);
      });
  };
  try {
    handle(request_, respond);
  } catch (const std::exception& e) {
    // What went wrong inside is for the log, not for whoever asked.
    spdlog::error("http: {} {}: {}", request_.method, escape_controls(request_.path), e.what());
    write(
        http_problem(500, "INTERNAL", "the request met a fault of this server; its log says more"));
  }
}

http_handler http_connection::find_handler(std::string_view path, std::string_view query,
                                           http_response& otherwise) {
  const auto wanted = request_.method == "HEAD" ? "GET" : request_.method;
  std::string allowed;
  for (const auto& [route, pattern] : service_->routes) {
    if (!pattern.matches(path))
      continue;
    if (route.method != wanted) {
      allowed +=
          (allowed.empty() ? "" : ", ") + route.method + (route.method == "GET" ? ", HEAD" : "");
      continue;
    }
    auto parameters = pattern.parameters(path);
    auto arguments = read_query(query, service_->limits.query_count);
    if (parameters && arguments) {
      request_.parameters = *std::move(parameters);
      request_.query = *std::move(arguments);
      return route.handle;
    }
    otherwise = http_problem(400, "INVALID_FIELD",
                             parameters ? "the query holds too many names, or a percent sign "
                                          "without two hexadecimal digits"
                                        : "the path holds a percent sign without two "
                                          "hexadecimal digits");
    return {};
  }
  if (allowed.empty()) {
    otherwise = http_problem(404, "NOT_FOUND", "there is nothing under this path");
  } else {
    otherwise = http_problem(405, "METHOD_NOT_ALLOWED", "this path allows " + allowed);
    otherwise.headers.emplace_back("Allow", allowed);
  }
  return {};
}

// --- answering

void http_connection::answer(std::uint64_t request_number, const http_response& response) {
  if (state_ == state::handling && request_number == request_number_)
    write(response);
}

void http_connection::write(const http_response& response) {
  work(false);
  output_ = serialize(response, keep_alive_, request_.method != "HEAD");
  enter(state::writing, service_->limits.write_time);
  asio::async_write(socket_, asio::buffer(output_),
                    [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                      if (self->state_ != state::writing)
                        return;
                      error ? self->close() : self->written();
                    });
}

void http_connection::written() {
  if (!keep_alive_)
    return linger();
  enter(state::idle, service_->limits.idle_time);
  request_ = {}; // an idle connection keeps no memory of what it has done
  output_ = {};
  http_parser_pause(&parser_, 0);
  begin_ < end_ ? consume() : read();
}

// Closing with unread bytes would reset the connection, and the peer might lose the answer: says
// that nothing more comes, and reads what is still under way, within limits.
void http_connection::linger() {
  asio::error_code ignored;
  if (state_ != state::lingering) {
    socket_.cancel(ignored);
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    enter(state::lingering, linger_time);
  }
  socket_.async_read_some(
      asio::buffer(buffer_),
      [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
        if (self->state_ != state::lingering)
          return; // closed meanwhile
        self->discarded_ += size;
        if (error || self->discarded_ > linger_bytes_max)
          self->close();
        else
          self->linger();
      });
}

} // namespace ledgerd
