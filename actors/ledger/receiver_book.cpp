#include "actors/ledger/receiver_book.hpp"

#include <algorithm>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

constexpr std::uint64_t place_bits = 12;
static_assert(frame_entries_max == std::size_t{1} << place_bits);

// A letter is sent when it has grown so large: far below every limit of a broker.
constexpr std::size_t letter_bytes_max = 32 * 1024;

ticket ticket_of(std::uint64_t serial, std::uint32_t place) {
  return (serial << place_bits) | place;
}

std::uint64_t serial_of(ticket tag) {
  return tag >> place_bits;
}

std::uint32_t place_of(ticket tag) {
  return static_cast<std::uint32_t>(tag & (frame_entries_max - 1));
}

// What an entry takes while it is held.
std::size_t bytes_of(const entry& asked) {
  return sizeof(asked_entry) + asked.account.user_id.size();
}

std::string inbox_of(const std::string& reply) {
  return reply.substr(0, reply.rfind('.'));
}

} // namespace

receiver_book::receiver_book(boot_id self, capacity room)
    : self_(self), room_(room), letter_bytes_(letter_bytes_max) {}

// One answer more than that may be in it, with its text.
void receiver_book::limit_letters(std::size_t message_bytes_max) noexcept {
  letter_bytes_ = std::min(letter_bytes_max, message_bytes_max / 2);
}

// -- frames

void receiver_book::take(std::string_view payload, const std::string& reply, const answer_sink& me,
                         std::vector<asked_entry>& admitted) {
  if (const auto why = reader_.read(payload, self_, read_); why != link_refusal::none)
    return refuse(why, reply);
  writer_.begin(self_, read_.from);
  if (read_.entries.empty()) {
    ++counters_.probes;
    return send(reply);
  }
  const auto from = senders_.try_emplace({read_.from, inbox_of(reply)}).first;
  from->second.reply = reply;
  const auto taken = admitted.size();
  admit(from, me, admitted);
  if (from->second.serials.empty())
    senders_.erase(from);
  counters_.received += static_cast<std::int64_t>(admitted.size() - taken);
}

void receiver_book::refuse(link_refusal why, const std::string& reply) {
  ++(why == link_refusal::damaged   ? counters_.damaged
     : why == link_refusal::version ? counters_.version
                                    : counters_.stranger);
  writer_.begin(self_, read_.from);
  writer_.refuse(why);
  send(reply);
}

void receiver_book::admit(sender_map::iterator from, const answer_sink& me,
                          std::vector<asked_entry>& admitted) {
  const auto known = from->second.serials.find(read_.number);
  auto at = known == from->second.serials.end() ? frames_.end() : frames_.find(known->second);
  auto& entries = read_.entries;
  if (at != frames_.end()) {
    const auto& open = at->second.open;
    const auto held = std::erase_if(entries, [&](const framed_entry& each) {
      return each.place < open.size() && open[each.place];
    });
    counters_.again += static_cast<std::int64_t>(held);
    writer_.holding(read_.number);
  }
  std::size_t bytes = 0;
  const auto fitting = count_fitting(entries, bytes);
  refuse_from(fitting);
  if (at != frames_.end() || fitting < entries.size())
    send(from->second.reply);
  entries.resize(fitting);
  if (entries.empty())
    return;
  if (at == frames_.end()) {
    at = frames_.emplace(++last_serial_, frame{from, read_.number, {}, 0, 0}).first;
    from->second.serials.emplace(read_.number, last_serial_);
  }
  auto& to = at->second;
  to.open.resize(std::max<std::size_t>(to.open.size(), entries.back().place + 1), false);
  to.left += entries.size();
  to.bytes += bytes;
  held_ += entries.size();
  bytes_ += bytes;
  admitted.reserve(admitted.size() + entries.size());
  for (auto& each : entries) {
    to.open[each.place] = true;
    admitted.push_back({.asked = std::move(each.asked),
                        .from = {me, ticket_of(at->first, each.place)},
                        .stream_seq = each.stream_seq,
                        .hops_left = 0,
                        .bytes = each.bytes});
  }
}

