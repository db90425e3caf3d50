#include "app/http/connection.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "actors/common/log.hpp"
#include "app/base/text.hpp"
#include "app/http/refusals.hpp"
#include "domain/release.hpp"

namespace ledgerd {

namespace {

constexpr auto linger_time = std::chrono::milliseconds{1000};
constexpr std::size_t linger_bytes_max = 1024 * 1024;

// Of the statuses that this program answers with.
const char* phrase(int status) {
  constexpr std::pair<int, const char*> phrases[] = {
      {200, "OK"},
      {202, "Accepted"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {413, "Payload Too Large"},
      {415, "Unsupported Media Type"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {503, "Service Unavailable"},
  };
  for (const auto& [number, text] : phrases)
    if (number == status)
      return text;
  return "Unknown";
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

// RFC 9110, section 5.6.7; not strftime, whose names are the locale's.
std::string http_date(std::time_t now) {
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm t{};
  gmtime_r(&now, &t);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
                t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  return text;
}

std::string serialize(const http_response& response, const std::string& date, bool keep_alive,
                      bool with_body) {
  std::string head =
      "HTTP/1.1 " + std::to_string(response.status) + " " + phrase(response.status) + "\r\n";
  head += "Date: " + date + "\r\n";
  if (response.status != 304) { // which speaks of a body that the client has
    head += "Content-Type: " + header_text(response.content_type) + "\r\n";
    if (!response.stream) // whose end is that of the connection
      head += "Content-Length: " + std::to_string(response.body.size()) + "\r\n";
  }
  if (count_of(response.headers, "Cache-Control") == 0)
    head += "Cache-Control: no-store\r\n";
  head += "X-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : response.headers)
    head += header_text(name) + ": " + header_text(value) + "\r\n";
  head += keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return with_body ? head + response.body : head;
}

} // namespace

std::string_view http_request::header(std::string_view name) const noexcept {
  return first_of(headers, name);
}

std::vector<std::string_view> http_request::values(std::string_view name) const {
  std::vector<std::string_view> result;
  for (const auto& [each, value] : headers)
    if (each == name)
      result.push_back(value);
  return result;
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
  problem.code = code;
  if (status == 503)
    problem.headers.emplace_back("Retry-After", "1");
  return problem;
}

const std::string& http_service::date() {
  if (const auto now = std::time(nullptr); std::exchange(date_second_, now) != now)
    date_ = http_date(now);
  return date_;
}

http_connection::http_connection(std::shared_ptr<http_service> service,
                                 asio::ip::tcp::socket socket,
                                 std::shared_ptr<http_certificate> certificate, std::string peer,
                                 http_connection_owner& owner)
    : service_{std::move(service)}, socket_{std::move(socket), std::move(certificate)},
      deadline_{service_->io}, peer_{std::move(peer)}, owner_{owner} {}

void http_connection::start() {
  if (socket_.is_secure())
    return shake_hands();
  enter(state::header, service_->limits.header_time);
  read();
}

// A client that does not speak TLS, or keeps silent, gets no word: there is none that it could
// read.
void http_connection::shake_hands() {
  enter(state::handshake, service_->limits.handshake_time);
  socket_.async_handshake([self = shared_from_this()](const asio::error_code& error) {
    if (self->state_ != state::handshake)
      return; // closed meanwhile
    if (error)
      return self->close();
    self->enter(state::header, self->service_->limits.header_time);
    self->read();
  });
}

void http_connection::close() {
  if (state_ == state::closed)
    return;
  const auto alive = shared_from_this(); // the owner drops its reference below
  state_ = state::closed;
  deadline_.cancel();
  socket_.close();
  stream_.reset(); // by which its route sees that nobody reads it
  owner_.closed(*this);
}

void http_connection::rest() {
  if (std::exchange(at_work_, false))
    owner_.at_rest(*this);
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
  if (state_ == state::idle || state_ == state::header)
    consume_head();
  if (state_ != state::body)
    return;
  const auto size = std::min(body_missing_, end_ - begin_);
  request_.body.append(buffer_.data() + begin_, size);
  begin_ += size;
  body_missing_ -= size;
  body_missing_ == 0 ? dispatch() : read();
}

void http_connection::consume_head() {
  if (state_ == state::idle)
    enter(state::header, service_->limits.header_time);
  std::size_t used = 0;
  const std::string_view bytes{buffer_.data() + begin_, end_ - begin_};
  const auto found = scanner_.scan(bytes, used);
  head_text_.append(bytes.substr(0, used));
  begin_ += used;
  if (head_text_.size() > service_->limits.header_bytes)
    return refuse(431, "HEADERS_TOO_LARGE",
                  "the request line and headers are longer than is allowed");
  if (found == http_head_scanner::state::broken)
    return refuse(400, "MALFORMED_REQUEST",
                  "not HTTP/1.1: a control character, a line that ends otherwise than by CR LF, "
                  "or one that is folded");
  if (found == http_head_scanner::state::more)
    return read();
  if (!take_head())
    return;
  enter(state::body, service_->limits.body_time);
}

// False: the head was refused.
bool http_connection::take_head() {
  const auto& limits = service_->limits;
  auto read =
      read_http_head(std::exchange(head_text_, {}), {limits.header_count, limits.body_bytes});
  scanner_ = {};
  if (const auto* why = std::get_if<http_refusal>(&read)) {
    refuse(why->status, why->code, why->detail);
    return false;
  }
  auto& head = std::get<http_head>(read);
  request_ = {};
  request_.method = std::move(head.method);
  request_.authority = std::move(head.authority);
  request_.headers = std::move(head.headers);
  target_ = std::move(head.target);
  keep_alive_ = head.keep_alive;
  body_missing_ = head.content_length;
  if (head.expects_continue && body_missing_ > 0 && begin_ == end_)
    say_continue();
  return true;
}

// All answers before have been taken by the kernel, so it takes these few bytes too; should it not,
// the client sends its body after a while of its own.
void http_connection::say_continue() {
  socket_.write_now("HTTP/1.1 100 Continue\r\n\r\n");
}

void http_connection::refuse(int status, std::string_view code, std::string_view detail) {
  keep_alive_ = false;
  write(http_problem(status, code, detail));
}

void http_connection::dispatch() {
  enter(state::handling, service_->limits.handle_time);
  const auto number = ++request_number_;
  const std::string_view target{target_};
  const auto question = std::min(target.find('?'), target.size());
  const auto path = target.substr(0, question);
  request_.path = path;
  http_response otherwise;
  const auto* route =
      find_route(path, target.substr(std::min(question + 1, target.size())), otherwise);
  if (route == nullptr)
    return write(otherwise);
  at_health_ = route->health;
  if (!owner_.at_work(*this, *route))
    return write(http_problem(503, "UNAVAILABLE", "too many requests are being worked on"));
  at_work_ = true;
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
    route->handle(request_, respond);
  } catch (const std::exception& e) {
    // What went wrong inside is for the log, not for whoever asked.
    log(log_event::http_fault,
        {{"method", request_.method}, {"path", request_.path}, {"why", e.what()}},
        "http: {} {}: {}", escape_controls(request_.method), escape_controls(request_.path),
        e.what());
    write(
        http_problem(500, "INTERNAL", "the request met a fault of this server; its log says more"));
  }
}

const http_route* http_connection::find_route(std::string_view path, std::string_view query,
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
      return &route;
    }
    otherwise = http_problem(400, "INVALID_FIELD",
                             parameters ? "the query holds too many names, or a percent sign "
                                          "without two hexadecimal digits"
                                        : "the path holds a percent sign without two "
                                          "hexadecimal digits");
    return nullptr;
  }
  if (allowed.empty()) {
    otherwise = http_problem(404, "NOT_FOUND", "there is nothing under this path");
  } else {
    otherwise = http_problem(405, "METHOD_NOT_ALLOWED", "this path allows " + allowed);
    otherwise.headers.emplace_back("Allow", allowed);
  }
  return nullptr;
}

// --- answering

void http_connection::answer(std::uint64_t request_number, const http_response& response) {
  if (state_ == state::handling && request_number == request_number_)
    write(response);
}

void http_connection::write(const http_response& response) {
  rest();
  if (response.status >= 400 && !at_health_)
    note_refusal(response.code.empty() ? "INTERNAL" : response.code);
  at_health_ = false;
  const bool with_body = request_.method != "HEAD";
  stream_ = with_body ? response.stream : nullptr;
  keep_alive_ = keep_alive_ && !response.stream;
  output_ = serialize(response, service_->date(), keep_alive_, with_body);
  enter(state::writing, service_->limits.write_time);
  socket_.async_write(asio::buffer(output_),
                      [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                        if (self->state_ != state::writing)
                          return;
                        error ? self->close() : self->written();
                      });
}

void http_connection::written() {
  if (stream_)
    return begin_stream();
  if (!keep_alive_)
    return linger();
  enter(state::idle, service_->limits.idle_time);
  release(request_); // an idle connection keeps no memory of what it has done
  release(output_);
  begin_ < end_ ? consume() : read();
}

void http_connection::begin_stream() {
  release(output_);
  stream_->attach([weak = weak_from_this()] {
    if (const auto self = weak.lock())
      asio::post(self->service_->io, [weak] {
        if (const auto again = weak.lock(); again && again->state_ == state::streaming)
          again->stream_on();
      });
  });
  enter(state::streaming, service_->limits.idle_time);
  watch_client();
  stream_on();
}

// A client that goes is noticed at once. What it still sends is nobody's: the answer ends with the
// connection.
void http_connection::watch_client() {
  socket_.async_read_some(
      asio::buffer(buffer_),
      [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
        if (self->state_ != state::streaming)
          return; // it ended meanwhile
        self->discarded_ += size;
        if (error || self->discarded_ > linger_bytes_max)
          self->close();
        else
          self->watch_client();
      });
}

// One piece at a time, each within the time for an answer.
void http_connection::stream_on() {
  if (piece_)
    return;
  bool over = false;
  piece_ = stream_->take(over);
  if (!piece_) {
    if (!over)
      return enter(state::streaming, service_->limits.idle_time);
    stream_.reset();
    return linger();
  }
  enter(state::streaming, service_->limits.write_time);
  socket_.async_write(asio::buffer(*piece_),
                      [self = shared_from_this()](const asio::error_code& error, std::size_t) {
                        self->piece_.reset();
                        if (self->state_ != state::streaming)
                          return;
                        error ? self->close() : self->stream_on();
                      });
}

// Closing with unread bytes would reset the connection, and the peer might lose the answer: says
// that nothing more comes, and reads what is still under way, within limits.
void http_connection::linger() {
  enter(state::lingering, linger_time);
  socket_.async_end([self = shared_from_this()] {
    if (self->state_ == state::lingering)
      self->discard();
  });
}

void http_connection::discard() {
  socket_.async_discard(
      asio::buffer(buffer_),
      [self = shared_from_this()](const asio::error_code& error, std::size_t size) {
        if (self->state_ != state::lingering)
          return; // closed meanwhile
        self->discarded_ += size;
        if (error || self->discarded_ > linger_bytes_max)
          self->close();
        else
          self->discard();
      });
}

} // namespace ledgerd
