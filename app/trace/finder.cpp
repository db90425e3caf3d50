#include "app/trace/finder.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "app/base/text.hpp"
#include "messaging/names.hpp"
#include "messaging/record_look.hpp"

namespace ledgerd {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::int64_t ms = 1'000'000; // in nanoseconds

std::uint64_t number_at(const stored_message& message, std::string_view name) {
  const auto text = header_text(message, name);
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  return std::from_chars(text.data(), end, number) == std::from_chars_result{end, {}} ? number : 0;
}

bool holds(const std::vector<stored_message>& list, std::uint64_t seq) {
  return std::any_of(list.begin(), list.end(), [&](const auto& each) { return each.seq == seq; });
}

// A stream under search: what it holds, what was looked at, and what was found.
struct searched {
  std::string_view name;
  stream_state state;
  std::vector<stored_message>& found;
  stream_reach reach;

  searched(const shelf& on, std::string_view stream, std::vector<stored_message>& into)
      : name(stream), state(on.state(stream)),
        found(into), reach{.stream = stream, .exists = state.exists, .held = state.messages} {}

  bool is_empty() const { return !state.exists || state.messages == 0; }

  void look(const stored_message& message) {
    ++reach.read;
    if (reach.back_to_ns == 0 || message.stored_at_ns < reach.back_to_ns)
      reach.back_to_ns = message.stored_at_ns;
  }

  void take(const stored_message& message) {
    if (!holds(found, message.seq))
      found.push_back(message);
  }
};

class message_search {
public:
  message_search(const shelf& on, record_id id, const std::optional<database_time>& decided,
                 const search_limits& limits)
      : on_(on), id_(id), limits_(limits), requests_(on, names::request_stream, all_.requests),
        results_(on, names::result_stream, all_.results),
        letters_(on, names::dead_letter_stream, all_.dead_letters),
        actions_(on, names::action_stream, all_.actions), until_(steady::now() + limits.patience) {
    if (decided)
      decided_ns_ = to_int(*decided) * 1000;
  }

  found_messages run() {
    const auto names_it = [this](const stored_message& m) { return names(m); };
    if (limits_.all) {
      for (auto* each : {&results_, &requests_})
        read_all(*each, names_it);
      read_all(letters_, [this](const stored_message& m) { return is_letter(m); });
      read_all(actions_, [this](const stored_message& m) { return is_action(m); });
    } else {
      find_results();
      find_requests();
      find_letters();
      find_actions();
    }
    for (auto* each : {&requests_, &results_, &letters_, &actions_}) {
      std::sort(each->found.begin(), each->found.end(),
                [](const auto& x, const auto& y) { return x.seq < y.seq; });
      each->reach.all =
          each->reach.all || each->is_empty() || each->reach.read >= each->state.messages;
      all_.looked.push_back(each->reach);
    }
    return std::move(all_);
  }

private:
  using wanted = std::function<bool(const stored_message&)>;

  bool names(const stored_message& message) const {
    return may_name(message.payload, id_) && named_record(message.payload) == id_;
  }

  bool is_of_a_request(const stored_message& message) const {
    return header_text(message, "Ledgerd-Stream") == names::request_stream
           && holds(all_.requests, number_at(message, "Ledgerd-Sequence"));
  }

  bool is_letter(const stored_message& message) const {
    return names(message) || is_of_a_request(message);
  }

  bool is_action(const stored_message& message) const {
    return names(message) || is_of_a_request(message)
           || holds(all_.dead_letters, number_at(message, "Ledgerd-Letter"));
  }

  bool is_over() const { return steady::now() >= until_; }

  void read_all(searched& in, const wanted& is_wanted) {
    if (in.is_empty())
      return;
    on_.from(in.name, in.state.first_seq, [&](const stored_message& message) {
      in.look(message);
      if (limits_.progress && in.reach.read % 1024 == 0)
        limits_.progress(in.name, in.reach.read, in.state.messages);
      if (is_wanted(message))
        in.take(message);
      return true;
    });
    in.reach.all = true;
  }

