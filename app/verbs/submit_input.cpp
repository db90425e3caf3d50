#include "app/verbs/submit_input.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "app/base/text.hpp"
#include "app/base/usage_error.hpp"
#include "app/verbs/verb_support.hpp"
#include "messaging/codec.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t line_bytes_max = 64 * 1024 * 1024;
constexpr std::size_t read_bytes = 64 * 1024;
constexpr int input_wait_ms = 100;

std::string text_field(const nlohmann::json& document, const char* name) {
  if (!document.is_object() || !document.contains(name) || !document[name].is_string())
    return {};
  return document[name].get<std::string>();
}

} // namespace

std::string request_payload(const request_fields& fields) {
  nlohmann::ordered_json payload{
      {"recordId", fields.record_id}, {"userId", fields.user}, {"amount", fields.amount}};
  if (!fields.currency.empty())
    payload["currency"] = fields.currency;
  payload["type"] = fields.type;
  return payload.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

outgoing make_request(std::string payload, bool raw) {
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  outgoing message;
  message.subject = text_field(document, "subject");
  if (raw && !message.subject.empty() && document.contains("payload")
      && document["payload"].is_string()) {
    message.payload = text_field(document, "payload");
    return message;
  }
  message.subject =
      route_of(parse_movement(text_field(document, "type")).value_or(movement::deposit)).request;
  message.payload = std::move(payload);
  return message;
}

void add_message_id(outgoing& message) {
  if (const auto id = record_of(message.payload))
    message.message_id = "request-" + std::to_string(to_int(*id));
}

void validate(const outgoing& message, const currency_table& currencies, const request_rules& rules,
              std::string_view where) {
  const auto decoded = decode_entry(message.subject, message.payload, currencies, rules);
  if (const auto* bad = std::get_if<rejection>(&decoded))
    throw usage_error{std::string{where} + ": " + std::string{to_text(bad->reason)} + ": "
                      + bad->detail};
}

request_lines::request_lines(std::string path, bool raw) : path_{std::move(path)}, raw_{raw} {
  const bool standard = path_ == "-";
  // A FIFO without a writer must not hold up the signal that ends the wait for one.
  descriptor_ = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                         : open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  int why = descriptor_ < 0 ? errno : 0;
  const bool readable =
      descriptor_ >= 0 && (fcntl(descriptor_, F_GETFL) & O_ACCMODE) != O_WRONLY; // it was closed
  const bool known = readable && fstat(descriptor_, &status) == 0;
  if (known && S_ISDIR(status.st_mode))
    why = EISDIR;
  if (known && !S_ISDIR(status.st_mode)) {
    is_file_ = S_ISREG(status.st_mode) && !standard;
    if (standard)
      path_ = "standard input";
    return;
  }
  if (descriptor_ >= 0)
    close(descriptor_);
  throw usage_error{"--file must name a readable file or pipe, or be `-` for standard input, not `"
                    + shorten(path_, 200) + "`"
                    + (why == EISDIR ? ", a directory"
                       : why != 0    ? ": " + std::generic_category().message(why)
                                     : "")};
}

request_lines::~request_lines() {
  close(descriptor_);
}

void request_lines::rewind() {
  if (lseek(descriptor_, 0, SEEK_SET) != 0)
    throw std::runtime_error{"cannot read " + path_
                             + " again: " + std::strerror(errno)}; // NOLINT(concurrency-mt-unsafe)
  at_end_ = false;
  buffer_.clear();
  begin_ = seen_ = 0;
  line_ = 0;
}

// Takes the next line out of the buffer, without its end; the last one may have none.
bool request_lines::take_line(std::string& line) {
  auto end = buffer_.find('\n', seen_);
  if (end == std::string::npos) {
    seen_ = buffer_.size();
    if (!at_end_ || begin_ == buffer_.size())
      return false;
    end = buffer_.size();
  }
  line = buffer_.substr(begin_, end - begin_);
  begin_ = seen_ = std::min(end + 1, buffer_.size());
  ++line_;
  return true;
}

// Reads what there is; false when nothing came in a tenth of a second.
bool request_lines::fill() {
  buffer_.erase(0, begin_);
  seen_ -= begin_;
  begin_ = 0;
  if (buffer_.size() > line_bytes_max)
    throw usage_error{path_ + ":" + std::to_string(line_ + 1) + ": the line is longer than 64 MiB"};
  pollfd wait{descriptor_, POLLIN, 0};
  if (poll(&wait, 1, input_wait_ms) <= 0)
    return false; // nothing, or a signal
  const auto size = buffer_.size();
  buffer_.resize(size + read_bytes);
  const auto got = read(descriptor_, buffer_.data() + size, read_bytes);
  buffer_.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0 && errno != EAGAIN && errno != EINTR)
    throw std::runtime_error{"cannot read " + path_ + ": "
                             + std::strerror(errno)}; // NOLINT(concurrency-mt-unsafe)
  at_end_ = got == 0;
  return got >= 0;
}

request_lines::step request_lines::next(outgoing& message) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  std::string line;
  for (;;) {
    while (!take_line(line)) {
      if (at_end_)
        return step::end;
      if (!fill())
        return step::nothing_yet;
    }
    if (line_ == 1 && line.starts_with(byte_order_mark))
      line.erase(0, byte_order_mark.size());
    if (line.ends_with('\r'))
      line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos)
      continue;
    message = make_request(std::move(line), raw_);
    return step::message;
  }
}

std::string request_lines::where() const {
  return path_ + ":" + std::to_string(line_);
}

} // namespace ledgerd