// How many of these there is room for, and what they take.
std::size_t receiver_book::count_fitting(const std::vector<framed_entry>& entries,
                                         std::size_t& bytes) const {
  bytes = 0;
  if (shut_)
    return 0;
  const auto most = std::min(entries.size(), room_.messages - held_);
  for (std::size_t i = 0; i < most; ++i) {
    const auto one = bytes_of(entries[i].asked);
    if (one > room_.bytes - bytes_ - bytes)
      return i;
    bytes += one;
  }
  return most;
}

// What does not fit now will, when others are through; but not where nothing is held.
void receiver_book::refuse_from(std::size_t first) {
  const auto& entries = read_.entries;
  if (first == entries.size())
    return;
  const bool later = !shut_ && held_ + first > 0;
  writer_.page(read_.number);
  for (auto i = first; i < entries.size(); ++i)
    if (later)
      writer_.full(entries[i].place);
    else
      writer_.returned(entries[i].place);
  (later ? counters_.full : counters_.returned) +=
      static_cast<std::int64_t>(entries.size() - first);
}

// -- answers

void receiver_book::answer(std::vector<ticketed_answer>&& got) {
  // The answers of a batch come in the order of its accounts, those of a frame scattered in it.
  order_.clear();
  for (std::size_t i = 0; i < got.size(); ++i)
    order_.emplace_back(got[i].tag, i);
  std::sort(order_.begin(), order_.end());
  runs_.clear();
  for (std::size_t begin = 0, end = 0; begin < order_.size(); begin = end) {
    const auto serial = serial_of(order_[begin].first);
    while (end < order_.size() && serial_of(order_[end].first) == serial)
      ++end;
    const auto at = frames_.find(serial);
    LEDGERD_ASSERT(at != frames_.end() || gone_);
    if (at != frames_.end())
      runs_.push_back({at, begin, end});
  }
  std::stable_sort(runs_.begin(), runs_.end(), [](const run& one, const run& other) {
    return one.of->second.from->first < other.of->second.from->first;
  });
  write(got);
}

void receiver_book::write(std::vector<ticketed_answer>& got) {
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    auto& [at, begin, end] = runs_[i];
    const auto from = at->second.from;
    if (i == 0 || runs_[i - 1].of->second.from != from)
      writer_.begin(self_, from->first.first);
    writer_.page(at->second.number);
    for (auto place = begin; place < end; ++place) {
      if (writer_.bytes() > letter_bytes_) {
        send(from->second.reply);
        writer_.begin(self_, from->first.first);
        writer_.page(at->second.number);
      }
      const auto& [tag, which] = order_[place];
      write_one(place_of(tag), got[which]);
      close(at->second, place_of(tag));
    }
    if (i + 1 == runs_.size() || runs_[i + 1].of->second.from != from)
      send(from->second.reply);
  }
  for (const auto& each : runs_)
    if (each.of->second.left == 0)
      leave(each.of);
}

void receiver_book::write_one(std::uint32_t place, const ticketed_answer& what) {
  ++counters_.answered;
  if (what.verdict)
    writer_.decided(place, *what.verdict);
  else if (what.later)
    writer_.later(place);
  else
    writer_.failed(place, what.failure);
}

void receiver_book::return_all() {
  gone_ = true;
  shut_ = true;
  for (auto& [serial, one] : frames_) {
    writer_.begin(self_, one.from->first.first);
    writer_.page(one.number);
    for (std::uint32_t place = 0; place < one.open.size(); ++place)
      if (one.open[place])
        writer_.returned(place);
    counters_.returned += static_cast<std::int64_t>(one.left);
    send(one.from->second.reply);
  }
  frames_.clear();
  senders_.clear();
  held_ = 0;
  bytes_ = 0;
}

void receiver_book::close(frame& of, std::uint32_t place) {
  LEDGERD_ASSERT(place < of.open.size() && of.open[place]);
  of.open[place] = false;
  const auto share = of.bytes / of.left;
  of.bytes -= share;
  bytes_ -= share;
  --of.left;
  --held_;
}

void receiver_book::leave(frame_map::iterator at) {
  const auto from = at->second.from;
  from->second.serials.erase(at->second.number);
  if (from->second.serials.empty())
    senders_.erase(from);
  frames_.erase(at);
}

void receiver_book::send(const std::string& reply) {
  letters_.push_back({reply, std::string{writer_.finish()}});
}

} // namespace ledgerd