  // Reads a part by sequence numbers, both ends included.
  void read_part(searched& in, std::uint64_t first, std::uint64_t last, const wanted& is_wanted) {
    on_.from(in.name, std::max(first, in.state.first_seq), [&](const stored_message& message) {
      if (message.seq > last)
        return false;
      in.look(message);
      if (is_wanted(message))
        in.take(message);
      return message.seq < last;
    });
  }

  // Backwards from `last` in growing parts, until a part held something, `at_most` messages were
  // read or the time is over.
  void read_back(searched& in, std::uint64_t last, std::uint64_t at_most, const wanted& is_wanted,
                 bool stop_when_found) {
    std::uint64_t part = 2000;
    for (std::uint64_t read = 0; !in.is_empty() && last >= in.state.first_seq && read < at_most;) {
      part = std::min(part, at_most - read);
      const auto first =
          last >= part ? std::max(last - part + 1, in.state.first_seq) : in.state.first_seq;
      const auto before = in.found.size();
      read_part(in, first, last, is_wanted);
      if ((stop_when_found && in.found.size() > before) || first <= in.state.first_seq || is_over())
        return;
      read += last - first + 1;
      last = first - 1;
      part *= 2;
    }
  }

  // By time, until something was found.
  void read_window(searched& in, std::int64_t since, std::int64_t until, std::uint64_t at_most,
                   const wanted& is_wanted) {
    std::uint64_t read = 0;
    on_.since(in.name, since, [&](const stored_message& message) {
      if (message.stored_at_ns > until)
        return false;
      in.look(message);
      if (is_wanted(message)) {
        in.take(message);
        return false;
      }
      return ++read < at_most && !is_over();
    });
  }

