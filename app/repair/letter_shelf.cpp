#include "app/repair/letter_shelf.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>

#include "messaging/names.hpp"

namespace ledgerd {

namespace {

constexpr std::uint64_t first_block = 256;
constexpr std::uint64_t largest_block = 16384;

// Reads a stream from its end towards its beginning, in blocks that grow: a broker reads forwards
// only. `take` turns a message into an item, or into nothing; what was stored before `since_ns`
// ends the reading.
template <class Item, class Take>
newest_page<Item> read_newest(broker& nats, std::string_view stream, std::size_t limit,
                              std::uint64_t before, std::int64_t since_ns, const stop_asked& stop,
                              Take take) {
  newest_page<Item> page;
  const auto state = nats.stream(stream);
  if (!state.exists || state.messages == 0 || limit == 0)
    return page;
  auto end = before == 0 ? state.last_seq : std::min(state.last_seq, before - 1);
  bool older = false;
  for (auto block = first_block; end >= state.first_seq && !older;
       block = std::min(block * 4, largest_block)) {
    if (page.items.size() == limit || stop()) {
      page.next = end + 1;
      break;
    }
    const auto begin = std::max(state.first_seq, end >= block ? end - block + 1 : 1);
    const auto room = limit - page.items.size();
    std::deque<std::pair<std::uint64_t, Item>> found; // the newest of this block
    bool stopped = false;
    nats.read(stream, "", begin, [&](const stored_message& message) {
      if (message.seq > end)
        return false;
      older = older || message.stored_at_ns < since_ns;
      if (auto item = take(message))
        found.emplace_back(message.seq, *std::move(item));
      if (found.size() > room)
        found.pop_front();
      stopped = message.seq % 256 == 0 && stop();
      return !stopped && message.seq < end;
    });
    if (stopped) { // of this block nothing is known for sure
      page.next = end + 1;
      break;
    }
    const auto oldest_taken = found.size() == room && !found.empty() ? found.front().first : begin;
    std::transform(std::make_move_iterator(found.rbegin()), std::make_move_iterator(found.rend()),
                   std::back_inserter(page.items),
                   [](auto&& each) { return std::move(each.second); });
    end = oldest_taken - 1;
    older = older && page.items.size() < limit;
  }
  return page;
}

} // namespace

bool letter_shelf::read_marks(const stop_asked& stop) {
  const auto state = nats_.stream(names::action_stream);
  // What was done before the letters' stream was made was done to others of the same numbers.
  const auto letters_since_ns = nats_.stream(names::dead_letter_stream).created_at_ns;
  if (state.created_at_ns != actions_read_.created_at_ns || letters_since_ns != marks_since_ns_) {
    marks_ = letter_marks{};
    ++marks_version_;
    actions_read_ = {state.created_at_ns, 0, 0};
    marks_since_ns_ = letters_since_ns;
  }
  if (!state.exists || state.messages == 0 || state.last_seq <= actions_read_.read_up_to)
    return true;
  bool stopped = false;
  nats_.read(names::action_stream, names::replay_subject, actions_read_.read_up_to + 1,
             [&](const stored_message& entry) {
               const auto letter = number_of(value_of(entry, names::letter_header));
               if (letter && entry.stored_at_ns >= letters_since_ns)
                 marks_.replayed(*letter, entry.stored_at_ns);
               ++marks_version_;
               actions_read_.read_up_to = entry.seq;
               stopped = stop();
               return !stopped;
             });
  if (!stopped)
    actions_read_.read_up_to = std::max(actions_read_.read_up_to, state.last_seq);
  return !stopped;
}

shelved_letter letter_shelf::shelve(dead_letter letter, bool whole) {
  shelved_letter result;
  read_content(letter);
  auto& payload = letter.message.payload;
  result.payload_bytes = payload.size();
  if (!whole && payload.size() > shown_payload_max) {
    payload.resize(shown_payload_max);
    payload.shrink_to_fit();
  }
  if (!whole)
    cut_texts(letter);
  result.replays = marks_.of(letter.seq());
  result.letter = std::move(letter);
  return result;
}

// Whether what was replayed has come back. Only letters that are newer than theirs can say so.
void letter_shelf::note_failures(std::vector<shelved_letter>& letters, bool marks_complete,
                                 const stop_asked& stop) {
  std::unordered_map<std::uint64_t, shelved_letter*> replayed;
  auto oldest = UINT64_MAX;
  for (auto& each : letters) {
    each.marks_complete = marks_complete;
    if (each.replays.times > 0) {
      replayed.emplace(each.letter.seq(), &each);
      oldest = std::min(oldest, each.letter.seq());
    }
  }
  if (replayed.empty())
    return;
  bool stopped = false;
  nats_.read(names::dead_letter_stream, "", oldest + 1, [&](const stored_message& message) {
    if (const auto of = number_of(value_of(message, names::replay_of)))
      if (const auto found = replayed.find(*of); found != replayed.end())
        found->second->failed_again = message.seq;
    stopped = stop();
    return !stopped;
  });
  if (stopped)
    for (const auto& [seq, each] : replayed)
      each->marks_complete = false;
}

// The broker finds entries by their subject only, so all discards are read.
void letter_shelf::note_discard(shelved_letter& shown, const stop_asked& stop) {
  if (nats_.stream(names::action_stream).messages == 0)
    return;
  nats_.read(names::action_stream, names::discard_subject, 1, [&](const stored_message& entry) {
    if (is_earlier_discard(entry, shown.letter))
      shown.discarded_before = read_action(entry);
    const bool stopped = stop();
    shown.marks_complete = shown.marks_complete && !stopped;
    return !stopped;
  });
}

newest_page<shelved_letter> letter_shelf::page(const letter_filter& filter, std::size_t limit,
                                               std::uint64_t before, const stop_asked& stop) {
  const bool marks_complete = read_marks(stop);
  const auto replays = [&](std::uint64_t seq) { return marks_.of(seq).times; };
  auto result = read_newest<shelved_letter>(
      nats_, names::dead_letter_stream, limit, before, filter.since_ns(), stop,
      [&](const stored_message& message) -> std::optional<shelved_letter> {
        auto letter = read_letter(message);
        if (!filter.matches(letter, replays))
          return std::nullopt;
        return shelve(std::move(letter), false);
      });
  note_failures(result.items, marks_complete, stop);
  return result;
}

std::optional<shelved_letter> letter_shelf::find(std::uint64_t seq, const stop_asked& stop) {
  auto message = nats_.message(names::dead_letter_stream, seq);
  if (!message)
    return std::nullopt;
  const bool marks_complete = read_marks(stop);
  std::vector<shelved_letter> one;
  one.push_back(shelve(read_letter(*std::move(message)), true));
  note_failures(one, marks_complete, stop);
  note_discard(one.front(), stop);
  return std::move(one.front());
}

letter_shelf::grouping letter_shelf::groups(const letter_filter& filter, const stop_asked& stop) {
  const auto state = nats_.stream(names::dead_letter_stream);
  grouping result;
  if (!state.exists || state.messages == 0)
    return result;
  if (!read_marks(stop)) {
    result.complete = false;
    return result;
  }
  letter_groups some;
  auto& into = filter.empty() ? all_groups_ : some;
  auto from = state.first_seq;
  if (filter.empty()) {
    // What was added since can be counted; what was deleted cannot be taken away, nor is known of
    // which group a letter is that was replayed.
    // Nothing is known until all is read: a look that fails may have counted some.
    const auto before = std::exchange(letters_read_, {});
    const auto added = state.last_seq - std::min(state.last_seq, before.read_up_to);
    if (letters_marked_ == marks_version_ && state.created_at_ns == before.created_at_ns
        && state.messages == before.messages + added)
      from = before.read_up_to + 1;
    else
      all_groups_ = {};
  }
  const auto replays = [&](std::uint64_t seq) { return marks_.of(seq).times; };
  if (from <= state.last_seq)
    nats_.read(names::dead_letter_stream, "", from, [&](const stored_message& message) {
      if (message.seq > state.last_seq)
        return false;
      auto letter = read_letter(message);
      if (letter.replay_of)
        into.note_failure(*letter.replay_of);
      if (filter.matches(letter, replays))
        into.add(letter, replays(letter.seq()));
      if (message.seq % 256 == 0 && stop())
        result.complete = false;
      return result.complete;
    });
  if (filter.empty()) {
    letters_read_ =
        result.complete ? reach{state.created_at_ns, state.last_seq, state.messages} : reach{};
    letters_marked_ = marks_version_;
  }
  result.groups = into.sorted();
  result.others = into.others();
  return result;
}

newest_page<action> letter_shelf::actions(std::size_t limit, std::uint64_t before,
                                          const stop_asked& stop) {
  return read_newest<action>(
      nats_, names::action_stream, limit, before, 0, stop,
      [](const stored_message& entry) { return std::optional{read_action(entry)}; });
}

} // namespace ledgerd
