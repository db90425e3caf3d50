#include "app/trace/stream_search.hpp"

#include <algorithm>

namespace ledgerd {

void seen_parts::add(std::uint64_t first, std::uint64_t last) {
  if (last < first)
    return;
  auto next = parts_.upper_bound(first);
  if (next != parts_.begin())
    if (const auto before = std::prev(next); before->second + 1 >= first) {
      first = before->first;
      last = std::max(last, before->second);
      next = parts_.erase(before);
    }
  while (next != parts_.end() && next->first <= last + 1) {
    last = std::max(last, next->second);
    next = parts_.erase(next);
  }
  parts_.emplace(first, last);
}

bool seen_parts::holds(std::uint64_t first, std::uint64_t last) const {
  const auto next = parts_.upper_bound(first);
  return next != parts_.begin() && std::prev(next)->second >= last;
}

stream_search::stream_search(const shelf& on, std::string_view stream,
                             std::vector<stored_message>& found, const search_limits& limits,
                             std::chrono::steady_clock::time_point until)
    : on_(on), name_(stream), found_(found), limits_(limits), until_(until),
      state_(on.state(stream)) {}

// Each message counts once, however often it is looked at.
void stream_search::look(const stored_message& message) {
  if (seen_.holds(message.seq))
    return;
  if (++read_ % 1024 == 0 && limits_.progress)
    limits_.progress(name_, read_, state_.messages);
  if (back_to_ns_ == 0 || message.stored_at_ns < back_to_ns_)
    back_to_ns_ = message.stored_at_ns;
}

void stream_search::take(const stored_message& message) {
  if (!found_numbers_.insert(message.seq).second)
    return;
  auto bytes = message.payload.size();
  for (const auto& each : message.headers)
    bytes += each.name.size() + each.value.size();
  const bool fits = found_.size() < kept_max && kept_bytes_ + bytes <= kept_bytes_max;
  if (!fits && !found_.empty())
    return;
  kept_bytes_ += bytes;
  found_.push_back(message);
}

std::optional<stored_message> stream_search::fetch(std::uint64_t seq, const wanted& is_wanted) {
  auto message = on_.at(name_, seq);
  if (message)
    note(*message, is_wanted);
  seen_.add(seq, seq);
  return message;
}

void stream_search::note(const stored_message& message, const wanted& is_wanted) {
  look(message);
  if (is_wanted(message))
    take(message);
}

bool stream_search::look_at(std::uint64_t seq, const wanted& is_wanted) {
  if (is_empty() || seq < state_.first_seq)
    return false;
  const auto message = fetch(seq, is_wanted);
  return message && is_wanted(*message);
}

std::optional<std::uint64_t> stream_search::first_on(std::string_view subject,
                                                     std::uint64_t seq) const {
  const auto message = is_empty() ? std::nullopt : on_.first_on(name_, subject, seq);
  return message ? std::optional{message->seq} : std::nullopt;
}

void stream_search::read_all(const wanted& is_wanted) {
  if (!is_empty())
    read_part(state_.first_seq, state_.last_seq, is_wanted);
}

void stream_search::read_part(std::uint64_t first, std::uint64_t last, const wanted& is_wanted) {
  first = std::max(first, state_.first_seq);
  last = std::min(last, state_.last_seq);
  if (is_empty() || last < first)
    return;
  on_.from(name_, first, [&](const stored_message& message) {
    if (message.seq > last)
      return false;
    note(message, is_wanted);
    if (!limits_.all && is_over())
      last = message.seq;
    return message.seq < last;
  });
  seen_.add(first, last);
}

void stream_search::read_back(std::uint64_t first, std::uint64_t last, std::uint64_t at_most,
                              const wanted& is_wanted, until_found how) {
  if (is_empty())
    return;
  first = std::max(first, state_.first_seq);
  last = std::min(last, state_.last_seq);
  std::uint64_t part = 2000;
  for (std::uint64_t read = 0; last >= first && read < at_most && !is_over();) {
    part = std::min(part, at_most - read);
    const auto begin = last - first >= part ? last - part + 1 : first;
    const auto before = found_.size();
    if (!seen_.holds(begin, last))
      read_part(begin, last, is_wanted);
    if ((how == until_found::first && found_.size() > before) || begin == first)
      return;
    read += last - begin + 1;
    last = begin - 1;
    part *= 2;
  }
}

void stream_search::read_window(std::int64_t since, std::int64_t until, std::uint64_t at_most,
                                const wanted& is_wanted, until_found how) {
  if (is_empty())
    return;
  std::uint64_t read = 0, first = 0, last = 0;
  on_.since(name_, since, [&](const stored_message& message) {
    if (message.stored_at_ns > until)
      return false;
    look(message);
    first = first == 0 ? message.seq : first;
    last = message.seq;
    if (is_wanted(message)) {
      take(message);
      if (how == until_found::first)
        return false;
    }
    return ++read < at_most && !is_over();
  });
  if (first != 0)
    seen_.add(first, last);
}

// The key at about this place; a message that has none is passed over.
std::optional<std::int64_t> stream_search::key_near(std::uint64_t& seq, std::uint64_t last,
                                                    const order& by) {
  for (int tries = 0; tries < 4 && seq <= last; ++tries, ++seq) {
    const auto message = fetch(seq, by.is_wanted);
    const bool counts = message && (by.subject.empty() || message->subject == by.subject);
    if (const auto key = counts ? by.of(*message) : std::nullopt)
      return key;
  }
  const auto next =
      by.subject.empty() || seq > last ? std::nullopt : on_.first_on(name_, by.subject, seq);
  if (!next || next->seq > last)
    return std::nullopt;
  note(*next, by.is_wanted);
  seq = next->seq;
  seen_.add(seq, seq);
  return by.of(*next);
}

// The key at the end, where messages of other subjects may stand.
std::optional<std::int64_t> stream_search::last_key(std::uint64_t low, std::uint64_t& high,
                                                    const order& by) {
  constexpr std::uint64_t close = 250;
  const auto last = high;
  auto key = key_near(high, last, by);
  if (key || by.subject.empty())
    return key;
  auto begin = last, none = last + 1; // from `none` on there is nothing
  for (std::uint64_t step = close; !key && begin > low && !is_over(); step *= 2) {
    none = begin;
    begin -= std::min(step, begin - low);
    high = begin;
    key = key_near(high, last, by);
  }
  while (key && none - high > close && high < none && !is_over()) {
    const auto middle = high + (none - high) / 2;
    auto found = middle;
    if (const auto later = key_near(found, last, by)) {
      high = found;
      key = later;
    } else {
      none = middle;
    }
  }
  return key;
}

// Nothing when the keys are in no order. By so many places as are read around one they may be off.
std::optional<std::uint64_t> stream_search::place_of(std::uint64_t low, std::uint64_t high,
                                                     std::int64_t key, const order& by,
                                                     std::uint64_t around) {
  constexpr std::uint64_t close = 250; // reading so many costs about what one more look does
  const auto last = high;
  auto low_key = key_near(low, last, by);
  auto high_key = last_key(low, high, by);
  if (!low_key || !high_key || *low_key >= *high_key || key < *low_key || key > *high_key)
    return std::nullopt;
  const auto slack = static_cast<std::int64_t>(
      static_cast<double>(*high_key - *low_key)
      * std::min(1.0, static_cast<double>(around) / static_cast<double>(high - low)));
  for (int step = 0; step < 32 && high > low && high - low > close; ++step) {
    const auto width = high - low;
    const auto share =
        static_cast<double>(key - *low_key) / static_cast<double>(*high_key - *low_key);
    auto middle = low + static_cast<std::uint64_t>(share * static_cast<double>(width));
    middle = std::clamp(middle, low + width / 16, high - width / 16);
    const auto asked = middle;
    const auto found = key_near(middle, last, by);
    if (found && middle >= high && !by.subject.empty()) {
      high = asked; // nothing of this subject stands in between
      continue;
    }
    if (!found || middle >= high || *low_key - *found > slack || *found - *high_key > slack)
      return std::nullopt;
    if (*found == key)
      return middle;
    (*found < key ? low : high) = middle;
    (*found < key ? low_key : high_key) = std::clamp(*found, *low_key, *high_key);
  }
  return low + (high - low) / 2;
}

bool stream_search::find_by_order(std::uint64_t first, std::uint64_t last, std::int64_t key,
                                  const key_of& of, const wanted& is_wanted, std::uint64_t around,
                                  std::string_view subject) {
  if (is_empty() || is_over())
    return false;
  first = std::max(first, state_.first_seq);
  last = std::min(last, state_.last_seq);
  if (last < first)
    return false;
  const auto before = found_.size();
  if (const auto place = place_of(first, last, key, {of, is_wanted, subject}, around);
      place && found_.size() == before)
    read_part(std::max(first, *place > around ? *place - around : 1),
              std::min(last, *place + around), is_wanted);
  return found_.size() > before;
}

stream_reach stream_search::reach() const {
  return {.stream = name_,
          .exists = state_.exists,
          .all = is_known(),
          .waiting = waiting_read_,
          .held = state_.messages,
          .read = read_,
          .back_to_ns = back_to_ns_,
          .left_out = found_numbers_.size() - found_.size(),
          .made_at_ns = state_.created_at_ns};
}

} // namespace ledgerd