  // A result follows its row at once; clocks may differ, and the broker may have been away.
  void find_results() {
    const auto names_it = [this](const stored_message& m) { return names(m); };
    if (results_.is_empty())
      return;
    if (!decided_ns_)
      return read_back(results_, results_.state.last_seq, limits_.newest_max, names_it, true);
    struct window {
      std::int64_t before, after;
      std::uint64_t at_most;
    };
    for (const auto& each :
         {window{50 * ms, 5000 * ms, 4000}, window{2000 * ms, 60'000 * ms, 60'000},
          window{120'000 * ms, 600'000 * ms, 400'000}}) {
      read_window(results_, *decided_ns_ - each.before, *decided_ns_ + each.after, each.at_most,
                  names_it);
      if (!results_.found.empty() || is_over())
        return;
    }
  }

  // The message with this number, if it is of this record.
  bool take_request(std::uint64_t seq) {
    if (seq == 0 || holds(all_.requests, seq))
      return false;
    const auto message = on_.at(names::request_stream, seq);
    if (!message)
      return false;
    requests_.look(*message);
    if (!names(*message))
      return false;
    requests_.take(*message);
    return true;
  }

  void find_requests() {
    const auto names_it = [this](const stored_message& m) { return names(m); };
    if (requests_.is_empty())
      return;
    for (const auto& result : all_.results)
      if (const auto origin = origin_of(result.headers))
        take_request(origin->seq);
    if (!requests_.found.empty())
      return;
    if (const auto place = place_by_order()) {
      const auto first = *place > 1000 ? *place - 1000 : 1;
      read_part(requests_, first, *place + 1000, names_it);
    }
    if (!requests_.found.empty() || is_over())
      return;
    auto last = requests_.state.last_seq;
    if (decided_ns_) {
      on_.since(names::request_stream, *decided_ns_, [&](const stored_message& message) {
        last = std::min(last, message.seq + 500);
        return false;
      });
    }
    read_back(requests_, last, limits_.newest_max, names_it, true);
  }

  // The record at about this place; a message that names none is passed over.
  std::optional<std::int64_t> id_near(std::uint64_t& seq, std::uint64_t last) {
    for (int tries = 0; tries < 4 && seq <= last; ++tries, ++seq) {
      const auto message = on_.at(names::request_stream, seq);
      if (!message)
        continue;
      requests_.look(*message);
      if (const auto named = named_record(message->payload))
        return to_int(*named);
    }
    return std::nullopt;
  }

  // Whoever makes record ids mostly counts up, so a few looks lead to the place where this one
  // would stand. Nothing when the ids are in no such order.
  std::optional<std::uint64_t> place_by_order() {
    auto low = requests_.state.first_seq;
    auto high = requests_.state.last_seq;
    const auto last = high;
    const auto wanted_id = to_int(id_);
    auto low_id = id_near(low, last);
    auto high_id = id_near(high, last);
    if (!low_id || !high_id || *low_id >= *high_id || wanted_id < *low_id || wanted_id > *high_id)
      return std::nullopt;
    for (int step = 0; step < 24 && high - low > 1000; ++step) {
      const auto width = high - low;
      const auto share =
          static_cast<double>(wanted_id - *low_id) / static_cast<double>(*high_id - *low_id);
      auto middle = low + static_cast<std::uint64_t>(share * static_cast<double>(width));
      middle = std::clamp(middle, low + width / 16, high - width / 16);
      const auto id = id_near(middle, last);
      if (!id || *id < *low_id || *id > *high_id || middle >= high)
        return std::nullopt;
      if (*id == wanted_id)
        return middle;
      (*id < wanted_id ? low : high) = middle;
      (*id < wanted_id ? low_id : high_id) = id;
    }
    return low + (high - low) / 2;
  }

  void find_letters() {
    const auto is_wanted = [this](const stored_message& m) { return is_letter(m); };
    if (letters_.is_empty())
      return;
    const auto at_most = decided_ns_ ? limits_.letters_least : limits_.newest_max;
    read_back(letters_, letters_.state.last_seq, at_most, is_wanted, !decided_ns_);
    // What is parked is parked soon.
    if (!requests_.found.empty() && letters_.reach.back_to_ns > requests_.found[0].stored_at_ns)
      read_window(letters_, requests_.found[0].stored_at_ns, no_time_limit, 2000, is_wanted);
    for (const auto& letter : all_.dead_letters)
      if (header_text(letter, "Ledgerd-Stream") == names::request_stream)
        take_request(number_at(letter, "Ledgerd-Sequence"));
  }

  void find_actions() {
    const auto is_wanted = [this](const stored_message& m) { return is_action(m); };
    if (!actions_.is_empty())
      read_back(actions_, actions_.state.last_seq, limits_.letters_least, is_wanted, false);
    for (const auto& action : all_.actions)
      if (header_text(action, "Ledgerd-Stream") == names::request_stream)
        take_request(number_at(action, "Ledgerd-Sequence"));
  }

  static constexpr std::int64_t no_time_limit = std::numeric_limits<std::int64_t>::max();

  const shelf& on_;
  const record_id id_;
  const search_limits& limits_;
  std::optional<std::int64_t> decided_ns_;
  found_messages all_;
  searched requests_;
  searched results_;
  searched letters_;
  searched actions_;
  const steady::time_point until_;
};

} // namespace

shelf shelf_of(broker& nats) {
  return {.state = [&nats](std::string_view stream) { return nats.stream(stream); },
          .at = [&nats](std::string_view stream,
                        std::uint64_t seq) { return nats.message(stream, seq); },
          .from = [&nats](std::string_view stream, std::uint64_t seq,
                          const shelf::visitor& visit) { nats.read(stream, "", seq, visit); },
          .since = [&nats](std::string_view stream, std::int64_t since,
                           const shelf::visitor& visit) { nats.read_since(stream, since, visit); }};
}

found_messages find_messages(const shelf& from, record_id id,
                             const std::optional<database_time>& decided,
                             const search_limits& limits) {
  return message_search(from, id, decided, limits).run();
}

std::optional<record_id> named_record(std::string_view payload) {
  const auto document = nlohmann::json::parse(payload, nullptr, false);
  const auto found = document.is_object() ? document.find("recordId") : document.end();
  if (!document.is_object() || found == document.end())
    return std::nullopt;
  const auto text = found->is_string()           ? found->get<std::string>()
                    : found->is_number_integer() ? found->dump()
                                                 : std::string();
  const auto number = parse_integer(text, 1, INT64_MAX);
  if (!number)
    return std::nullopt;
  return record_id{*number};
}

std::string_view header_text(const stored_message& message, std::string_view name) {
  for (const auto& each : message.headers)
    if (each.name == name)
      return each.value;
  return {};
}

} // namespace ledgerd
