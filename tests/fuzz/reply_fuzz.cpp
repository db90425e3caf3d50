// What comes to a pull source: acknowledgement subjects, and the statuses of its requests, as a
// script that a hostile broker might play. However it lies, the books keep their bounds.
//
// An input is lines: `subject`, `code description`, `missing`, `bytes` and so on, see `step`.
#include <nats/nats.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "messaging/nats/pull_arrivals.hpp"
#include "messaging/nats/pull_book.hpp"
#include "tests/fuzz/fuzz.hpp"

// As the library itself makes a message that has come; it is in none of its headers.
extern "C" natsStatus natsMsg_create(natsMsg** made, const char* subject, int subject_size,
                                     const char* reply, int reply_size, const char* bytes, int size,
                                     int block_size);

namespace {

using namespace ledgerd;

constexpr std::size_t request_max = 500;

void try_receipt(std::string_view subject) {
  const auto facts = parse_receipt(subject);
  if (!facts)
    return;
  demand(facts->deliveries > 0 && facts->stream_seq > 0 && facts->consumer_seq > 0,
         "a receipt of nothing");
  demand(!facts->stream.empty() && !facts->consumer.empty(), "a receipt of nobody");
  const auto number = [](std::uint64_t n) { return "." + std::to_string(n); };
  const auto plain =
      "$JS.ACK." + std::string(facts->stream) + "." + std::string(facts->consumer)
      + number(facts->deliveries) + number(facts->stream_seq) + number(facts->consumer_seq)
      + number(static_cast<std::uint64_t>(facts->stored_at_ns)) + number(facts->pending);
  const auto again = parse_receipt(plain);
  demand(again && again->stream == facts->stream && again->consumer == facts->consumer
             && again->deliveries == facts->deliveries && again->stream_seq == facts->stream_seq
             && again->consumer_seq == facts->consumer_seq
             && again->stored_at_ns == facts->stored_at_ns && again->pending == facts->pending,
         "a receipt means something else");
}

// Messages are freed by a thread of the library.
class library {
public:
  library() { demand(nats_Open(-1) == NATS_OK, "the library does not start"); }
  library(const library&) = delete;
  library& operator=(const library&) = delete;
  ~library() { nats_Close(); }
};

message_ptr make_message(const std::string& subject, const std::string& reply,
                         const std::string& block, std::string_view payload) {
  const auto size = [](std::string_view text) { return static_cast<int>(text.size()); };
  const auto bytes = block + std::string(payload);
  natsMsg* raw = nullptr;
  if (natsMsg_create(&raw, subject.data(), size(subject), reply.data(), size(reply), bytes.data(),
                     size(bytes), size(block))
      != NATS_OK)
    return nullptr;
  return message_ptr(raw);
}

// The source's side of a conversation: what pull_source.cpp does with notices.
class listener {
public:
  void step(std::string_view line) {
    const auto kind = line.empty() ? '\0' : line.front();
    const auto rest = line.substr(std::min<std::size_t>(line.size(), 1));
    const auto number = [&] { return parse_number(rest.substr(0, 20)).value_or(rest.size()); };
    switch (kind) {
    case '$': // a delivery with this acknowledgement subject
      return deliver(std::string(line));
    case 's': // a status: number of the request, code, what stands in the header's lines
      return say(rest);
    case '+':
      now_ += std::chrono::milliseconds(number() % 10000);
      book_.expire(now_);
      break;
    case 'm':
      book_.expect_messages_of(number());
      break;
    case 'c':
      book_.clear();
      break;
    default:
      break;
    }
    pull({number() % 1000, kind == 'u' ? std::numeric_limits<std::size_t>::max() : 100'000});
  }

private:
  void deliver(const std::string& reply) {
    if (const auto message = make_message("_INBOX.x.1", reply, "", "{}"))
      arrivals_.receive(message.get());
    look();
    for (const auto& one : arrivals_.take())
      demand(one.stream == "S" && one.stream_seq > 0 && one.deliveries > 0, "a foreign delivery");
  }

  void say(std::string_view rest) {
    const auto words = [&] {
      const auto end = std::min(rest.find('|'), rest.size());
      const auto word = std::string(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      return word;
    };
    const auto subject = "_INBOX.x." + words();
    std::string block = "NATS/1.0 ";
    block.append(words()).append(" ").append(words()).append("\r\n");
    for (const auto* name : {"Nats-Pending-Messages", "Nats-Pending-Bytes"})
      if (const auto value = words(); !value.empty())
        block.append(name).append(": ").append(value).append("\r\n");
    const auto message = make_message(subject, "", block + "\r\n", "");
    if (message == nullptr)
      return;
    arrivals_.receive(message.get());
    look();
  }

  void look() {
    auto got = arrivals_.look();
    book_.arrived(got.count.arrived, now_);
    for (const auto& one : got.notices) {
      if (one.is_heartbeat()) {
        book_.heard(one.request, now_);
        continue;
      }
      if (const auto limit = one.batch_limit())
        book_.limit_requests(*limit, now_);
      if (const auto limit = one.bytes_limit())
        book_.limit_request_bytes(*limit, now_);
      if (one.bytes_are_used_up())
        book_.too_small(one.request, one.missing, now_);
      book_.ended(one.request, one.missing, one.missing_bytes);
    }
  }

  void pull(const capacity& room) {
    for (int i = 0; i < 3; ++i)
      if (const auto wish = book_.next(room, now_))
        demand(wish->batch > 0 && wish->batch <= request_max && wish->batch <= room.messages
                   && (room.bytes == std::numeric_limits<std::size_t>::max() || wish->bytes == 0
                       || wish->bytes <= room.bytes),
               "a request for more than there is room");
    demand(book_.open() <= pull_book::open_max, "too many requests are open");
  }

  arrivals arrivals_{"S", "C", std::make_shared<life_answers>()};
  pull_book book_{request_max};
  pull_book::time_point now_{std::chrono::hours(1)};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const library open;
  auto rest = text_of(data, size);
  listener source;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    try_receipt(line);
    source.step(line);
  }
  return 0;
}
